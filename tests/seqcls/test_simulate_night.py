"""examples.simulate.night: what the JSON says of a night is what its files hold."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dnaio
import pytest

from examples.simulate import write_demo, write_night
from examples.simulate.__main__ import main
from examples.simulate.night import PlantedFile

DAY = date(2026, 11, 22)
LETTERS = set("ACGTRYSWKMBDHVN")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night")
    write_night(folder, DAY, 240, seed=1)
    return folder


@pytest.fixture(scope="module")
def planted(folder: Path) -> dict[str, dict[str, object]]:
    document: dict[str, dict[str, object]] = json.loads((folder / f"night-{DAY}.json").read_text("utf-8"))
    assert document.pop("date") == "2026-11-22"
    return document


def files_of(planted: dict[str, dict[str, object]], name: str) -> list[PlantedFile]:
    files = planted[name]["files"]
    assert isinstance(files, list)
    return [PlantedFile(**file) for file in files]


def csv_rows(path: Path) -> list[list[str]]:
    """Records without the header; bytes that are not UTF-8 become lone surrogates."""
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8", "surrogateescape"), newline="")))[1:]


def undecodable(text: str) -> bool:
    return any(0xDC80 <= ord(letter) <= 0xDCFF for letter in text)


def bad_rows(name: str, path: Path) -> Iterator[int]:
    """Numbers of the bad rows of a file, found without the simulation's help."""
    seen: set[str] = set()
    for number, (row_id, is_bad) in enumerate(judged(name, path), 1):
        if is_bad or row_id in seen:
            yield number
        seen.add(row_id)


def judged(name: str, path: Path) -> Iterator[tuple[str, bool]]:
    if name == "dna":
        with dnaio.open(path) as records:
            for record in records:
                letters = record.sequence.upper()
                ambiguous = sum(letter not in "ACGT" for letter in letters)
                yield record.name, len(letters) < 100 or not set(letters) <= LETTERS or ambiguous > 0.1 * len(letters)
        return
    for row in csv_rows(path):
        broken = undecodable("".join(row))
        if name == "reviews":
            yield row[0], broken or len(row) != 3 or not row[1].strip()
        else:
            words = [cell for cell in row[2:] if cell]
            yield row[0], broken or len(row) != 502 or len(words) < 250 or "lead off" in words


@pytest.mark.parametrize("name", ["reviews", "ecg", "dna"])
def test_the_bad_rows_of_each_file_are_those_planted(
    folder: Path, planted: dict[str, dict[str, object]], name: str
) -> None:
    for file in files_of(planted, name):
        if file.same_as is None:
            found = list(bad_rows(name, folder / name / "incoming" / file.file))
            assert found == [row["row"] for row in file.bad], file.file  # type: ignore[index]
            assert len({row["fault"] for row in file.bad}) == len(file.bad)  # type: ignore[index]


@pytest.mark.parametrize("name", ["reviews", "ecg", "dna"])
def test_rows_in_are_good_and_bad_rows(folder: Path, planted: dict[str, dict[str, object]], name: str) -> None:
    night = planted[name]
    assert night["rows_in"] == 240
    assert night["rows_in"] == night["good"] + night["bad"]  # type: ignore[operator]
    first = [file for file in files_of(planted, name) if file.same_as is None]
    assert night["good"] == sum(file.good for file in first)
    for file in first:
        rows = list(judged(name, folder / name / "incoming" / file.file))
        assert file.rows_in == len(rows) == file.good + len(file.bad)


@pytest.mark.parametrize("name", ["reviews", "ecg", "dna"])
def test_one_file_comes_twice_and_one_late(folder: Path, planted: dict[str, dict[str, object]], name: str) -> None:
    incoming = folder / name / "incoming"
    (again,) = [file for file in files_of(planted, name) if file.same_as is not None]
    assert (incoming / again.file).read_bytes() == (incoming / str(again.same_as)).read_bytes()
    assert again.good == 0
    assert again.file > str(again.same_as)  # files are taken in the order of their names: the first one is scored
    assert [path.name for path in incoming.glob("*2026-11-21-late*")] != []
    assert len(list(incoming.iterdir())) == 4


@pytest.mark.parametrize(("name", "label"), [("reviews", "sentiment"), ("ecg", "rhythm")])
def test_new_files_have_no_classes(folder: Path, name: str, label: str) -> None:
    for path in (folder / name / "incoming").iterdir():
        assert label not in path.read_bytes().splitlines()[0].decode().split(",")


@pytest.mark.parametrize("name", ["reviews", "ecg", "dna"])
def test_the_truth_has_one_class_for_every_row(folder: Path, name: str) -> None:
    lines = (folder / name / f"truth-{DAY}.csv").read_text("utf-8").splitlines()
    assert lines[0] == "id,label"
    assert len({line.split(",")[0] for line in lines[1:]}) == 240


@pytest.mark.slow
def test_another_night_has_other_rows_and_the_same_night_the_same(tmp_path: Path, folder: Path) -> None:
    write_night(tmp_path, DAY, 240, seed=1)
    write_night(tmp_path, date(2026, 11, 23), 240, seed=1)
    for name in ("reviews", "ecg", "dna"):
        for path in (folder / name / "incoming").iterdir():
            assert (tmp_path / name / "incoming" / path.name).read_bytes() == path.read_bytes()
        today, tomorrow = (
            set((tmp_path / name / f"truth-{day}.csv").read_text("utf-8").splitlines()[1:])
            for day in ("2026-11-22", "2026-11-23")
        )
        assert not today & tomorrow


def test_a_night_too_small_for_its_faults_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="expected at least 200"):
        write_night(tmp_path, DAY, 20, seed=1)
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--rows", "0", "--night", "2026-11-22", "--night-rows", "20"])
    assert "at least 200" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_all_three_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--rows", "60", "--seed", "2", "--night", "2026-11-22", "--night-rows", "200"]) == 0
    said = capsys.readouterr().out
    assert "200 rows: 185 good, 15 bad" in said
    assert "night-2026-11-22.json" in said
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("train-*")}
    assert found == {
        "reviews/train-1.csv", "reviews/train-2.csv", "ecg/train-1.csv", "ecg/train-2.csv",
        "dna/train-1.fa.gz", "dna/train-2.fa.gz",
    }  # fmt: skip


def test_a_negative_number_of_rows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--rows", "-1"])
    assert "-1 is below 0" in capsys.readouterr().err


@pytest.mark.slow
def test_the_demo_gives_good_and_bad_rows_of_each_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("examples.simulate.DEMO_ROWS", {"reviews": 40, "ecg": 40, "dna": 40})
    assert write_demo(tmp_path) == {
        "reviews": {"good": 985, "bad": 15}, "ecg": {"good": 982, "bad": 18}, "dna": {"good": 982, "bad": 18},
    }  # fmt: skip
