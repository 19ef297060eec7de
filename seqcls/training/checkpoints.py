"""Checkpoints of a training run: what a retry needs to go on bit for bit.

In: tensors and a `TrainingState`. Out: STORE/checkpoints/KEY/EPOCH-STEP.json beside the safetensors file that it names
with its SHA-256. Promise: files are written under another name, synced and renamed; the JSON comes last and is the
commit point; the last two are kept; a damaged one is skipped and the one before it is used. The key covers everything
that decides the weights, so a changed config never continues another run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from seqcls.config.pipeline import Pipeline, content_key
from seqcls.distributed.ranks import launched_ranks
from seqcls.errors import WorldFailed
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.durable import make_folder, replace_bytes
from seqcls.store.failpoints import failpoint
from seqcls.store.temporary import remove_left_over
from seqcls.training.monitor import EpochRecord
from seqcls.training.seeding import choose_device, threads_of

FORMAT_VERSION = 1
STAGE_VERSION = 4  # raised when a change of the code changes the weights: older checkpoints are then not continued
KEPT = 2
_log = logging.getLogger(__name__)


class TrainingState(BaseModel):
    """Where a run stands: `epoch` and `step` are the next to do, from 0; `loss_sum` and `rows` of the epoch so far."""

    model_config = ConfigDict(extra="forbid")

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    rows: int = 0
    best: float | None = None
    best_epoch: int = 0
    stale: int = 0
    """Epochs since the best one."""
    history: list[EpochRecord] = []

    @model_validator(mode="before")
    @classmethod
    def _without_trials(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Earlier versions kept here what trials of threads and precision had chosen."""
        return {name: value for name, value in data.items() if name not in ("threads", "precision")}


@dataclass(frozen=True)
class Checkpoint:
    state: TrainingState
    tensors: dict[str, Tensor]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors under `name/`, copied: torch aligns what it allocates, a slice of the file is not."""
        begin = f"{name}/"
        return {key.removeprefix(begin): t.clone() for key, t in self.tensors.items() if key.startswith(begin)}


def folder_of(store: ArtefactStore, encoded: Ref, pipeline: Pipeline) -> Path:
    """STORE/checkpoints/KEY: the key is the SHA-256 over all that decides the weights."""
    facts = f"{encoded.digest} {STAGE_VERSION} {torch.__version__} {choose_device().type} {threads_of(pipeline.train)}"
    if (ranks := launched_ranks()) is not None:
        facts += f" {ranks.size}"
    return store.root / "checkpoints" / content_key(pipeline.model, pipeline.train, pipeline.seed, facts)


def write(folder: Path, state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Commit one checkpoint and forget all but the last two."""
    data = save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})
    digest = hashlib.sha256(data).hexdigest()
    name = f"{state.epoch:06d}-{state.step:09d}"
    body = {"format": FORMAT_VERSION, "tensors": f"{name}-{digest[:12]}.safetensors", "sha256": digest}
    body["scalars"] = state.model_dump(mode="json")
    index = json.dumps({**body, "self": _digest(body)}, indent=1).encode()
    files = {str(body["tensors"]): data, f"{name}.json": index}
    try:
        try:
            _commit(folder, files)
        except FileNotFoundError:  # another run of the same training ended just now and cleared the folder
            _commit(folder, files)
    except OSError as error:
        raise WorldFailed(
            f"{error.strerror or error} while writing a checkpoint",
            where=str(error.filename or folder),
            next_step="free space or fix the permissions, then run the same command again: it goes on where it stood",
        ) from error
    failpoint("checkpoint_written")


def _commit(folder: Path, files: dict[str, bytes]) -> None:
    """Tensors first, then the JSON that names them."""
    make_folder(folder)
    for name, data in files.items():
        replace_bytes(folder / name, data)
        if not name.endswith(".json"):
            failpoint("checkpoint_tensors_written")
    _forget_old(folder)


def read_newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None."""
    for path in _newest_first(folder):
        try:
            return _read(path)
        except _Damaged as damage:
            _log.warning("checkpoint %s is damaged (%s): going on from the one before it", path, damage)
    return None


def clear(store: ArtefactStore, encoded: Ref, pipeline: Pipeline) -> None:
    """Remove the checkpoints of a run that is finished and recorded."""
    shutil.rmtree(folder_of(store, encoded, pipeline), ignore_errors=True)


class _Damaged(Exception):
    """Why one checkpoint cannot be used."""


def _read(path: Path) -> Checkpoint:
    try:
        body: dict[str, Any] = json.loads(path.read_bytes())
        if body.pop("self") != _digest(body) or body["format"] != FORMAT_VERSION:
            raise _Damaged("its own digest or format differs")
        data = (path.parent / Path(body["tensors"]).name).read_bytes()
        if hashlib.sha256(data).hexdigest() != body["sha256"]:
            raise _Damaged(f"{body['tensors']} has another digest")
        return Checkpoint(TrainingState.model_validate(body["scalars"]), load(data))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        FileNotFoundError,
        ValidationError,
        SafetensorError,
    ) as error:
        raise _Damaged(f"{type(error).__name__}: {error}") from error


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _newest_first(folder: Path) -> Iterator[Path]:
    yield from sorted((path for path in folder.glob("*.json") if not path.name.startswith(".")), reverse=True)


def _forget_old(folder: Path) -> None:
    """Keep the newest two and what they name; older ones go, and what killed runs left.

    What is newer than the newest may be the tensors of another run of the same training: its JSON comes next.
    """
    stems = [path.stem for path in list(_newest_first(folder))[:KEPT]]
    if not stems:  # another run of the same training has ended meanwhile, and cleared the folder
        return
    for path in list(folder.glob("*")):
        if path.name.startswith("."):
            remove_left_over([path])
        elif path.name[: len(stems[0])] not in stems and path.name < stems[0]:
            path.unlink(missing_ok=True)
