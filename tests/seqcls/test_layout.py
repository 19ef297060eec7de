"""Channels and columns belong to the model: learnt by name from the training files, compared by name when scoring."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqcls.cli import main
from seqcls.errors import DataRefused
from seqcls.workspace import open_workspace
from tests.seqcls.reading_files import read

POINTS = 12
TAIL = """
[split]
valid = 0.2
test = 0.2
[model]
family = "rocket"
thresholds = 2
[promote]
beat_baseline = false
every_class_predicted = false
[score]
files = ["new/*"]
"""


def rows_of(seed: int, count: int) -> list[tuple[str, list[str]]]:
    """(class, values): class `up` rises, class `down` falls, with noise."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        slope = 1.0 if number % 2 else -1.0
        values = slope * np.arange(POINTS) + random.normal(0, 0.3, POINTS)
        found.append(("up" if number % 2 else "down", [f"{value:.3f}" for value in values]))
    return found


def write_wide(path: Path, columns: list[str], seed: int, count: int = 40) -> None:
    """`columns` in the order of the file; the values of a row belong to their names."""
    times = sorted(columns, key=float)
    lines = [",".join(["label", *columns])]
    for label, values in rows_of(seed, count):
        by_name = dict(zip(times, values, strict=True))
        lines.append(",".join([label, *(by_name[name] for name in columns)]))
    path.write_text("\n".join(lines) + "\n")


def labels(folder: Path) -> dict[str, list[str]]:
    """Predicted classes by source file."""
    found: dict[str, list[str]] = {}
    for path in sorted((folder / "scores").rglob("*.parquet")):
        table = pq.read_table(path)
        if "confidence" in table.column_names:
            for row in table.sort_by("source_row").to_pylist():
                found.setdefault(row["source_file"], []).append(row["label"])
    return found


COLUMNS = [f"{number / 4 - 1:g}" for number in range(POINTS)]  # -1, -0.75, ... 1.75: as text in another order


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained project with one column per time point."""
    folder = tmp_path_factory.mktemp("wide")
    write_wide(folder / "a.csv", COLUMNS, seed=1, count=60)
    write_wide(folder / "b.csv", COLUMNS[::-1], seed=2)
    source = '[source]\nformat = "wide"\nfiles = ["a.csv", "b.csv"]\nvalues = ["*[0-9]"]\nlabel = "label"\n'
    (folder / "wide.toml").write_text(f'name = "wide"\nkind = "series"\n{source}{TAIL}')
    (folder / "new").mkdir()
    assert main(["train", str(folder / "wide.toml")]) == 0
    return folder


def test_wide_columns_stand_in_the_order_of_the_first_file_whatever_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,Mar,Jan,Feb\nx,1,2,3\n")
    (tmp_path / "b.csv").write_text("Feb,label,Jan,Mar\n3,x,2,1\n")
    options = {"format": "wide", "label": "label", "values": ["*"]}
    assert read(tmp_path, "series", files=["a.csv"], **options).series == [[[1.0, 2.0, 3.0]]]


@pytest.mark.slow
def test_files_with_exchanged_columns_are_read_by_name(wide: Path) -> None:
    write_wide(wide / "new" / "turned.csv", COLUMNS[::-1], seed=3)
    assert main(["score", str(wide / "wide.toml")]) == 0
    assert labels(wide)["new/turned.csv"] == ["down", "up"] * 20


@pytest.mark.slow
def test_a_file_that_lost_columns_is_refused_by_name_and_others_are_scored(
    wide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wide(wide / "new" / "good.csv", COLUMNS, seed=4)
    lines = [line.rsplit(",", 2)[0] for line in (wide / "new" / "good.csv").read_text().splitlines()]
    (wide / "new" / "lost.csv").write_text("\n".join(lines) + "\n")
    assert main(["score", str(wide / "wide.toml")]) == 3
    said = capsys.readouterr().err
    assert f"new/lost.csv: no column '{COLUMNS[-2]}', '{COLUMNS[-1]}'; expected the {POINTS} columns of" in said
    assert labels(wide)["new/good.csv"] == ["down", "up"] * 20
    (wide / "new" / "lost.csv").unlink()


@pytest.mark.slow
def test_a_model_without_names_is_scored_as_it_was_trained(wide: Path, tmp_path: Path) -> None:
    """Models of earlier releases took the columns in the order of their names."""
    from seqcls.sources import read_file
    from seqcls.sources.discover import find_files
    from seqcls.sources.layout import FirstLayout

    (tmp_path / "a.csv").write_text("label,v10,v2\nx,1,2\n")
    with open_workspace(wide / "wide.toml") as workspace:
        source = workspace.pipeline.source.model_copy(update={"values": ["v*"], "files": ["a.csv"]})
    (file,) = find_files(source, tmp_path)
    old = FirstLayout(is_kept=False)
    (batch,) = read_file(file, source, "series", labelled=False, folder=tmp_path, layout=old)
    assert batch.table["sequence"].to_pylist() == [[[2.0, 1.0]]]


def write_long(path: Path, leads: list[str], seed: int, count: int = 40) -> None:
    """Lead II is lead I turned over."""
    lines = ["rec,t,lead,mv,rhythm"]
    for number, (label, values) in enumerate(rows_of(seed, count)):
        for lead in leads:
            for time, value in enumerate(values):
                turned = -float(value) if lead == "II" else float(value)
                lines.append(f"{path.stem}{number},{time},{lead},{turned:.3f},{label}")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_long_channels_go_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without a lead is refused by name; a row of a lead that the model does not know is rejected."""
    write_long(tmp_path / "train.csv", ["II", "I"], seed=1, count=60)
    source = (
        '[source]\nformat = "long"\nfiles = ["train.csv"]\nid = "rec"\nposition = "t"\nchannel = "lead"\n'
        'value = "mv"\nlabel = "rhythm"\n'
    )
    config = tmp_path / "long.toml"
    config.write_text(f'name = "long"\nkind = "series"\n{source}{TAIL}')
    (tmp_path / "new").mkdir()
    write_long(tmp_path / "new" / "one.csv", ["II"], seed=2)
    write_long(tmp_path / "new" / "both.csv", ["I", "II"], seed=3)
    assert main(["train", str(config)]) == 0
    assert main(["score", str(config)]) == 3
    assert "new/one.csv: no channel 'I'; expected the 2 channels of the training files" in capsys.readouterr().err
    assert labels(tmp_path) == {"new/both.csv": ["down", "up"] * 20}


def test_training_files_with_other_channels_are_refused(tmp_path: Path) -> None:
    write_long(tmp_path / "a.csv", ["I"], seed=1, count=2)
    write_long(tmp_path / "b.csv", ["II"], seed=2, count=2)
    source = {"format": "long", "id": "rec", "position": "t", "channel": "lead", "value": "mv", "label": "rhythm"}
    from seqcls.config.source import SourceConfig
    from seqcls.sources.discover import find_files
    from seqcls.sources.ingest import ingest
    from seqcls.store.artefacts import ArtefactStore

    config = SourceConfig(files=["a.csv", "b.csv"], **source)
    store = ArtefactStore(tmp_path / "store")
    with pytest.raises(DataRefused, match=r"b\.csv: no channel 'I'; channel 'II'; expected the 1 channels of a\.csv"):
        ingest(find_files(config, tmp_path), config, "series", store, labelled=True, folder=tmp_path)


@pytest.mark.slow
def test_rows_with_another_number_of_channels_are_rejected_and_the_night_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(path: Path, channels: int, seed: int, count: int, odd: int = 0) -> None:
        rows = [
            {
                "id": f"{path.stem}{n}",
                "label": label,
                "sequence": [[float(v) for v in values]] * (3 if n < odd else channels),
            }
            for n, (label, values) in enumerate(rows_of(seed, count))
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    write(tmp_path / "train.jsonl", 2, 1, 60)
    source = '[source]\nformat = "jsonl"\nfiles = ["train.jsonl"]\nid = "id"\nlabel = "label"\n'
    config = tmp_path / "lists.toml"
    config.write_text(f'name = "lists"\nkind = "series"\n{source}{TAIL}')
    (tmp_path / "new").mkdir()
    write(tmp_path / "new" / "one.jsonl", 1, 2, 10)
    write(tmp_path / "new" / "two.jsonl", 2, 3, 10)
    write(tmp_path / "new" / "first.jsonl", 2, 4, 10, odd=1)
    assert main(["train", str(config)]) == 0
    assert main(["score", str(config)]) == 3
    shown = capsys.readouterr()
    assert "30 rows in = 19 scored + 11 rejected" in shown.out
    assert "new/one.jsonl: 10 of 10 rows" in shown.err
    assert "in scoring: 1 channels; expected 2, as in the training split" in shown.err
    assert {name: len(found) for name, found in labels(tmp_path).items()} == {"new/two.jsonl": 10, "new/first.jsonl": 9}
