"""Weights that give no answers: refused before they score; a night that loses its rows to them does not exit 0."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from tests.reliability.forging import WEIGHTS, edit_weights, forge_champion, too_large
from tests.reliability.invariants import Books, count_final, count_rescored
from tests.reliability.processes import Nursery

Copy = Callable[[Path], Path]


def first_is(value: float) -> Callable[[Path], None]:
    def change(tensor: Tensor) -> Tensor:
        tensor.view(-1)[0] = value
        return tensor

    return lambda folder: edit_weights(folder, change)


@pytest.mark.fault(
    "N22",
    tried="one weight of each tensor of the champion NaN, or infinite, the digests made to fit; predict, score",
    outcome="one message, exit code 3, before a row is scored; the remedy that it names works",
)
@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_weights_that_are_no_numbers_are_refused(value: float, trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(trained)
    folder = forge_champion(config, first_is(value))
    for command in (("predict", config, "w1 first w2 second"), ("score", config)):
        done = nursery.run(*command)
        assert done.status == 3, done.text
        assert "Traceback" not in done.text
        assert f"{folder / WEIGHTS}: weights that are NaN or infinite: " in done.text
        assert "classes.bias: 1 of 2" in done.text
    assert not list((config.parent / "scores").rglob("part-*.parquet"))
    shutil.move(folder, config.parent / "moved")
    again = nursery.run("train", config)
    assert again.status == 0, again.text
    assert "pairs@v1 cannot be opened" in again.text
    assert nursery.run("promote", config, "--version", "2", "--force", "--why", "a whole one").status == 0
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N22",
    tried="a champion whose weights are finite and so large that no answer is; a night of 92 rows",
    outcome="all rows are among the rejects, published; the input is named with score.reject_budget, exit code 3, "
    "once; with another champion --rescore scores it",
)
def test_a_night_that_loses_its_rows_in_scoring_fails(trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(trained)
    forge_champion(config, too_large)
    done = nursery.run("score", config)
    assert done.status == 3, done.text
    assert "1 file scored with too many rows rejected (published)" in done.text
    assert "incoming/night.csv: 92 of 92 rows (100.00%) are rejected, 90 of them in scoring: the network" in done.text
    assert "expected at most 50.00% (score.reject_budget)" in done.text
    assert count_final(config).lost == 0
    assert nursery.run("score", config).status == 0, "it is scored, and said once"
    assert nursery.run("train", config).status == 0
    assert nursery.run("promote", config, "--version", "2", "--force", "--why", "a whole one").status == 0
    again = nursery.run("score", config, "--rescore")
    assert again.status == 0, again.text
    assert count_rescored(config, 2) == Books()


def test_rows_that_the_budget_allows_fail_nothing(trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(trained)
    config.write_text(config.read_text() + "reject_budget = 1.0\n")
    forge_champion(config, too_large)
    done = nursery.run("score", config)
    assert done.status == 0, done.text
