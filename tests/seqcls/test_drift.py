"""New rows beside those of the training: rows far outside are flagged, files full of them are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.unlike_training import artefacts
from seqcls.cli import main
from seqcls.drift import Reference, Tally, make_reference, open_reference
from seqcls.drift.features import feature_names, features_of, letters_of
from seqcls.store.artefacts import ArtefactStore
from seqcls.table import Kind
from seqcls.workspace import open_workspace

SERIES = pa.list_(pa.list_(pa.float32()))


def waves(count: int, seed: int, factor: float = 1.0, step: int = 1) -> list[list[list[float]]]:
    """Two channels of 40 points: waves of many heights, with noise."""
    random = np.random.default_rng(seed)
    heights = random.uniform(0.5, 2, (count, 2, 1))
    values = heights * np.sin(np.arange(40) / 3) + random.normal(0, 0.05, (count, 2, 40))
    return (factor * values[:, :, ::step]).tolist()


def reference_of(folder: Path, kind: Kind, rows: Any, of: pa.DataType) -> Reference:
    store = ArtefactStore(folder / "store")
    return open_reference(make_reference(*artefacts(store, pa.array(rows, of), kind), kind, store))


def judged(reference: Reference, rows: Any, of: pa.DataType) -> tuple[list[bool], str]:
    tally = Tally(reference)
    half = len(rows) // 2
    far = [*tally.add(pa.array(rows[:half], of)), *tally.add(pa.chunked_array([pa.array(rows[half:], of)]))]
    return far, tally.sentence


def test_series_of_another_scale_are_flagged_and_named_with_both_numbers(tmp_path: Path) -> None:
    reference = reference_of(tmp_path, "series", waves(200, 1), SERIES)
    assert judged(reference, waves(300, 2), SERIES) == ([False] * 300, "")
    far, sentence = judged(reference, waves(20, 3, factor=1000), SERIES)
    assert far == [True] * 20
    assert sentence.startswith("20 of 20 rows are flagged unlike_training: scale of channel")
    assert "in the training rows" in sentence
    far, _ = judged(reference, [[[0.0] * 40, [1.0, float("nan")] * 20], [[], []], [[1.0]]], SERIES)
    assert far[1:] == [True, True], "length is known of a row without a scale"


def test_half_the_sampling_rate_is_named(tmp_path: Path) -> None:
    reference = reference_of(tmp_path, "series", waves(200, 1), SERIES)
    fast = [[[*channel, *channel] for channel in row] for row in waves(30, 4, step=2)]  # of the usual length
    assert "roughness of channel" in judged(reference, fast, SERIES)[1]


@pytest.mark.parametrize(
    ("kind", "learned", "strange"),
    [
        ("text", [f"plain words, number {number}" for number in range(100)], ["простые слова"] * 12),
        ("dna", ["ACGT" * (10 + number % 7) for number in range(100)], ["MKVLAAGWYRDE" * 4] * 12),
        ("protein", ["MKVLAAGWYRDE" * (2 + number % 3) for number in range(100)], ["ACGT" * 8] * 12),
        ("text", [f"plain words, number {number}" for number in range(100)], ["plain words " * 500] * 12),
    ],
)
def test_letters_of_another_kind_are_flagged(
    tmp_path: Path, kind: Kind, learned: list[str], strange: list[str]
) -> None:
    reference = reference_of(tmp_path, kind, learned, pa.string())
    assert judged(reference, learned, pa.string()) == ([False] * 100, "")
    far, sentence = judged(reference, strange, pa.string())
    assert all(far)
    assert ("length is 6e+03 on average" if len(strange[0]) == 6000 else "share of") in sentence, "the far one is named"


def test_few_training_rows_flag_nothing(tmp_path: Path) -> None:
    reference = reference_of(tmp_path, "text", ["one", "two"] * 5, pa.string())
    assert judged(reference, ["x" * 5000] * 4, pa.string()) == ([False] * 4, "")


def test_rna_is_dna() -> None:
    assert np.array_equal(features_of("dna", pa.array(["ACGU"]), "ACGTU", 0), features_of("dna", pa.array(["acgT"]),
                          "ACGTUacgt", 0))  # fmt: skip


def test_numbers_of_a_row_do_not_depend_on_the_others() -> None:
    rows = [[[1.0, None, 3.0], [2.0, 2.0, 2.0]], None, [[5.0, 7.0], [1.0, float("inf")]], [[], []], [[1.0, 2.0]]]
    together = features_of("series", pa.array(rows, SERIES), "", 2)
    alone = np.concatenate([features_of("series", pa.array([row], SERIES), "", 2) for row in rows])
    assert np.array_equal(together, alone, equal_nan=True)
    by_name = dict(zip(feature_names("series", 2), together[0], strict=True))
    assert by_name["share of missing values"] == pytest.approx(1 / 6)
    assert by_name["scale of channel 1"] == pytest.approx(0)
    assert np.isnan(by_name["scale of channel 2"])
    assert letters_of([pa.array(["ba", None, "é"])]) == "abé"


CONFIG = """
name = "waves"
kind = "series"
[source]
format = "jsonl"
files = ["train.jsonl"]
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


def write(path: Path, rows: list[list[list[float]]]) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = [json.dumps({"sequence": row, "label": "ab"[at % 2]}) for at, row in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_microvolts_after_millivolts_are_flagged_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(CONFIG)
    write(Path("train.jsonl"), waves(120, 1))
    assert main(["train", "p.toml"]) == 0
    write(Path("new/good.jsonl"), waves(30, 2))
    write(Path("new/micro.jsonl"), waves(30, 2, factor=1000))
    capsys.readouterr()
    assert main(["score", "p.toml"]) == 0
    said = capsys.readouterr().out
    assert "warning: new/micro.jsonl: 30 of 30 rows are flagged unlike_training: scale of channel" in said
    assert "good.jsonl:" not in said
    files = Path("scores").glob("model=*/*/*.parquet")
    scores = [row for path in files for row in pq.read_table(path, partitioning=None).to_pylist()]
    assert len(scores) == 60
    flagged = {row["source_file"] for row in scores if "unlike_training" in row["flags"]}
    assert flagged == {"new/micro.jsonl"}
    assert main(["predict", "p.toml", ";".join(",".join(map(str, row)) for row in waves(1, 3, factor=1000)[0])]) == 0
    assert "note: unlike_training: another scale" in capsys.readouterr().out
    with open_workspace(Path("p.toml")) as workspace:
        from seqcls.registry.versions import champion
        from seqcls.scoring.beside_training import tally_of

        version = champion(workspace)
        assert tally_of(workspace, version) is not None
        del version.inputs["reference"]
        assert tally_of(workspace, version) is None, "a version of an earlier release"
    assert main(["gc", "p.toml", "--age", "0"]) == 0
    assert main(["doctor", "p.toml"]) == 0
