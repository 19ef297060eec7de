"""Nights with kills, clock jumps, files renamed and corrected, gc and repair; hundreds by `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hostile_nights import play, prepare
from benchmarks.hostile_round import Tally
from tests.faults.broken_world import BrokenWorld
from tests.reliability.processes import Nursery

NIGHTS = ["train", "rollback", "repair", "score", "gc"]


@pytest.mark.fault(
    "N04",
    tried="nights in which the clock jumps, files are corrected, renamed and exchanged, and scoring is killed",
    outcome="no row is lost or scored twice, and after each night _current.json lists the content that each name holds",
)
@pytest.mark.fault(
    "N05",
    tried="training, promotion and rollback killed while the clock jumps, and the ledger lost afterwards",
    outcome="the champion is the one that was promoted, or gone back to, last",
)
@pytest.mark.fault(
    "N12",
    tried="the ledger lost, cut or replaced by an older one in such a night, and `doctor --repair` killed",
    outcome="the same contents count as before",
)
def test_nights_of_kills_lose_and_double_nothing(
    tmp_path: Path, nursery: Nursery, maybe_broken_world: BrokenWorld | None
) -> None:
    tally = Tally()
    log = play(tmp_path, nursery, maybe_broken_world, prepare(tmp_path, nursery), "7", tally, list(NIGHTS))
    assert not tally.faults, "\n".join(log)
    assert tally.nights == len(NIGHTS)
    assert tally.kills["score"] > 1, "\n".join(log)
    assert tally.kills.total() > 5, "\n".join(log)
