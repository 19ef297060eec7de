"""A flipped bit or a cut in an artefact of any kind, or in a checkpoint, is noticed; thousands by `make soak`."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import seqcls
from benchmarks.damage import KINDS, damage_artefacts, damage_checkpoints, keep_checkpoints, make_every_kind
from seqcls.store.artefacts import ArtefactStore
from tests.reliability.processes import Nursery
from tests.road_data import write_project


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> list[ArtefactStore]:
    """Artefacts of every kind: a search, its model, promoted and raced, and a night that it scored."""
    return make_every_kind(tmp_path_factory.mktemp("kinds"), nursery)


@pytest.mark.parametrize("how", ["flip", "cut"])
def test_damage_to_any_kind_of_artefact_is_noticed(stores: list[ArtefactStore], how: str) -> None:
    undetected, tried = damage_artefacts(stores, 6 * len(KINDS), how, random.Random(7))
    assert undetected == 0
    assert tried == dict.fromkeys(KINDS, 6)


@pytest.mark.parametrize("how", ["flip", "cut"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, nursery: Nursery, how: str) -> None:
    config = write_project(tmp_path / "project", rows=60)
    killed = nursery.run("train", config, failpoint="epoch_ended=kill@3")
    assert killed.status == -9, killed.text
    assert damage_checkpoints(keep_checkpoints(config.parent, tmp_path / "kept"), 20, how, random.Random(7)) == 0


def test_the_kinds_are_those_that_the_code_writes() -> None:
    written = set()
    for path in Path(seqcls.__file__).parent.rglob("*.py"):
        text = path.read_text()
        named = dict(re.findall(r'^(KIND) = "(\w+)"', text, re.MULTILINE))
        written |= {named.get(kind, kind.strip('"')) for kind in re.findall(r'store\.write\(("\w+"|KIND)\)', text)}
    assert written == KINDS
