"""The encode stage: checked rows and splits become encoded Parquet."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.config import Pipeline, parse_pipeline
from seqcls.encoders import load_encoder
from seqcls.encoders.encode import encode
from seqcls.errors import CheckBroken, Corrupted, DataRefused
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest, verify
from seqcls.store.packing import unpacked
from seqcls.store.parquet import ShardWriter, read_parquet, shards, write_parquet
from seqcls.table import Kind, table_schema
from tests.seqcls.encoder_cases import real_data
from tests.seqcls.table_examples import checked_meta, codec_of, write_splits

Rows = list[tuple[str | None, Any, str | None]]
"""(split, sequence, label)"""
SMALL: Rows = [
    ("train", "good film", "yes"), ("test", "bad movie good", "no"), ("train", "bad", "no"),
    (None, "leaked words", "yes"), ("valid", "good bad film", "yes"), ("train", "film film", "yes"),
]  # fmt: skip


def pipeline(kind: Kind, **encode_section: object) -> Pipeline:
    source = {"format": "ucr" if kind == "series" else "csv", "files": ["x"]}
    return parse_pipeline(
        {"name": "p", "kind": kind, "source": source, "model": {"family": "cnn"}, "encode": encode_section}, "p.toml"
    )


def artefacts(
    store: ArtefactStore, kind: Kind, rows: Rows, shard: int = 4, accepted: int | None = None
) -> tuple[Ref, Ref]:
    """`checked` (in shards of a few rows) and `splits`, as the stages before write them."""
    splits, sequences, labels = zip(*rows, strict=True)
    count = len(rows)
    table = pa.table(
        {
            "id": [f"row-{row}" for row in range(count)], "sequence": list(sequences), "label": list(labels),
            "time": [datetime(2026, 1, 1, tzinfo=UTC)] * count, "group": [None] * count, "split": [None] * count,
            "source_file": ["a.csv"] * count, "source_row": list(range(1, count + 1)),
        },
        schema=table_schema(kind),
    )  # fmt: skip
    with store.write("checked") as draft:
        (draft.folder / "rows").mkdir()
        for part, start in enumerate(range(0, count, shard)):
            write_parquet(draft.folder / "rows" / f"part-{part:05d}.parquet", table.slice(start, shard))
        draft.describe(checked_meta(count if accepted is None else accepted))
    return draft.ref, write_splits(store, splits, labels)


def run(tmp_path: Path, kind: Kind, rows: Rows, **encode_section: object) -> Ref:
    store = ArtefactStore(tmp_path)
    return encode(*artefacts(store, kind, rows), pipeline(kind, **encode_section), store)


def read(encoded: Ref, split: str) -> list[dict[str, Any]]:
    table = read_parquet(shards(encoded.folder / split))
    place = table.column_names.index("sequence")
    rows: list[dict[str, Any]] = table.set_column(place, "sequence", unpacked(table["sequence"])).to_pylist()
    return rows


@pytest.mark.slow
def test_each_row_stands_in_its_split_with_its_code(tmp_path: Path) -> None:
    encoded = run(tmp_path, "text", SMALL)
    # film 3 times, then bad and good once each, by alphabet: film 2, bad 3, good 4.
    assert read(encoded, "train") == [
        {"id": "row-0", "label": 1, "sequence": [4, 2], "truncated": False, "unknown": 0},
        {"id": "row-2", "label": 0, "sequence": [3], "truncated": False, "unknown": 0},
        {"id": "row-5", "label": 1, "sequence": [2, 2], "truncated": False, "unknown": 0},
    ]
    assert read(encoded, "valid") == [{"id": "row-4", "label": 1, "sequence": [4, 3], "truncated": True, "unknown": 0}]
    assert read(encoded, "test") == [{"id": "row-1", "label": 0, "sequence": [3, 1], "truncated": True, "unknown": 1}]


@pytest.mark.slow
def test_the_manifest_counts_rows_cuts_and_unknowns_by_split(tmp_path: Path) -> None:
    encoded = run(tmp_path, "text", SMALL)
    manifest = verify(encoded)
    assert manifest["meta"] == {
        "rows": {"train": 3, "valid": 1, "test": 1}, "truncated": {"train": 0, "valid": 1, "test": 1},
        "unknown_share": {"train": 0.0, "valid": 0.0, "test": 0.5}, "left_out": 1, "sources": {"a.csv": "0a"},
        "labels": ["no", "yes"],
        "encoder": load_encoder(encoded.folder).fingerprint,
    }  # fmt: skip
    assert set(manifest["inputs"]) == {"checked", "splits"}


@pytest.mark.slow
def test_the_files_name_the_encoder_and_their_sources(tmp_path: Path) -> None:
    encoded = run(tmp_path, "text", SMALL)
    for split in ("train", "valid", "test"):
        metadata = pq.read_schema(shards(encoded.folder / split)[0]).metadata
        assert metadata[b"seqcls.encoder"].decode() == load_encoder(encoded.folder).fingerprint
        inputs = read_manifest(encoded)["inputs"]
        assert {name: metadata[f"seqcls.{name}".encode()].decode() for name in inputs} == inputs


@pytest.mark.slow
def test_an_empty_split_has_a_file_without_rows(tmp_path: Path) -> None:
    encoded = run(tmp_path, "text", [row for row in SMALL if row[0] != "valid"])
    assert read(encoded, "valid") == []
    assert read_manifest(encoded)["meta"]["rows"]["valid"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("split", ["test", "valid", None])
@pytest.mark.parametrize("kind", ["text", "dna", "series"])
def test_rows_outside_the_training_split_do_not_change_the_encoder(
    kind: Kind, split: str | None, tmp_path: Path
) -> None:
    sequences: dict[str, list[Any]] = {
        "text": ["a b", "b c", "c", "some other words"], "dna": ["ACGT", "GG", "T", "NNNNNNNNNN"],
        "series": [[[1.0, 2.0]], [[3.0, 4.0]], [[5.0]], [[None, 1e6, 7.0]]],
    }  # fmt: skip
    section: dict[str, object] = {"normalise": "channel"} if kind == "series" else {}
    training = [("train", sequence, label) for sequence, label in zip(sequences[kind], ["x", "y", "x"], strict=False)]
    first = run(tmp_path / "a", kind, [*training, (split, sequences[kind][0], "x")], **section)
    second = run(tmp_path / "b", kind, [*training, (split, sequences[kind][3], "y")], **section)
    assert (first.folder / "encoder.json").read_bytes() == (second.folder / "encoder.json").read_bytes()
    assert first.digest != second.digest


@pytest.mark.slow
def test_a_changed_training_row_changes_the_encoder(tmp_path: Path) -> None:
    first, second = run(tmp_path, "text", SMALL), run(tmp_path, "text", [("train", "new", "yes"), *SMALL[1:]])
    assert load_encoder(first.folder).fingerprint != load_encoder(second.folder).fingerprint


def test_the_same_inputs_give_the_same_artefact(tmp_path: Path) -> None:
    assert (
        run(tmp_path / "a", "text", SMALL, unit="bpe").digest == run(tmp_path / "b", "text", SMALL, unit="bpe").digest
    )


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_class_outside_the_training_split_is_refused_by_name(split: str, tmp_path: Path) -> None:
    message = rf"class 'maybe' is in the {split} split, but not in the training split; expected .* 'no', 'yes'"
    with pytest.raises(DataRefused, match=message):
        run(tmp_path, "text", [*SMALL, (split, "hm", "maybe")])


@pytest.mark.slow
def test_a_class_of_left_out_rows_is_no_class(tmp_path: Path) -> None:
    assert read_manifest(run(tmp_path, "text", [*SMALL, (None, "hm", "maybe")]))["meta"]["labels"] == ["no", "yes"]


def test_a_row_without_label_is_refused_with_its_file_and_row(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"a\.csv:7:label: no label; .*missing_label = \"reject\""):
        run(tmp_path, "text", [*SMALL, ("train", "hm", None)])


def test_a_label_that_the_manifest_of_splits_misses_is_a_broken_check(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    checked, _ = artefacts(store, "text", SMALL)
    splits = write_splits(store, [row[0] for row in SMALL], [None, *(row[2] for row in SMALL[1:])])
    with pytest.raises(
        CheckBroken, match=r"splits\.parquet: every row of a split has a label; expected the number of rows"
    ):
        encode(checked, splits, pipeline("text"), store)


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="the training split has 1 class; expected at least 2"):
        run(tmp_path, "text", [("train", "a", "yes"), ("train", "b", "yes")])


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_row_that_cannot_be_encoded_is_named_by_file_and_row(split: str, tmp_path: Path) -> None:
    rows: Rows = [
        ("train", "ACGT", "x"),
        ("train", "AC", "y"),
        ("train", "AC", "y"),
        (None, "", "x"),
        (split, "AC!", "x"),
    ]
    with pytest.raises(DataRefused, match=r"a\.csv:5:sequence: letter '!' at position 3 of the sequence"):
        run(tmp_path, "dna", rows, unit="kmers")
    assert not list((tmp_path / "artefacts" / "encoded").glob("*"))


@pytest.mark.parametrize(("change", "how"), [(1, "more"), (-1, "fewer")])
def test_splits_of_another_table_are_a_broken_check(change: int, how: str, tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    checked, _ = artefacts(store, "text", SMALL)
    _, splits = artefacts(store, "text", [*SMALL, SMALL[0]] if change > 0 else SMALL[:-1])
    with pytest.raises(CheckBroken, match=rf"splits\.parquet: {how} rows than the checked table has"):
        encode(checked, splits, pipeline("text"), store)


def test_rows_that_do_not_add_up_are_a_broken_check_and_nothing_is_published(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    checked, splits = artefacts(store, "text", SMALL, accepted=7)
    with pytest.raises(CheckBroken, match=r"7 rows in, 5 encoded, 1 left_out; expected sums that agree"):
        encode(checked, splits, pipeline("text"), store)
    assert not list((tmp_path / "artefacts" / "encoded").glob("*"))


def test_a_damaged_checked_table_is_told(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    checked, splits = artefacts(store, "text", SMALL)
    part = shards(checked.folder / "rows")[0]
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(Corrupted, match=r"part-00000\.parquet: not readable as Parquet"):
        encode(checked, splits, pipeline("text"), store)


def test_an_unknown_split_is_a_broken_check(tmp_path: Path) -> None:
    with pytest.raises(CheckBroken, match=r"split \['dev'\]; expected one of train, valid, test, or null"):
        run(tmp_path, "text", [*SMALL, ("dev", "a", "yes")])


@pytest.mark.parametrize(("kind", "section", "value_type"), [
    ("dna", {}, pa.uint8()), ("dna", {"unit": "kmers"}, pa.int32()), ("series", {"difference": True}, pa.float32()),
    ("tokens", {}, pa.int32()), ("protein", {"unit": "kmers", "k": 2}, pa.int32()),
    ("text", {"unit": "characters"}, pa.int32()),
])  # fmt: skip
def test_columns_have_the_promised_types(
    kind: Kind, section: dict[str, object], value_type: pa.DataType, tmp_path: Path
) -> None:
    sequence: Any = {"series": [[1.0, 2.0]], "tokens": ["a", "b"]}.get(kind, "ACGT")
    encoded = run(
        tmp_path, kind, [("train", sequence, "x"), ("train", sequence, "y"), ("test", sequence, "x")], **section
    )
    schema = read_parquet(shards(encoded.folder / "test")).schema
    assert [(field.name, field.type) for field in schema if field.name != "sequence"] == [
        ("id", pa.string()), ("label", pa.int32()), ("truncated", pa.bool_()), ("unknown", pa.int32()),
    ]  # fmt: skip
    stored = schema.field("sequence").type
    assert stored == (pa.binary() if value_type == pa.uint8() else pa.list_(value_type))
    packed_as = codec_of(shards(encoded.folder / "test")[0], "sequence")
    assert packed_as == ("UNCOMPRESSED" if value_type == pa.uint8() else "LZ4")


def test_real_splice_sites_go_through_the_stage(tmp_path: Path) -> None:
    lines = real_data("dna_splice/splice.data").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split(",")] for line in lines if line]
    rows: Rows = [
        (("train", "valid", "test", "train")[place % 4], cell[2], cell[0]) for place, cell in enumerate(cells)
    ]
    store = ArtefactStore(tmp_path)
    encoded = encode(*artefacts(store, "dna", rows, shard=1000), pipeline("dna"), store)
    meta = read_manifest(encoded)["meta"]
    assert sum(meta["rows"].values()) == 3190
    assert meta["labels"] == ["EI", "IE", "N"]
    encoder = load_encoder(encoded.folder)
    for split in ("train", "valid", "test"):
        table = read_parquet(shards(encoded.folder / split)).combine_chunks()
        expected = [(sequence, label) for name, sequence, label in rows if name == split]
        decoded = encoder.decode(unpacked(table["sequence"]).chunk(0)).to_pylist()
        assert (
            list(zip(decoded, (encoder.labels[label] for label in table["label"].to_pylist()), strict=True)) == expected
        )


MEASURE = """
import sys
from pathlib import Path
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.config import parse_pipeline
from seqcls.encoders.encode import encode
store = ArtefactStore(Path(sys.argv[1]))
source = {"format": "csv", "files": ["x"]}
dna = parse_pipeline({"name": "p", "kind": "dna", "source": source, "model": {"family": "cnn"}}, "p.toml")
encode(*map(Ref.model_validate_json, sys.argv[2:]), dna, store)
# Not ru_maxrss: Linux hands the parent's peak down to the child.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def random_dna(store: ArtefactStore, rows: int) -> tuple[Ref, Ref]:
    """Artefacts of random DNA of 150 letters, written part by part."""
    import numpy as np

    random = np.random.default_rng(0)
    schema = table_schema("dna")
    with store.write("checked") as draft:
        with ShardWriter(draft.folder / "rows", schema) as writer:
            for start in range(0, rows, 50_000):
                count = min(50_000, rows - start)
                letters = np.frombuffer(b"ACGT", np.uint8)[random.integers(0, 4, count * 150, dtype=np.uint8)]
                offsets = pa.array(np.arange(count + 1, dtype=np.int32) * 150)
                columns: dict[str, Any] = {name: pa.nulls(count, schema.field(name).type) for name in schema.names}
                columns |= {
                    "id": pa.array(np.arange(start, start + count)).cast(pa.string()),
                    "sequence": pa.StringArray.from_buffers(count, offsets.buffers()[1], pa.py_buffer(letters)),
                    "label": pa.array(["a", "b"] * (count // 2)),
                    "source_file": pa.array(["f"] * count), "source_row": pa.array(range(start, start + count)),
                }  # fmt: skip
                writer.write(pa.table(columns, schema=schema))
        draft.describe(checked_meta(rows))
    return draft.ref, write_splits(store, (["train"] * 8 + ["valid", "test"]) * (rows // 10), ["a", "b"] * (rows // 2))


# Arrow's own allocator and that of C keep what is freed, up to 100 MiB here, more of it on a busy machine. With these
# settings the peak is what the stage holds, within 3 MiB from run to run.
HELD_ONLY = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}


def peak_mebibytes(folder: Path, rows: int) -> int:
    """Most memory of a process that runs the encode stage once."""
    refs = [ref.model_dump_json() for ref in random_dna(ArtefactStore(folder), rows)]
    command = [sys.executable, "-W", "error", "-c", MEASURE, str(folder), *refs]
    root, environment = Path(__file__).resolve().parents[2], {**os.environ, **HELD_ONLY}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, timeout=300, env=environment)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    small, large = peak_mebibytes(tmp_path / "small", 200_000), peak_mebibytes(tmp_path / "large", 600_000)
    # 400,000 rows more are 57 MiB of letters, and as much again encoded, if anything kept them; 8 a 200,000 are seen.
    assert large - small < 35, f"{small} MiB for 200,000 rows, {large} MiB for 600,000"
