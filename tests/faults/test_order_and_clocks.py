"""What comes first is said by numbers: after a clock that was ahead, and after the ledger was lost, the same counts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from seqcls.ledger.models import alias_history, get_alias
from seqcls.registry.versions import CHAMPION
from seqcls.store.artefacts import file_digest
from seqcls.workspace import open_workspace
from tests.faults.broken_world import BrokenWorld
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

DAY = 24 * 3600


@pytest.fixture
def config(trained: Path, copy: Callable[[Path], Path]) -> Path:
    """A trained project with an empty incoming folder."""
    config = copy(trained)
    for path in (config.parent / "incoming").iterdir():
        path.unlink()
    return config


def deliver(config: Path, name: str, seed: int) -> str:
    """A file of new data; the digest of its content."""
    path = config.parent / "incoming" / name
    write_rows(path, 5, seed=seed, labelled=False)
    return file_digest(path)


def run(nursery: Nursery, *arguments: str | Path) -> str:
    done = nursery.run(*arguments)
    assert done.status == 0, done.text
    return done.text


def counting(config: Path) -> dict[str, str]:
    """Name -> content, as `_current.json` says it."""
    listed = json.loads((config.parent / "scores" / "_current.json").read_text())["files"]
    assert len({item["file"] for item in listed}) == len(listed)
    return {item["file"].removeprefix("incoming/"): item["input"] for item in listed}


def states(config: Path, nursery: Nursery) -> dict[str, str]:
    """Content -> what `seqcls scores` says of it."""
    found = json.loads(run(nursery, "scores", config, "--json"))
    return {item["input"]: item["state"] for item in found}


def lose_ledger(config: Path) -> None:
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()


def champion(config: Path) -> tuple[int | None, list[int]]:
    with open_workspace(config) as workspace:
        moves = [move.to_version for move in alias_history(workspace.ledger, "pairs", CHAMPION)]
        return get_alias(workspace.ledger, "pairs", CHAMPION).version, moves


@pytest.mark.fault(
    "N04",
    tried="a file scored while the clock was three days ahead, and corrected when the clock was right again",
    outcome="the corrected file's scores count at once, also when the ledger is lost and rebuilt",
)
def test_a_corrected_file_counts_after_a_clock_that_was_ahead(
    config: Path, world: BrokenWorld, nursery: Nursery
) -> None:
    world.move_clock(3 * DAY)
    first = deliver(config, "night.csv", seed=1)
    run(nursery, "score", config)
    world.fix()
    corrected = deliver(config, "night.csv", seed=2)
    run(nursery, "score", config)
    assert counting(config) == {"night.csv": corrected}
    expected = {first: f"replaced by {corrected[:12]}", corrected: "current"}
    assert states(config, nursery) == expected
    lose_ledger(config)
    run(nursery, "doctor", config, "--repair")
    assert states(config, nursery) == expected


@pytest.mark.fault(
    "N05",
    tried="a model promoted while the clock was two days ahead, rolled back when it was right again; ledger lost",
    outcome="the rebuilt ledger has every move and the same champion; doctor and repair say that the times disagree",
)
def test_a_model_that_was_rolled_back_is_not_champion_again_in_a_rebuilt_ledger(
    promoted: Path, copy: Callable[[Path], Path], world: BrokenWorld, nursery: Nursery
) -> None:
    config = copy(promoted)
    world.move_clock(2 * DAY)
    run(nursery, "promote", config, "--version", "1", "--force", "--why", "test")
    world.fix()
    run(nursery, "rollback", config, "--why", "v1 is bad")
    assert champion(config) == (2, [1, 2, 1, 2])
    wrong = "move 4 (to v2) carries an earlier time than move 3 (to v1): a clock was wrong"
    assert wrong in run(nursery, "doctor", config)
    lose_ledger(config)
    said = run(nursery, "doctor", config, "--repair")
    assert "4 moves of the champion taken from the journal" in said
    assert wrong in said
    assert champion(config) == (2, [1, 2, 1, 2])


@pytest.mark.fault(
    "N12",
    tried="a name that held A, then C, which was known under another name; C renamed; the ledger lost and rebuilt",
    outcome="A stays replaced; each row counts once, under the name that the file has now",
)
def test_replaced_scores_do_not_count_again_after_a_repair(config: Path, nursery: Nursery) -> None:
    incoming = config.parent / "incoming"
    first = deliver(config, "n.csv", seed=1)
    other = deliver(config, "m.csv", seed=2)
    run(nursery, "score", config)
    (incoming / "m.csv").rename(incoming / "n.csv")
    run(nursery, "score", config)
    (incoming / "n.csv").rename(incoming / "p.csv")
    run(nursery, "score", config)
    before = states(config, nursery)
    assert before == {first: f"replaced by {other[:12]}", other: "current"}
    lose_ledger(config)
    run(nursery, "doctor", config, "--repair")
    assert states(config, nursery) == before
    run(nursery, "score", config)
    assert list(counting(config).values()) == [other]
    run(nursery, "gc", config, "--age", "0")  # keeps the records
    lose_ledger(config)
    run(nursery, "doctor", config, "--repair")
    assert states(config, nursery) == before


@pytest.mark.fault(
    "N12",
    tried="a first content put back under its name, then the ledger lost and rebuilt, and a corrected file after it",
    outcome="what was put back counts; the numbers go on where they were, so that the corrected file counts after it",
)
def test_a_content_that_was_put_back_counts_after_a_repair(config: Path, nursery: Nursery) -> None:
    path = config.parent / "incoming" / "a.csv"
    first = deliver(config, "a.csv", seed=1)
    data = path.read_bytes()
    run(nursery, "score", config)
    deliver(config, "a.csv", seed=2)
    run(nursery, "score", config)
    path.write_bytes(data)
    run(nursery, "score", config)
    assert counting(config) == {"a.csv": first}
    lose_ledger(config)
    run(nursery, "doctor", config, "--repair")
    assert states(config, nursery)[first] == "current"
    corrected = deliver(config, "a.csv", seed=3)
    run(nursery, "score", config)
    assert counting(config) == {"a.csv": corrected}


@pytest.mark.fault(
    "N12",
    tried="scores of a release that kept no record of names; the ledger lost and rebuilt",
    outcome="repair says that only the first names are known, and how the others are known again",
)
def test_a_repair_says_so_when_only_first_names_are_known(config: Path, nursery: Nursery) -> None:
    deliver(config, "a.csv", seed=1)
    run(nursery, "score", config)
    for folder in (config.parent / "store" / "artefacts" / "sightings").iterdir():
        (folder / "manifest.json").unlink()
        folder.rmdir()
    lose_ledger(config)
    said = run(nursery, "doctor", config, "--repair")
    assert "pairs: of 1 scored files only the first name is known (scored by an earlier release)" in said
    run(nursery, "score", config)
    assert "only the first name" not in run(nursery, "doctor", config, "--repair")


@pytest.mark.fault(
    "N12",
    tried="killed before a record of names is in the ledger, or the record damaged",
    outcome="the next run writes it again; doctor is well",
)
def test_a_record_that_is_missing_or_damaged_is_written_by_the_next_run(config: Path, nursery: Nursery) -> None:
    deliver(config, "a.csv", seed=1)
    assert nursery.run("score", config, failpoint="sightings_written=kill").status == -9
    run(nursery, "score", config)
    with closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger:
        (record,) = ledger.execute("SELECT record FROM sightings").fetchone()
    manifest = config.parent / "store" / "artefacts" / "sightings" / record / "manifest.json"
    manifest.write_text(manifest.read_text().replace("incoming/a.csv", "incoming/b.csv"))
    assert "NO  sightings" in nursery.run("doctor", config).text
    run(nursery, "score", config)
    assert "all passed" in run(nursery, "doctor", config)
