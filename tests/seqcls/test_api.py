"""The package from Python: the same road and the same answers as the command, with typed results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import seqcls
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.scoring.predict import Prediction, as_column
from tests.reliability.processes import Nursery


def test_training_and_scoring_from_python_is_the_road_of_the_command(
    untrained: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(untrained)
    config.write_text(config.read_text() + "[promote]\nbeat_baseline = false\n")
    trained = seqcls.train(config)
    assert trained.champion
    assert 0.0 <= trained.metrics["test"]["balanced_accuracy"] <= 1.0
    assert seqcls.train(str(config)).reused == ("ingest", "validate", "split", "encode", "train", "evaluate")
    scored = seqcls.score(config)
    assert (scored.run.rows.rows_in, scored.run.rows.rejected) == (92, 2)
    assert seqcls.score(config).run.rows.rows_in == 0
    assert seqcls.score(config, rescore=True, model="v1").run.rows.rows_in == 0  # the champion has scored all of it


def test_predictions_from_memory_are_those_of_the_command(
    trained: Path, copy: Callable[[Path], Path], nursery: Nursery
) -> None:
    config = copy(trained)
    answers = seqcls.predict(config, [["first", "w1", "second"], ["second", "w2", "w3", "first"]])
    assert [answer.model for answer in answers] == ["pairs@v1", "pairs@v1"]
    assert all(sum(answer.probabilities.values()) == pytest.approx(1.0, abs=1e-5) for answer in answers)
    command = nursery.run("predict", config, "second w2 w3 first", "--json")
    assert command.status == 0, command.text
    alone = Prediction.model_validate_json(command.text)
    assert alone.probabilities == pytest.approx(answers[1].probabilities, abs=1e-5)
    assert (alone.label, alone.model, alone.flags) == (answers[1].label, answers[1].model, answers[1].flags)
    assert seqcls.predict(config, [], version=1) == []


def test_a_sequence_of_another_form_is_named(trained: Path, copy: Callable[[Path], Path]) -> None:
    with pytest.raises(DataRefused, match=r"sequences: row 2.*'first second' is no tokens sequence.*a list of strings"):
        seqcls.predict(copy(trained), [["first"], "first second"])


def test_a_version_that_is_not_there_is_refused(trained: Path, copy: Callable[[Path], Path]) -> None:
    with pytest.raises(ConfigRefused, match="there is no version 7"):
        seqcls.predict(copy(trained), [["first"]], version=7)


@pytest.mark.parametrize(
    "series",
    [
        pytest.param([0.5, None, 1.5], id="one channel"),
        pytest.param([[0.5, float("nan"), 1.5]], id="one channel among channels"),
        pytest.param(np.array([0.5, np.nan, 1.5]), id="an array"),
        pytest.param(np.array([[0.5, np.nan, 1.5]], np.float32), id="an array of channels"),
    ],
)
def test_series_are_taken_as_python_and_numpy_have_them(series: object) -> None:
    column = as_column("series", [series, [[1.0, 2.0], [3.0, 4.0]]])
    assert column.type == pa.list_(pa.list_(pa.float32()))
    assert column.to_pylist() == [[[0.5, None, 1.5]], [[1.0, 2.0], [3.0, 4.0]]]


@pytest.mark.parametrize("wrong", [None, "", "1 2 3", [], 5, [["a", "b"]]])
def test_what_is_no_series_is_refused_by_its_row(wrong: object) -> None:
    with pytest.raises(DataRefused, match=r"sequences: row 2: .* is no series sequence|no series sequence.*row 2"):
        as_column("series", [[1.0, 2.0], wrong])


@pytest.mark.slow
def test_importing_the_package_loads_no_torch() -> None:
    code = "import seqcls, sys; assert 'torch' not in sys.modules; assert 'pyarrow' not in sys.modules; seqcls.train"
    subprocess.run([sys.executable, "-c", code], check=True)
