"""`seqcls rollback` goes down the history of what was promoted; what was rolled back comes back only by its name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqcls.registry.history import read_history
from seqcls.registry.versions import champion
from seqcls.workspace import open_workspace
from tests.reliability.processes import Nursery

BY_HAND = "[promote]\nautomatic = false\n"


@pytest.fixture(scope="module")
def three(promoted: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 and v2, each promoted after the other, and v3, which was never champion."""
    folder = Path(shutil.copytree(promoted, tmp_path_factory.mktemp("three") / "project"))
    config = folder / "pairs.toml"
    config.write_text(config.read_text().replace("epochs = 2", "epochs = 1") + BY_HAND)
    assert nursery.run("train", config).status == 0
    return folder


@pytest.fixture(scope="module")
def three_champions(three: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1, v2 and v3, each promoted after the other."""
    folder = Path(shutil.copytree(three, tmp_path_factory.mktemp("three") / "project"))
    config = folder / "pairs.toml"
    config.write_text(config.read_text().replace(BY_HAND, ""))
    done = nursery.run("promote", config, "--version", "3", "--force", "--why", "for the tests")
    assert done.status == 0, done.text
    return folder


@pytest.fixture
def config(three_champions: Path, copy: Callable[[Path], Path]) -> Path:
    return copy(three_champions)


def champion_of(config: Path) -> int:
    with open_workspace(config) as workspace:
        return champion(workspace).version


@pytest.mark.fault(
    "O02",
    tried="`seqcls rollback` three times after v1, v2 and v3; the ledger lost and rebuilt in between",
    outcome="v2, then v1, then refused: nothing to go back to; v3 comes back only by `--to v3`",
)
def test_rolling_back_again_goes_further_back(config: Path, nursery: Nursery) -> None:
    first = nursery.run("rollback", config, "--why", "v3 bad")
    assert "champion was pairs@v3 and is now pairs@v2" in first.text
    assert "another rollback goes on to v1" in first.text
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()
    assert nursery.run("doctor", config, "--repair").status == 0
    second = nursery.run("rollback", config)
    assert "champion was pairs@v2 and is now pairs@v1" in second.text
    third = nursery.run("rollback", config)
    assert third.status == 2
    assert "no earlier champion to go back to: v2, v3 were rolled back" in third.text
    assert f"`seqcls rollback {config} --to v3` goes to one that was rolled back" in third.text
    assert champion_of(config) == 1
    named = nursery.run("rollback", config, "--to", "v3", "--why", "it was not v3")
    assert "champion was pairs@v1 and is now pairs@v3" in named.text
    assert "pairs@v3 is champion already" in nursery.run("rollback", config, "--version", "3").text
    assert champion_of(config) == 3


@pytest.mark.fault(
    "O02",
    tried="training again, or `seqcls promote` without a number, after the newest version was rolled back",
    outcome="it stays rolled back; the message says who did it, when and why, and how it is brought back by hand",
)
def test_a_version_that_was_rolled_back_must_be_named(config: Path, nursery: Nursery) -> None:
    assert nursery.run("rollback", config, "--why", "blind on Sundays").status == 0
    trained = nursery.run("train", config)
    assert trained.status == 0, trained.text
    said = " ".join(trained.text.split())
    assert "was not champion before: v3 was champion and was rolled back on " in said
    assert "(blind on Sundays), expected a new version" in said
    refused = nursery.run("promote", config)
    assert refused.status == 2
    assert "v3 was champion and was rolled back on " in refused.text
    assert f"`seqcls promote {config} --version 3` brings it back" in refused.text
    assert champion_of(config) == 2
    assert nursery.run("promote", config, "--version", "3", "--force", "--why", "fixed").status == 0
    assert "champion was pairs@v3 and is now pairs@v2" in nursery.run("rollback", config).text


def test_a_version_that_was_never_champion_is_not_rolled_back_to(
    three: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(three)
    refused = nursery.run("rollback", config, "--to", "v3")
    assert refused.status == 2
    assert "v3 was never champion; expected one of v1" in refused.text
    unknown = nursery.run("rollback", config, "--to", "v9")
    assert "there is no version 9" in unknown.text
    assert champion_of(config) == 2


def move(to: int, kind: str = "") -> Any:
    return SimpleNamespace(to_version=to, kind=kind)


@pytest.mark.parametrize(
    ("moves", "standing", "rolled_back", "earlier"),
    [
        ([], (), set(), None),
        ([move(1)], (1,), set(), None),
        ([move(1), move(2), move(3), move(2, "rollback")], (1, 2), {3}, 1),
        ([move(1), move(2), move(3), move(2), move(1)], (1,), {2, 3}, None),  # of an earlier release
        ([move(1), move(2), move(3), move(1, "rollback")], (1,), {2, 3}, None),
        ([move(1), move(2), move(3), move(1, "promotion")], (1, 2, 3, 1), set(), 3),
        ([move(1), move(2), move(1, "promotion"), move(2, "rollback")], (1, 2), {1}, None),  # v1 was rolled back
        ([move(1), move(2), move(1, "rollback"), move(3)], (1, 3), {2}, 1),
        ([move(1), move(2), move(1, "rollback"), move(2, "rollback")], (2,), {1}, None),  # by name
        ([move(1), move(2), move(1, "rollback"), move(2, "promotion")], (1, 2), set(), 1),
    ],
)
def test_what_stands_behind_the_champion(
    moves: list[Any], standing: tuple[int, ...], rolled_back: set[int], earlier: int | None
) -> None:
    history = read_history(moves)
    assert (history.standing, set(history.rolled_back), history.earlier) == (standing, rolled_back, earlier)
