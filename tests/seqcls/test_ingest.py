"""Files -> the table artefact: balanced books, equal bytes for equal input, memory that does not grow."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused
from seqcls.sources.discover import source_files
from seqcls.sources.ingest import ingest
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest, verify
from seqcls.store.parquet import read_parquet, shards
from seqcls.table import table_schema
from tests.seqcls.table_examples import codec_of


def run(folder: Path, store: Path, **options: object) -> Ref:
    source = SourceConfig(**({"format": "csv"} | options))  # type: ignore[arg-type]
    return ingest(source_files(source, folder), source, "text", ArtefactStore(store), labelled=True, folder=folder)


def test_three_files_with_a_bad_row_each(tmp_path: Path) -> None:
    for name, rows in (("a", "one,x\n2\n"), ("b", "two,y\nthree,x\n\x00,x\n"), ("c", "four,z\n4,z,z\n")):
        (tmp_path / f"{name}.csv").write_text("sequence,label\n" + rows)
    ref = run(tmp_path, tmp_path / "store", train=["a.csv", "b.csv"], test=["c.csv"])
    manifest = verify(ref)
    meta = manifest["meta"]
    assert (meta["rows_in"], meta["accepted"], meta["rejected"]) == (7, 4, 3)
    assert meta["rejects_by_rule"] == {"fields": 2, "nul": 1}
    assert [(f["name"], f["split"], f["rows_in"], f["accepted"], f["rejected"]) for f in meta["files"]] == [
        ("a.csv", "train", 2, 1, 1),
        ("b.csv", "train", 3, 2, 1),
        ("c.csv", "test", 2, 1, 1),
    ]
    table = read_parquet(shards(ref.folder / "rows"))
    assert table.schema.equals(table_schema("text"))
    assert table["sequence"].to_pylist() == ["one", "two", "three", "four"]
    assert codec_of(shards(ref.folder / "rows")[0], "sequence") == "UNCOMPRESSED"
    assert table["split"].to_pylist() == ["train", "train", "train", "test"]
    rejects = read_parquet(ref.folder / "rejects.parquet").to_pylist()
    assert [(r["source_file"], r["source_row"], r["rules"]) for r in rejects] == [
        ("a.csv", 2, ["fields"]),
        ("b.csv", 3, ["nul"]),
        ("c.csv", 2, ["fields"]),
    ]
    assert manifest["inputs"] == {f["name"]: f["digest"] for f in meta["files"]}
    assert sorted(path.name for path in ref.folder.iterdir()) == ["manifest.json", "rejects.parquet", "rows"]


def test_equal_input_gives_the_same_artefact(tmp_path: Path) -> None:
    rng = random.Random(0)
    rows = "".join(f"{rng.random()},{rng.choice('xyz')}\n" for _ in range(20_000))
    (tmp_path / "a.csv").write_text("sequence,label\n" + rows)
    first, second = run(tmp_path, tmp_path / "one", files=["a.csv"]), run(tmp_path, tmp_path / "two", files=["*.csv"])
    assert first.digest == second.digest
    (tmp_path / "a.csv").write_text("sequence,label\n" + rows.replace("x", "w", 1))
    assert run(tmp_path, tmp_path / "one", files=["a.csv"]).digest != first.digest


def test_a_file_without_one_readable_row_stops_with_the_first_reason(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sequence,label\nonly one\n")
    with pytest.raises(DataRefused, match=r"a.csv:1: none of 1 rows can be read; the first: expected 2 fields, got 1"):
        run(tmp_path, tmp_path / "store", files=["a.csv"])
    assert list((tmp_path / "store").rglob("part-*")) == []


def test_nothing_is_left_behind_by_a_refused_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sequence,label\nok,x\n")
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(DataRefused, match=r"b\.csv: no rows"):
        run(tmp_path, tmp_path / "store", files=["*.csv"])
    assert list((tmp_path / "store/artefacts/table").iterdir()) == []


def test_no_files_and_one_file_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sequence,label\nok,x\n")
    source = SourceConfig(format="csv", files=["a.csv"])
    store = ArtefactStore(tmp_path / "store")
    with pytest.raises(DataRefused, match="no files"):
        ingest([], source, "text", store, labelled=True, folder=tmp_path)
    with pytest.raises(DataRefused, match=r"'a.csv' is listed twice"):
        ingest(source_files(source, tmp_path) * 2, source, "text", store, labelled=True, folder=tmp_path)


MEASURE = """
import resource, sys
from pathlib import Path
from seqcls.store.artefacts import ArtefactStore
from seqcls.config.source import SourceConfig
from seqcls.sources.discover import source_files
from seqcls.sources.ingest import ingest
folder = Path(sys.argv[1])
source = SourceConfig(format="csv", files=[sys.argv[2]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
ingest(source_files(source, folder), source, "dna", ArtefactStore(folder / "store"), labelled=True, folder=folder)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    rng = random.Random(0)
    block = "".join("".join(rng.choices("ACGT", k=150)) + ",x\n" for _ in range(2000))
    peaks = []
    for name, times in (("small.csv", 50), ("large.csv", 200)):
        (tmp_path / name).write_text("sequence,label\n" + block * times)
        out = subprocess.run(
            [sys.executable, "-c", MEASURE, str(tmp_path), name], capture_output=True, text=True, check=True
        )
        peaks.append(int(out.stdout))
    assert peaks[1] < peaks[0] + 60, f"MiB for 100,000 and 400,000 rows: {peaks}"
    assert max(peaks) < 500


def test_the_manifest_says_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sequence,label\nok,x\n")
    meta = read_manifest(run(tmp_path, tmp_path / "store", files=["a.csv"]))["meta"]
    assert (meta["kind"], meta["labelled"]) == ("text", True)
