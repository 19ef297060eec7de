"""Training: one visible loop, the same for train and valid, that can be killed anywhere and goes on bit for bit.

In: an `encoded` artefact and a pipeline. Out: a `model` artefact with the weights of the best epoch. Promise: the same
data, config, seed, torch and thread count give the same digest, however often the run was killed; losses are means
over rows; early stopping sees the validation split only. The wall clock decides nothing that is written. Families that
are fitted in one go (models/fitted.py) take the same road as a run of one epoch. Processes that torchrun started take
it together (distributed/), and the artefact is that of one, up to rounding.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from seqcls.config.families import package_of
from seqcls.config.pipeline import Pipeline
from seqcls.data.encoded_split import ENCODER_FILE, EncodedSplit
from seqcls.distributed.joining import joined
from seqcls.distributed.process_group import ALONE, ProcessGroup
from seqcls.distributed.ranks import refuse_launcher
from seqcls.errors import ConfigRefused
from seqcls.kernels.freed_memory import keep_freed_memory
from seqcls.listener import SILENT, Listener
from seqcls.models.package import (
    FORMAT_VERSION,
    ModelManifest,
    run_network,
    weights_bytes,
    write_model,
)
from seqcls.processors.load import Watch, is_busy
from seqcls.store.artefacts import ArtefactStore, Ref, write_json
from seqcls.store.records import ModelMeta
from seqcls.training import checkpoints
from seqcls.training.fit import Fit
from seqcls.training.run import VALID_BATCH, Run
from seqcls.training.seeding import choose_device, reproducible, threads_of
from seqcls.training.temperature import fit_temperature

TOKENIZER_FILE = "tokenizer.json"
SLOWER = "training took longer: the machine was busy"


@dataclass(frozen=True)
class TrainResult:
    """The model, and what this process needed for it (a resumed run counts what it did itself)."""

    ref: Ref
    seconds: float
    rows: int
    rows_per_second: float
    """Training rows a second of training, validation and checkpoints not counted."""


def train(
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    *,
    listener: Listener = SILENT,
    attached: Mapping[str, object] | None = None,
) -> TrainResult:
    """Train, or go on training, the network of a pipeline; the caller clears the checkpoints once it is recorded.

    `attached` are records to keep beside the weights: JSON by the names of their files. `listener` hears
    the progress, and notes on what is unusual. Of several launched processes the first reports and writes.
    """
    began, watch = time.perf_counter(), Watch()
    keep_freed_memory()
    if pipeline.model.trained == "fit":
        refuse_launcher(pipeline.model.family)
    device = choose_device()
    with joined(device) as group:
        device = group.device or device
        listener = listener if group.is_first else SILENT
        with reproducible(pipeline.seed, threads_of(pipeline.train), device):
            run = begin(encoded, pipeline, store, device, listener, group)
            for line in _notes(run):
                listener.note(line)
            while not run.finished:
                run.next_epoch()
            if is_busy(waited := watch.waited()):
                listener.note(f"{SLOWER}, threads waited for a processor {waited:.0%} of the time")
            group.check_same_weights(weights_bytes(tensors) for tensors in (run.model.state_dict(), run.best))
            ref = _publish(run, encoded, pipeline, store, attached or {}, group.size) if group.is_first else None
            digest = group.texts(ref.digest if ref is not None else "")[0]  # the others wait here
    return TrainResult(
        store.ref("model", digest), time.perf_counter() - began, run.throughput.rows, run.throughput.rows_per_second
    )


def _notes(run: Run | Fit) -> Iterator[str]:
    """Where a stopped training continues, and why it is not in the precision that was asked for."""
    if run.state.epoch or run.state.step:
        yield f"goes on from epoch {run.state.epoch + 1}" + (f", step {run.state.step + 1}" if run.state.step else "")
    if run.precision.why:
        yield f"train.precision: {run.precision.why}"


def begin(
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    device: torch.device,
    listener: Listener,
    group: ProcessGroup = ALONE,
) -> Run | Fit:
    """Epochs for networks that learn by gradients, one fit for the other families; checkpoints are in `store`."""
    if pipeline.model.trained == "fit":
        return Fit(encoded, pipeline, device, listener)
    return Run(encoded, pipeline, device, checkpoints.folder_of(store, encoded, pipeline), listener, group)


def _publish(
    run: Run | Fit,
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    attached: Mapping[str, object],
    processes: int,
) -> Ref:
    """The best weights and all that decided them, as an artefact."""
    weights, package = weights_bytes(run.best), package_of(pipeline.model.family)
    manifest = ModelManifest(
        format=FORMAT_VERSION,
        pipeline=pipeline.name,
        kind=pipeline.kind,
        model=pipeline.model,
        inputs=run.inputs,
        labels=run.labels,
        seed=pipeline.seed,
        threads=torch.get_num_threads(),
        processes=processes,
        precision=run.precision.used,
        precision_choice=run.precision.why,
        device=run.device.type,
        torch=torch.__version__,
        parameters=sum(weight.numel() for weight in run.model.parameters()),
        best_epoch=run.state.best_epoch,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        package=package.name,
        package_version=package.version,
    )
    if pipeline.train.calibrate:
        manifest = manifest.model_copy(update={"temperature": _fit_temperature(run, encoded)})
    with store.write("model") as draft:
        write_model(draft.folder, weights, manifest)
        for name in (ENCODER_FILE, TOKENIZER_FILE):
            if (encoded.folder / name).is_file():
                shutil.copyfile(encoded.folder / name, draft.folder / name)
        write_json(draft.folder / "history.json", [record.model_dump(mode="json") for record in run.state.history])
        for name, record in attached.items():
            write_json(draft.folder / name, record)
        draft.inputs["encoded"] = encoded.digest
        epochs, best = len(run.state.history), manifest.best_epoch
        draft.describe(
            ModelMeta(family=pipeline.model.family, parameters=manifest.parameters, epochs=epochs, best_epoch=best)
        )
    return draft.ref


def _fit_temperature(run: Run | Fit, encoded: Ref) -> float:
    """The temperature of the weights that are kept, on the validation rows."""
    valid = EncodedSplit.open(encoded, "valid")
    if not len(valid):
        raise ConfigRefused(
            "no validation rows to fit a temperature on",
            where="train.calibrate",
            expected="a validation split",
            next_step="set split.valid = 0.1, or train.calibrate = false",
        )
    run.model.load_state_dict(run.best)
    logits = run_network(run.model.eval(), valid, run.inputs, len(run.labels), VALID_BATCH)
    return fit_temperature(logits, valid.labels)
