"""Each worked config runs the whole road on the data it is made for: smaller and shorter, but the same files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from examples import simulate
from seqcls.registry.versions import find_version, promote
from seqcls.road import score_pipeline, train_pipeline
from seqcls.workspace import open_workspace

CONFIGS = Path(__file__).parents[1] / "configs"
EXAMPLES = ("reviews", "ecg", "dna")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, int]]]:
    """A checkout with little simulated data, and what was planted in its night."""
    home = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulate, "DEMO_ROWS", dict.fromkeys(EXAMPLES, 240))
        patch.setattr(simulate, "DEMO_NIGHT_ROWS", 400)
        books = simulate.write_demo(home / "demo" / "data")
    (home / "configs").mkdir()
    for name in EXAMPLES:
        shorter = re.sub(r"^epochs = \d+", "epochs = 1", (CONFIGS / f"{name}.toml").read_text(), flags=re.MULTILINE)
        (home / "configs" / f"{name}.toml").write_text(shorter)
    return home, books


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_worked_example_trains_and_accounts_for_its_night(
    planted: tuple[Path, dict[str, dict[str, int]]], name: str
) -> None:
    home, books = planted
    with open_workspace(home / "configs" / f"{name}.toml") as workspace:
        trained = train_pipeline(workspace)
        assert trained.rows["accepted"] + trained.rows["rejected"] == trained.rows["in"] == 240
        if not trained.champion:  # one epoch on so few rows does not reach the floors
            promote(workspace, find_version(workspace, None), force=True, why="test of the road")
        rows = score_pipeline(workspace).run.rows
        assert (rows.scored + rows.abstained, rows.rejected) == (books[name]["good"], books[name]["bad"])
        assert score_pipeline(workspace).run.rows.rows_in == 0
    assert list((home / "demo" / "scores" / name).rglob("part-*.parquet"))
    shutil.rmtree(home / "demo" / "scores" / name)
