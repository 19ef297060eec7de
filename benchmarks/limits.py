"""How far training, scoring and encoding are from what the machine can do at all.

`python -m benchmarks.limits [--threads N] [--rows 200000] [--results FOLDER]` measures the limits (matrix products in
float32 and bfloat16, a copy in memory, Parquet written and read by pyarrow alone), then the encode stage beside pyarrow
reading the same rows and writing the same encoded rows, and sets the rows a second of speed.csv, measured before by
`benchmarks.speed`, against what their arithmetic and their optimiser's bytes would allow (the roofline of Williams,
Waterman and Patterson 2009: no faster than the slower of the two). Writes FOLDER/limits.csv.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import flops
from benchmarks.measured import RESULTS, Row, number, read_rows, replace, stamp
from benchmarks.speed_ours import CASES, random_rows
from seqcls.processors.allowed import processors

TURNS = 5
"""Of each measurement; the best counts, since a limit is what the machine can do when nothing disturbs it."""
COPY_BYTES = 256 * 1024 * 1024
GIGA, MEGA = 1e9, 1e6
KEY = ("limit", "what", "case")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--size", type=int, default=2048, help="rows and columns of the matrices")
    parser.add_argument("--rows", type=int, default=200_000, help="DNA rows written, read and encoded")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    pa.set_cpu_count(options.threads)
    with tempfile.TemporaryDirectory() as name:
        rows = [
            *(matrix_products(bits, options.size, options.threads) for bits in ("float32", "bfloat16")),
            copy_bandwidth(COPY_BYTES),
            *parquet_rates(Path(name), options.rows),
            encode_share(Path(name), options.rows),
        ]
    rows += shares(read_rows(options.results / "speed.csv"), rows)
    about = stamp(options.threads)
    replace(options.results / "limits.csv", [{**row, **about} for row in rows], KEY)
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items() if value != ""), flush=True)
    if not any(row["what"] in ("train", "score") for row in rows):
        print(f"no {options.results / 'speed.csv'}: run `python -m benchmarks.speed` for training and scoring")


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the best of some turns, after one that is not counted."""
    work()
    taken = []
    for _ in range(TURNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def limit(name: str, unit: str, value: float) -> Row:
    return {
        "limit": name,
        "what": "limit",
        "case": "",
        "unit": unit,
        "value": round(value, 3),
        "share": "",
        "bound": "",
    }


def matrix_products(bits: str, size: int, threads: int) -> Row:
    """Of two square matrices: 2 size^3 operations."""
    import torch

    torch.set_num_threads(threads)
    left, right = (torch.rand(size, size).to(getattr(torch, bits)) for _ in range(2))
    return limit(f"matrix product, {bits}", "GFLOP/s", 2 * size**3 / fastest(lambda: left @ right) / GIGA)


def copy_bandwidth(size: int) -> Row:
    """An array too large for the caches, copied: as many bytes are read as are written."""
    source = np.ones(size, np.uint8)
    target = np.empty_like(source)
    return limit("memory, copy", "GB/s", 2 * size / fastest(lambda: np.copyto(target, source)) / GIGA)


def parquet_rates(folder: Path, rows: int) -> list[Row]:
    """pyarrow's defaults on encoded DNA; bytes are those of the table in memory."""
    _, classes, spec, _ = CASES["dna"]
    table, path = random_rows(spec, rows, classes, 0), folder / "rows.parquet"
    written = fastest(lambda: pq.write_table(table, path))
    read = fastest(lambda: pq.read_table(path))
    megabytes = table.nbytes / MEGA
    return [limit("Parquet, write", "MB/s", megabytes / written), limit("Parquet, read", "MB/s", megabytes / read)]


def encode_share(folder: Path, rows: int) -> Row:
    """The encode stage, and pyarrow alone reading what it reads and writing what it writes."""
    from benchmarks.road_data import CONFIG, write_dna
    from seqcls import stages
    from seqcls.encoders.encode import encode
    from seqcls.store.parquet import read_parquet, shards
    from seqcls.workspace import open_workspace

    write_dna(folder / "rows.csv", rows)
    (folder / "limits.toml").write_text(CONFIG, "utf-8")
    with open_workspace(folder / "limits.toml") as workspace:
        _, checked, splits = (result.ref for result in stages.run_until(workspace, stages.SPLIT))
        ours = fastest(lambda: encode(checked, splits, workspace.pipeline, workspace.store))
        encoded = stages.run_on(workspace, stages.ENCODE, checked, splits).ref
    inputs = shards(checked.folder / "rows")
    outputs = [read_parquet(shards(part)) for part in sorted(encoded.folder.iterdir()) if part.is_dir()]

    def arrow_alone() -> None:
        for path in inputs:
            pq.read_table(path, columns=["id", "label", "sequence"])
        for place, table in enumerate(outputs):
            pq.write_table(table, folder / f"encoded-{place}.parquet")

    return {
        "limit": "Parquet, read and write",
        "what": "encode",
        "case": "dna",
        "unit": "rows/s",
        "value": round(rows / ours),
        "share": round(fastest(arrow_alone) / ours, 4),
        "bound": "disk",
    }


def shares(speeds: list[Row], limits: list[Row]) -> list[Row]:
    """What each line of speed.csv reaches of the fastest that float32 arithmetic and memory allow."""
    known = {str(row["limit"]): float(str(row["value"])) for row in limits if row["what"] == "limit"}
    return [
        share(row, known["matrix product, float32"] * GIGA, known["memory, copy"] * GIGA)
        for row in speeds
        if str(row["case"]) in flops.NETWORKS and row["what"] in ("train", "score")
    ]


def share(speed: Row, flop_s: float, bytes_s: float) -> Row:
    """Seconds that a row needs at the limit, by the seconds that it took."""
    network, training = flops.NETWORKS[str(speed["case"])], speed["what"] == "train"
    rate = number(speed, "seqcls_rows_s")
    assert rate is not None, "seqcls is in every line"
    arithmetic = (flops.training_flops if training else flops.scoring_flops)(network) / flop_s
    moved = flops.optimiser_bytes(network, int(str(speed["batch"]))) / bytes_s if training else 0.0
    return {
        "limit": "roofline, float32",
        "what": speed["what"],
        "case": speed["case"],
        "unit": "rows/s",
        "value": round(rate),
        "share": round(max(arithmetic, moved) * rate, 4),
        "bound": "memory" if moved > arithmetic else "arithmetic",
    }


if __name__ == "__main__":
    main()
