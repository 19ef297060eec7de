"""F31-F39: files that are something else, damaged containers, archives, bombs, rows beyond the limit."""

from __future__ import annotations

import io
import os
import resource
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.errors import Corrupted
from seqcls.stages import INGEST, run
from seqcls.store.artefacts import verify
from seqcls.workspace import open_workspace
from tests.faults.travel import GOOD, HEAD, gzipped, refusal, travel
from tests.road_data import write_project


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


TABLE = parquet(sequence=["one", "two", "three", "four"] * 50, label=["a", "b"] * 100)
OTHERS = {
    "Parquet": TABLE,
    "gzip": gzipped(GOOD),
    "xz": b"\xfd7zXZ\x00 and so on",
    "zstd": b"\x28\xb5\x2f\xfd and so on",
    "SQLite": b"SQLite format 3\x00 and so on",
    "PDF": b"%PDF-1.7 and so on",
    "NumPy": b"\x93NUMPY and so on",
}


ENDINGS = {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}


@pytest.mark.fault("F31", tried="Parquet, gzip, SQLite, PDF ... under the name of csv", outcome="file refused by name")
@pytest.mark.parametrize("name", OTHERS)
def test_another_format_is_known_by_its_first_bytes(name: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, OTHERS[name])
    assert (error.where, error.found) == ("data.csv", f"looks like {name}")
    packed = f"plain text, or a name ending in {ENDINGS[name]}" if name in ENDINGS else ""
    assert error.expected == (packed or "text, because source.format is 'csv'")


@pytest.mark.fault("F31", tried="csv under the name of Parquet", outcome="file refused: it begins with other bytes")
def test_a_table_of_text_is_no_parquet(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD, name="data.parquet", format="parquet")
    assert error.where == "data.parquet"
    assert error.found == "not a Parquet file: it begins with b'sequ'"
    assert error.next_step == "check source.format, or fetch the file again"


@pytest.mark.fault("F32", tried="a Parquet file cut at 60 lengths", outcome="file refused: cut short or damaged")
def test_a_parquet_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    for length in range(4, len(TABLE), len(TABLE) // 60):
        error = refusal(tmp_path, TABLE[:length], format="parquet")
        assert error.where == "data.csv"
        assert error.found.startswith("not a valid Parquet file (")
        assert "fetch the file again" in error.next_step


@pytest.mark.fault(
    "F33", tried="every 40th byte of our own Parquet flipped, and the stage run again",
    outcome="found by its digest, set aside, made again",
)  # fmt: skip
def test_a_flipped_byte_in_our_own_parquet_is_found_and_the_stage_made_again(tmp_path: Path) -> None:
    with open_workspace(write_project(tmp_path, rows=40)) as workspace:
        ref = run(workspace, INGEST, {}).ref
        (part,) = (ref.folder / "rows").glob("*.parquet")
        whole = part.read_bytes()
        for at in range(0, len(whole), 40):
            part.chmod(0o600)
            part.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            with pytest.raises(Corrupted) as caught:
                verify(ref)
            assert str(part) in str(caught.value)
            assert caught.value.next_step
        again = run(workspace, INGEST, {})
        assert (again.reused, again.ref.digest) == (False, ref.digest)
        assert part.read_bytes() == whole
        assert run(workspace, INGEST, {}).reused


@pytest.mark.fault("F34", tried="a Parquet file whose columns differ in type or name", outcome="that file refused")
@pytest.mark.parametrize(
    ("drifted", "where", "found"),
    [
        (parquet(sequence=["x"], label=[["a"]]), "b.parquet:label", "the column has type list<element: string>"),
        (parquet(sequence=[1], label=["a"]), "b.parquet:sequence", "the column has type int64"),
        (parquet(sequence=["x"], labels=["a"]), "b.parquet", "no column 'label'; the nearest is 'labels'"),
        (parquet(sequence=[b"x"], label=["a"]), "b.parquet:sequence", "the column has type binary"),
    ],
)
def test_drift_between_parquet_files_names_the_file_and_the_column(
    drifted: bytes, where: str, found: str, tmp_path: Path
) -> None:
    error = refusal(tmp_path, {"a.parquet": TABLE, "b.parquet": drifted}, format="parquet")
    assert (error.where, error.found) == (where, found)


@pytest.mark.fault("F34", tried="classes as text in one Parquet file, as integers in the next", outcome="same classes")
def test_classes_of_two_types_are_the_same_names(tmp_path: Path) -> None:
    files = {
        "a.parquet": parquet(sequence=["one", "two"], label=["1", "2"]),
        "b.parquet": parquet(sequence=["three", "four"], label=[1, 2], more=[0.5, 0.5]),
    }
    assert travel(tmp_path, files, format="parquet").table["label"].to_pylist() == ["1", "2", "1", "2"]


@pytest.mark.fault("F35", tried="60 KB of Parquet that unpack to 2 GB", outcome="file refused in bounded memory")
def test_a_parquet_bomb_is_refused_without_unpacking_it(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["a" * 1_000_000]))
    bomb = parquet(sequence=text, label=["a", "b"] * 1000)
    assert len(bomb) < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = refusal(tmp_path, bomb, format="parquet", max_file_bytes=50_000_000)
    assert error.found == "more than 50000000 bytes after unpacking"
    assert error.expected == "at most source.max_file_bytes"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


@pytest.mark.fault("F36", tried="50 KB of gzip that unpack to 50 MB", outcome="file refused at the limit")
@pytest.mark.parametrize("format", ["csv", "lines", "fasta", "ucr"])
def test_a_gzip_bomb_is_refused_at_the_limit(format: str, tmp_path: Path) -> None:
    bomb = gzipped((b">a\n" if format == "fasta" else HEAD) + b"ACGT" * 12_500_000)
    assert len(bomb) < 100_000
    kind = {"fasta": "dna", "ucr": "series"}.get(format, "text")
    options = {"labels": {"*": "a"}} if format in ("fasta", "lines") else {}
    error = refusal(tmp_path, bomb, kind, name="data.gz", format=format, max_file_bytes=1_000_000, **options)  # type: ignore[arg-type]
    assert (error.where, error.found) == ("data.gz", "more than 1000000 bytes after unpacking")
    assert "source.max_file_bytes" in error.next_step


@pytest.mark.fault("F37", tried="gzip cut at 20 lengths", outcome="file refused: it was cut short")
def test_a_gzip_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    whole = gzipped(HEAD + b"".join(b"text %d,%d\n" % (number * 7919, number % 2) for number in range(2000)))
    for length in range(20, len(whole), len(whole) // 20):
        error = refusal(tmp_path, whole[:length], name="data.csv.gz")
        assert error.where == "data.csv.gz"
        assert error.found.startswith("the gzip file ends too early: it was cut off")
        assert error.next_step == "fetch the file again"


@pytest.mark.fault(
    "F37", tried="gzip with a wrong checksum or size, or damage inside", outcome="file refused: not sound"
)
@pytest.mark.parametrize("at", [-1, -6, 0.3, 0.5, 0.7])
def test_a_gzip_file_that_is_damaged_is_refused(at: float, tmp_path: Path) -> None:
    whole = gzipped(HEAD + b"".join(b"text %d,%d\n" % (number * 7919, number % 2) for number in range(2000)))
    place = int(len(whole) + at) if at < 0 else int(at * len(whole))
    error = refusal(tmp_path, whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :], name="data.csv.gz")
    assert error.found.startswith("not a valid gzip file (")
    assert error.expected == "a complete gzip file"


def zipped(*names: str, locked: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, GOOD)
    data = out.getvalue()
    return data[:6] + b"\x01" + data[7:] if locked else data  # the flag of an encrypted member


def tarred(name: str, link: str | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 0 if link else len(GOOD)
        if link:
            entry.type, entry.linkname = tarfile.SYMTYPE, link
        archive.addfile(entry, None if link else io.BytesIO(GOOD))
    return out.getvalue()


ARCHIVES = {
    "one member": ("zip", zipped("data.csv")),
    "two members": ("zip", zipped("a.csv", "b.csv")),
    "a member outside": ("zip", zipped("../../escape.csv")),
    "a password": ("zip", zipped("data.csv", locked=True)),
    "tar": ("tar", tarred("data.csv")),
    "tar with a member outside": ("tar", tarred("../escape.csv")),
    "tar with a link": ("tar", tarred("data.csv", link="/etc/passwd")),
}


@pytest.mark.fault(
    "F38", tried="zip and tar: several members, members outside, links, passwords", outcome="file refused, not unpacked"
)
@pytest.mark.parametrize("case", ARCHIVES)
@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_is_refused_and_not_unpacked(case: str, packed: bool, tmp_path: Path) -> None:
    name, data = ARCHIVES[case]
    file = "data.csv.gz" if packed else "data.csv"
    error = refusal(tmp_path / "in", gzipped(data) if packed else data, name=file)
    assert (error.where, error.found, error.next_step) == (file, f"looks like {name}", "unpack the file")
    assert [path.name for path in tmp_path.rglob("*escape*")] == []


@pytest.mark.fault("F38", tried="a link that leads nowhere, and one to a pipe", outcome="refused: not a regular file")
def test_a_link_is_followed_to_plain_files_only(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(GOOD)
    (tmp_path / "data.csv").symlink_to("real")
    assert travel(tmp_path, {}, find=["data.csv"]).table.num_rows == 4
    (tmp_path / "data.csv").unlink()
    (tmp_path / "data.csv").symlink_to("nowhere")
    assert refusal(tmp_path / "x", {}, find=[str(tmp_path / "data.csv")]).next_step == "remove the broken link"
    os.mkfifo(tmp_path / "nowhere")
    assert refusal(tmp_path / "x", {}, find=[str(tmp_path / "data.csv")]).found == "not a regular file but a pipe"


@pytest.mark.fault("F39", tried="a field of 3 MB with a limit of 1 MB", outcome="row rejected; size and limit named")
@pytest.mark.parametrize("format", ["csv", "jsonl", "lines", "fasta", "parquet"])
def test_a_row_beyond_the_limit_is_set_aside(format: str, tmp_path: Path) -> None:
    huge = "ACGT" * 750_000
    texts = ["ACGT", huge, "GGTT"]
    data = {
        "csv": "sequence,label\n" + "".join(f"{text},a\n" for text in texts),
        "jsonl": "".join(f'{{"sequence": "{text}", "label": "a"}}\n' for text in texts),
        "lines": "".join(f"{text}\n" for text in texts),
        "fasta": "".join(f">r{number}\n{text}\n" for number, text in enumerate(texts)),
    }
    file = parquet(sequence=texts, label=["a"] * 3) if format == "parquet" else data[format].encode()
    options: dict[str, Any] = {"labels": {"*": "a"}} if format in ("fasta", "lines") else {}
    options |= {"format": format, "max_row_bytes": 1_000_000, "labelled": False}
    arrived = travel(tmp_path, file, "dna", **options)
    assert arrived.sequences == ["ACGT", "GGTT"]
    (reject,) = arrived.rejects
    assert (reject.row, reject.rule) == (2, "row_bytes")
    assert reject.reason.startswith("30000")
    assert reject.reason.endswith("; a row may have 1000000 (source.max_row_bytes)")
    assert len(reject.raw or "") <= 4096


@pytest.mark.fault("F39", tried="a field of 3 MB with the limits as they are", outcome="accepted")
def test_a_long_row_within_the_limit_is_read(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b"x" * 3_000_000 + b",a\n")
    assert [len(text) for text in arrived.sequences] == [3, 3, 5, 4, 3_000_000]
