"""Bit flips and cuts over every kind of artefact and over checkpoints: each must be noticed before anything is used."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

from seqcls.artefacts import ArtefactStore, Ref, verify
from seqcls.errors import SeqclsError
from seqcls.training import checkpoints


def damage_artefacts(store: ArtefactStore, count: int, how: str, rng: random.Random) -> tuple[int, Counter[str]]:
    """(undetected, trials by kind); kinds in turn, then a random file of a random artefact of that kind."""
    by_kind: dict[str, list[Ref]] = {}
    for ref in store.all():
        verify(ref)
        by_kind.setdefault(ref.kind, []).append(ref)
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
        used += found is None or found.scalars == newest.scalars
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
