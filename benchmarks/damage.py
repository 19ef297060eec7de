"""Bit flips and cuts over every kind of artefact and over checkpoints: each must be noticed before anything is used."""

from __future__ import annotations

import random
import shutil
import signal
from collections import Counter
from pathlib import Path

from seqcls.errors import SeqclsError
from seqcls.store.artefacts import ArtefactStore, Ref, verify
from seqcls.training import checkpoints
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows

KINDS = frozenset(
    (
        "alias_move",
        "checked",
        "decision",
        "encoded",
        "evaluation",
        "model",
        "race",
        "reference",
        "scores",
        "sightings",
        "splits",
        "table",
        "trial",
    )
)
"""What the store holds; tests/reliability/test_damage.py compares it with the code that writes."""


def write_every_kind(folder: Path) -> Path:
    """A project whose search, promotion and first night of scoring make artefacts of every kind."""
    config = write_project(folder, rows=700, family="auto", more="[split]\nvalid = 0.4\n")
    text = config.read_text().replace("embedding = 16", 'candidates = ["gru"]')
    # Calibrated: otherwise the bag of n-grams learns the validation rows as well, and no row is left for a race.
    config.write_text(text.replace("epochs = 8", 'epochs = 2\nbudget = "40m"\ncalibrate = true'))
    write_rows(folder / "incoming" / "night.csv", 60, seed=5, labelled=False, extra=[["empty", ""]])
    return config


def make_every_kind(folder: Path, nursery: Nursery) -> list[ArtefactStore]:
    """Stores that hold artefacts of every kind between them, made by the commands.

    The end of a search removes its trials, so they are those of a killed one.
    """
    whole, killed = write_every_kind(folder / "whole"), write_every_kind(folder / "killed")
    for arguments in (("train",), ("promote", "--force", "--why", "to be damaged"), ("score",)):
        done = nursery.run(arguments[0], whole, *arguments[1:])
        assert done.status == 0, done.text
    done = nursery.run("train", killed, failpoint="trial_committed=kill@2")
    assert done.status == -signal.SIGKILL, done.text
    (search,) = (killed.parent / "store" / "search").iterdir()
    return [ArtefactStore(whole.parent / "store"), ArtefactStore(search)]


def damage_artefacts(stores: list[ArtefactStore], count: int, how: str, rng: random.Random) -> tuple[int, Counter[str]]:
    """(undetected, trials by kind); kinds in turn, then a random file of a random artefact of that kind."""
    by_kind: dict[str, list[Ref]] = {}
    for ref in (ref for store in stores for ref in store.all()):
        verify(ref)
        by_kind.setdefault(ref.kind, []).append(ref)
    assert by_kind.keys() == KINDS, f"artefacts of {sorted(by_kind)}; all kinds are {sorted(KINDS)}"
    undetected, tried = 0, Counter[str]()
    for number in range(count):
        kind = sorted(by_kind)[number % len(by_kind)]
        ref = rng.choice(by_kind[kind])
        path = rng.choice(sorted(file for file in ref.folder.rglob("*") if file.is_file() and file.stat().st_size))
        whole = path.read_bytes()
        path.write_bytes(_damaged(whole, how, rng))
        try:
            verify(ref)
            undetected += 1
        except SeqclsError:
            tried[kind] += 1
        finally:
            path.write_bytes(whole)
    return undetected, tried


def damage_checkpoints(folder: Path, count: int, how: str, rng: random.Random) -> int:
    """How often a damaged newest checkpoint was used all the same; it must be passed over for the one before."""
    newest = checkpoints.read_newest(folder)
    assert newest is not None
    stem = max(path.stem for path in folder.glob("*.json"))
    used = 0
    for _ in range(count):
        path = rng.choice(sorted(folder.glob(f"{stem}*")))
        whole = path.read_bytes()
        path.write_bytes(_damaged(whole, how, rng))
        found = checkpoints.read_newest(folder)
        used += found is None or found.state == newest.state
        path.write_bytes(whole)
    return used


def keep_checkpoints(source: Path, target: Path) -> Path:
    """A copy of the one checkpoint folder of a killed training."""
    (folder,) = (source / "store" / "checkpoints").iterdir()
    return Path(shutil.copytree(folder, target))


def _damaged(whole: bytes, how: str, rng: random.Random) -> bytes:
    if how == "cut":
        return whole[: rng.randrange(len(whole))]
    at = rng.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]
