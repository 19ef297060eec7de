"""Moves of the champion: in the journal before they count, and back from it, to the letter, when the ledger is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.ledger.models import AliasMove, alias_history, get_alias
from seqcls.registry.journal import JournalEntry, follow
from seqcls.registry.versions import CHAMPION
from seqcls.store.artefacts import Ref
from seqcls.workspace import open_workspace
from tests.reliability.processes import Nursery


@pytest.fixture
def config(promoted: Path, copy: Callable[[Path], Path]) -> Path:
    """Champion v1 (forced), then v2 (forced)."""
    return copy(promoted)


def lose_ledger(config: Path) -> None:
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()


def history(config: Path) -> tuple[int | None, list[tuple[Any, ...]]]:
    """Where the champion is, and every column of every move."""
    with open_workspace(config) as workspace:
        moves = [tuple(row) for row in alias_history(workspace.ledger, "pairs", CHAMPION)]
        return get_alias(workspace.ledger, "pairs", CHAMPION).version, moves


def repaired(config: Path, nursery: Nursery) -> str:
    lose_ledger(config)
    done = nursery.run("doctor", config, "--repair")
    assert done.status == 0, done.text
    return done.text


def journal(config: Path) -> list[Path]:
    return sorted((config.parent / "store" / "artefacts" / "alias_move").iterdir())


def test_a_lost_ledger_knows_the_champion_and_who_moved_it_and_why(config: Path, nursery: Nursery) -> None:
    assert nursery.run("rollback", config, "--why", "v2 is blind on Sundays").status == 0
    assert nursery.run("promote", config, "--version", "2", "--force", "--why", "fixed").status == 0
    assert nursery.run("rollback", config, "--why", "not quite").status == 0
    before = history(config)
    assert before[0] == 1
    assert [move[6] for move in before[1]][2:] == [
        "v2 is blind on Sundays",
        before[1][3][6],
        "not quite",
    ]
    said = repaired(config, nursery)
    assert history(config) == before
    assert "pairs: 5 moves of the champion taken from the journal" in said
    assert "champion is v1" in said
    again = nursery.run("train", config)  # what was rolled back does not come back by itself
    assert again.status == 0, again.text
    assert history(config)[0] == 1


def test_repairing_twice_or_a_whole_ledger_changes_nothing(config: Path, nursery: Nursery) -> None:
    before = history(config)
    assert nursery.run("doctor", config, "--repair").status == 0
    repaired(config, nursery)
    assert nursery.run("doctor", config, "--repair").status == 0
    assert history(config) == before


@pytest.mark.parametrize("point", ["artefact_written", "move_written", "alias_set"])
@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_killed_at_a_move_the_next_try_makes_it_once_and_a_lost_ledger_agrees(
    command: str, point: str, config: Path, nursery: Nursery
) -> None:
    options = ("--version", "1", "--force", "--why", "test") if command == "promote" else ("--why", "test")
    before = history(config)
    for _ in range(2):
        killed = nursery.run(command, config, *options, failpoint=f"{point}=kill")
        if killed.status != -9:  # the move was committed by the run before
            break
    committed = history(config)
    assert committed[1][: len(before[1])] == before[1]
    assert len(committed[1]) - len(before[1]) == (point == "alias_set")
    done = nursery.run("promote", config, "--version", "1", "--force", "--why", "last")
    assert done.status == 0, done.text
    after = history(config)
    assert after[0] == 1
    repaired(config, nursery)
    assert history(config) == after
    assert nursery.run("score", config).status == 0  # clears up
    assert not list((config.parent / "store").rglob(".tmp-*"))


def test_a_move_killed_before_its_commit_is_carried_out_if_the_ledger_is_lost_just_then(
    config: Path, nursery: Nursery
) -> None:
    assert nursery.run("rollback", config, "--why", "at the last moment", failpoint="move_written=kill").status == -9
    assert history(config)[0] == 2
    examined = nursery.run("doctor", config)
    assert examined.status == 3
    assert "NO  champion's journal: a move to v1 that the ledger does not know" in examined.text
    repaired(config, nursery)
    champion, moves = history(config)
    assert (champion, moves[-1][6]) == (1, "at the last moment")
    assert nursery.run("doctor", config).status == 0


def test_an_older_ledger_that_is_put_back_gets_the_moves_that_it_missed(config: Path, nursery: Nursery) -> None:
    ledger = config.parent / "store" / "ledger.db"
    shutil.copy(ledger, config.parent / "backup.db")
    assert nursery.run("rollback", config, "--why", "first").status == 0
    assert nursery.run("promote", config, "--version", "2", "--force", "--why", "second").status == 0
    after = history(config)
    lose_ledger(config)
    shutil.copy(config.parent / "backup.db", ledger)
    assert len(history(config)[1]) == 2
    assert nursery.run("doctor", config, "--repair").status == 0
    assert history(config) == after


def test_a_store_without_a_journal_gets_one_at_the_next_run(config: Path, nursery: Nursery) -> None:
    """As a release without journals left it."""
    before = history(config)
    shutil.rmtree(config.parent / "store" / "artefacts" / "alias_move")
    with sqlite3.connect(config.parent / "store" / "ledger.db") as connection:
        connection.execute("UPDATE alias_changes SET journal = NULL")
    connection.close()
    assert nursery.run("score", config).status == 0
    assert history(config) == before
    repaired(config, nursery)
    assert history(config) == before


def test_a_damaged_entry_is_written_again_from_the_ledger(config: Path, nursery: Nursery) -> None:
    before = history(config)
    manifest = journal(config)[0] / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"who": "', '"who": "not '))
    examined = nursery.run("doctor", config)
    assert "NO  alias_move" in examined.text
    assert nursery.run("score", config).status == 0
    assert nursery.run("doctor", config).status == 0
    assert history(config) == before
    assert len(journal(config)) == 2


def test_a_champion_whose_model_is_damaged_is_not_restored_but_the_one_before(config: Path, nursery: Nursery) -> None:
    with open_workspace(config) as workspace:
        from seqcls.registry.versions import find_version

        weights = workspace.store.ref("model", find_version(workspace, 2).model_digest).folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    lose_ledger(config)
    assert "champion is v1 (seqcls doctor --repair: v2, to which it pointed, is damaged)" in (
        nursery.run("doctor", config, "--repair").text
    )
    champion, moves = history(config)
    assert (champion, [move[4] for move in moves]) == (1, [1, 2, 1])
    assert nursery.run("score", config).status == 0


def test_gc_keeps_the_journal(config: Path, nursery: Nursery) -> None:
    before = history(config)
    assert nursery.run("gc", config, "--age", "0", "--keep", "1").status == 0
    assert len(journal(config)) == 2
    repaired(config, nursery)
    assert history(config) == before


def entry(counter: int, when: float, to: int = 1, serial: int = 0) -> JournalEntry:
    move = AliasMove("pairs", CHAMPION, counter, None, to, "ann", "why", when, serial)
    return JournalEntry(Ref(kind="alias_move", digest=f"{counter}-{when}", path=""), move, "m", "e")


def test_of_two_moves_of_an_earlier_release_with_one_number_the_later_counts() -> None:
    killed, kept, following = entry(2, 20.0, to=7), entry(2, 25.0), entry(3, 30.0)
    assert follow([following, killed, entry(1, 10.0), kept], None) == [entry(1, 10.0), kept, following]
    assert follow([killed, entry(1, 10.0)], None) == [entry(1, 10.0), killed]
    other = entry(3, 22.0)  # of the ledger that was replaced by an older one
    assert follow([other, killed, kept, entry(1, 10.0)], None) == [entry(1, 10.0), kept]
    assert follow([entry(2, 20.0), entry(3, 30.0)], entry(2, 20.0).move) == [entry(3, 30.0)]


def test_numbers_that_are_complete_count_whatever_the_times_say() -> None:
    moves = [entry(1, 10.0), entry(2, 900.0, to=2), entry(3, 20.0)]
    assert follow(moves, None) == moves
    assert follow(moves, moves[1].move) == moves[2:]
    numbered = [entry(1, 10.0, serial=1), entry(2, 900.0, to=7, serial=2), entry(2, 20.0, serial=3)]
    assert follow(numbered, None) == [numbered[0], numbered[2]]  # the second was killed, under a clock that was ahead
    assert follow([*numbered, entry(3, 950.0, serial=2)], numbered[2].move) == []  # of a ledger that was replaced


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_was_killed_on_the_way_the_committed_moves_come_back(data: st.DataObject) -> None:
    """A history with moves that were killed between journal and commit, each followed by a committed one; moves of
    now have serials and any time, those of an earlier release have times alone."""
    serial, committed, written = 0, [], []
    of_now = data.draw(st.booleans())

    def moved(number: int, to: int) -> JournalEntry:
        when = data.draw(st.floats(0, 1e9)) if of_now else float(serial)
        return entry(number, when, to, serial if of_now else 0)

    for number in range(1, data.draw(st.integers(1, 6)) + 1):
        for _ in range(data.draw(st.integers(0, 3))):
            serial += 1
            written.append(moved(number, to=99))
        serial += 1
        committed.append(moved(number, to=1))
    known = data.draw(st.integers(0, len(committed)))
    shuffled = data.draw(st.permutations(written + committed))
    assert follow(shuffled, committed[known - 1].move if known else None) == committed[known:]
