"""lineage while the chunk of that id is being scored, committed or published: what is so at that moment."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.processes import Nursery

Copy = Callable[[Path], Path]
FIRST, LAST = "night-3", "night-89"
"""Ids in the first chunk and in the last one."""


@pytest.mark.fault(
    "N17",
    tried="lineage held when it has listed the chunks; all of a night is committed and published; lineage goes on",
    outcome="no traceback: it says that the row was not scored, which was so when it looked; asked again, it finds it",
)
def test_a_commit_in_the_middle_of_lineage(trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(trained)
    asking = nursery.start("lineage", config, FIRST, failpoint="chunks_listed=stop")
    asking.wait_until_stopped()
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    asking.send(signal.SIGCONT)
    assert asking.wait() == 3, asking.text
    assert f"no row with id '{FIRST}' was scored, rejected or trained on" in asking.text
    assert "Traceback" not in asking.text
    again = nursery.run("lineage", config, FIRST)
    assert again.status == 0, again.text
    assert "current" in again.text


@pytest.mark.fault(
    "N17",
    tried="lineage while a scoring is held: once its first chunk is written and not committed, once it is committed",
    outcome="not scored; then found, and said to be of a scoring that is not finished; rows to come are not scored yet",
)
@pytest.mark.parametrize(("point", "found"), [("chunk_scored", False), ("chunk_committed", True)])
def test_lineage_beside_a_held_scoring(
    point: str, found: bool, trained: Path, nursery: Nursery, copy: Copy
) -> None:  # fmt: skip
    config = copy(trained)
    scoring = nursery.start("score", config, failpoint=f"{point}=stop")
    scoring.wait_until_stopped()
    first, last = (nursery.run("lineage", config, name) for name in (FIRST, LAST))
    assert (first.status, last.status) == (0 if found else 3, 3), first.text + last.text
    assert ("not finished" in first.text) == found, first.text
    assert "Traceback" not in first.text + last.text
    scoring.send(signal.SIGCONT)
    assert scoring.wait() == 0, scoring.text
    for name in (FIRST, LAST):
        assert "current" in nursery.run("lineage", config, name).text
