"""Classes that become known after scoring: joined once, corrections kept, accuracy by version and day."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqcls.cli import main
from seqcls.evaluation.intervals import wilson

CONFIG = """
name = "mails"
kind = "text"
[source]
format = "csv"
files = ["train.csv"]
id = "nr"
[split]
valid = 0.2
test = 0.25
[model]
family = "ngrams"
[promote]
beat_baseline = false
every_class_predicted = false
[score]
files = ["new/*.csv"]
[labels]
files = ["labels/*.csv"]
id = "nr"
label = "team"
"""
WORDS = {"a": "parcel late", "b": "card charged"}


def write(path: Path, title: str, rows: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([title, *rows, ""]))


def scored(folder: Path) -> dict[str, str]:
    """Id -> the label that the model gave."""
    rows = [
        row for path in folder.glob("model=*/*/*.parquet") for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    return {row["id"]: row["label"] for row in rows}


def test_labels_of_a_week_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(CONFIG)
    write(Path("train.csv"), "nr,sequence,label", [f"t{n},{WORDS['ab'[n % 2]]} {n},{'ab'[n % 2]}" for n in range(80)])
    assert main(["train", "p.toml"]) == 0
    for day in (1, 2):
        rows = [f"d{day}-{n},{WORDS['ab'[n % 2]]} again {n}" for n in range(20)]
        write(Path(f"new/2031-01-0{day}.csv"), "nr,sequence", rows)
    assert main(["score", "p.toml"]) == 0
    said = scored(Path("scores"))
    other = {"a": "b", "b": "a"}
    first = [f"d1-{n},{said[f'd1-{n}']}" for n in range(10)] + ["nobody,a", "d1-19,", "d1-11"]
    first += [f"d1-10,{other[said['d1-10']]}", f"d1-0,{said['d1-0']}"]
    write(Path("labels/1.csv"), "nr,team", first)
    write(
        Path("labels/2.csv"),
        "nr,team",
        [f"d1-9,{other[said['d1-9']]}", *(f"d2-{n},{other[said[f'd2-{n}']]}" for n in range(20))],
    )
    capsys.readouterr()
    assert main(["labels", "p.toml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labels"] == {"rows_in": 36, "joined": 31, "unknown_id": 1, "replaced": 2, "unreadable": 2}
    assert found["corrected"] == 1
    by_day = {item["day"]: item for item in found["days"]}
    one, two = by_day["2031-01-01"], by_day["2031-01-02"]
    assert (one["model"], one["scored"], one["labelled"], one["right"]) == (1, 20, 11, 9)
    assert (two["scored"], two["labelled"], two["right"]) == (20, 20, 0)
    assert one["interval"] == pytest.approx(wilson(9, 11))
    assert 0.5 <= one["estimate"] <= 1
    assert found["fallen"] == [1]
    assert main(["labels", "p.toml"]) == 0
    out = capsys.readouterr().out
    assert (
        "36 labels in = 31 joined + 1 of ids that no current score has + 2 replaced by later ones (1 of them another"
        in out
    )
    assert "warning: v1 was right in 0.290 of 31 rows" in out
    assert "Next: train again" in out


def test_without_labels_the_command_says_what_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(CONFIG.split("[labels]")[0])
    assert main(["labels", "p.toml"]) == 2
    assert 'add [labels] with files = ["labels/*.csv"], id and label' in capsys.readouterr().err


def test_wilson() -> None:
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0, 1)
