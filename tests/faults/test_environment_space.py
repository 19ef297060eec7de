"""Space that cannot suffice is said before anything is read, with what is needed and what is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqcls.errors import WorldFailed
from seqcls.store.space import SHARE, enough_space
from seqcls.table import InputFile
from tests.faults.failing_calls import check_one_message
from tests.reliability.processes import Nursery
from tests.reliability.small_disk import remount, small_disk
from tests.road_data import write_project, write_rows


@pytest.fixture
def store_of_one_megabyte(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for the store; the input stands elsewhere."""
    with small_disk(tmp_path / "disk") as place:
        remount(place, "size=1m")
        yield place


@pytest.mark.fault(
    "F54",
    tried="a training whose input cannot fit on the disk of the store",
    outcome="refused before a row is read: what is needed, what is free; nothing is left on the disk",
)
def test_input_that_cannot_fit_is_refused_before_it_is_read(
    tmp_path: Path, store_of_one_megabyte: Path, nursery: Nursery
) -> None:
    store = store_of_one_megabyte / "store"
    config = write_project(tmp_path / "project")
    config.write_text(f'store = "{store}"\n{config.read_text()}')
    write_rows(config.parent / "data" / "more.csv", 60_000, seed=1, labelled=True)
    message = check_one_message(nursery.run("train", config))
    assert "MB free, and at least 1." in message
    assert "put `store` on a larger one" in message
    assert not list((store / "artefacts").glob("*/*"))


def test_only_what_cannot_fit_is_refused(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    half = InputFile(tmp_path / "a", "a", "", int(free * 0.5 / SHARE))
    enough_space(tmp_path, [half])
    enough_space(tmp_path / "not" / "yet", [half])
    with pytest.raises(WorldFailed, match=r"^\S+: \d+\.\d MB free, and at least \d+\.\d MB needed"):
        enough_space(tmp_path, [half, half, half])
