"""The `model` artefact: written once, read back only when every byte and every shape is as it should be.

In: a trained network, or a Ref. Out: weights.safetensors + model.json, or `LoadedModel`. Promise: no pickle is ever
read; nothing of the file decides what code runs; equal weights and facts give equal bytes (no times, no paths).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from seqcls.config.missing import missing_package
from seqcls.config.model import Family, ModelConfig
from seqcls.data.encoded_split import EncodedSplit, read_inputs
from seqcls.encoders.spec import InputSpec
from seqcls.errors import Corrupted, DataRefused
from seqcls.models.building import build_with_weights, buildable
from seqcls.models.logits import Logits, device_of, run_batches, run_once
from seqcls.store.artefacts import Ref, verify, write_json
from seqcls.table import Kind

FORMAT_VERSION = 2
"""1 had the weights of flattened positions by filter; it is still read."""
WEIGHTS, MANIFEST = "weights.safetensors", "model.json"
_PICKLES = (b"PK\x03\x04", b"\x80")  # torch.save writes a zip of pickles; before 1.6 a bare pickle


class ModelManifest(BaseModel):
    """model.json: what the weights are, and all that decided them."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    format: int
    pipeline: str
    kind: Kind
    model: ModelConfig
    inputs: InputSpec
    labels: tuple[str, ...]
    seed: int
    threads: int
    """Of each process."""
    threads_choice: str = ""
    """Earlier versions: what a trial of threads had found."""
    processes: int = 1
    """That trained together, as torchrun started them."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What products of the training were computed in; the weights are float32."""
    precision_choice: str = ""
    """Why bfloat16 was asked for and not used; earlier versions: what a trial of precisions had found."""
    device: str
    torch: str
    parameters: int
    best_epoch: int
    weights_sha256: str
    temperature: float = 1.0
    """What logits are divided by before the softmax (`train.calibrate`); 1 in older artefacts."""
    package: str = ""
    """The distribution that the family comes from; left out for the families of seqcls."""
    package_version: str = ""

    @model_serializer(mode="wrap")
    def _without_empty_package(self, dump: Callable[[ModelManifest], dict[str, Any]]) -> dict[str, Any]:
        """The bytes of models of seqcls's own families stay what they were before these two facts existed."""
        facts = dump(self)
        return facts if self.package else {k: v for k, v in facts.items() if not k.startswith("package")}


@dataclass(frozen=True)
class LoadedModel:
    """A network ready to score; `labels[k]` is the class of logit k."""

    model: nn.Module
    labels: tuple[str, ...]
    inputs: InputSpec
    config: Family
    manifest: ModelManifest


def weights_bytes(tensors: dict[str, Tensor]) -> bytes:
    """safetensors bytes of a state dict, ordered by name; copied, since weights may share memory on a GPU."""
    return save({name: tensors[name].detach().cpu().contiguous() for name in sorted(tensors)})


def write_model(folder: Path, weights: bytes, manifest: ModelManifest) -> None:
    """weights.safetensors and model.json."""
    (folder / WEIGHTS).write_bytes(weights)
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))


def load_model(ref: Ref, device: torch.device | None = None) -> LoadedModel:
    """Verify the artefact, then build its network and give it its weights."""
    verify(ref)
    manifest = _read_manifest(ref.folder / MANIFEST)
    inputs, labels = read_inputs(ref.folder)
    if (inputs, labels) != (manifest.inputs, manifest.labels):
        raise Corrupted(
            "model.json and encoder.json disagree on inputs or labels",
            where=ref.path,
            expected="the encoder that the model was trained with",
            next_step="train the model again",
        )
    data = (ref.folder / WEIGHTS).read_bytes()
    tensors = _read_weights(data, ref.folder / WEIGHTS)
    if hashlib.sha256(data).hexdigest() != manifest.weights_sha256:
        raise Corrupted(
            "the weights are not those that model.json names", where=ref.path, next_step="train the model again"
        )
    if manifest.format == 1:
        tensors = buildable(manifest.model).convert_format_1(tensors)
    model = build_with_weights(manifest.model, manifest.inputs, len(manifest.labels), tensors, ref.folder / WEIGHTS)
    model.eval()
    return LoadedModel(model.to(device or torch.device("cpu")), labels, inputs, manifest.model, manifest)


def _read_manifest(path: Path) -> ModelManifest:
    try:
        data = path.read_bytes()
        if missing := missing_package(data):
            raise DataRefused(
                f'family "{missing.family}" is not known; the model was trained with {missing.package}',
                where=str(path),
                expected="the package that the family comes from",
                next_step=missing.remedy,
            )
        manifest = ModelManifest.model_validate_json(data)
    except (OSError, ValidationError) as error:
        raise Corrupted(
            f"not readable ({str(error).splitlines()[0]})",
            where=str(path),
            expected=f"the facts of a model, format {FORMAT_VERSION}",
            next_step="load it with the seqcls that wrote it, or train the model again",
        ) from error
    if not 1 <= manifest.format <= FORMAT_VERSION:
        raise DataRefused(
            f"model format {manifest.format}",
            where=str(path),
            expected=f"format 1 or {FORMAT_VERSION}",
            next_step="use the seqcls that wrote it, or train the model again",
        )
    return manifest


def _read_weights(data: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return load(data)
    except SafetensorError as error:
        # Only now: a sound file may begin with a pickle's first byte, since it begins with the length of its header.
        if data.startswith(_PICKLES):
            raise DataRefused(
                "a pickle under the name of weights: reading it could run any code, so it is never read",
                where=str(path),
                expected="safetensors",
                next_step="train the model with seqcls, or convert the weights where they came from",
            ) from None
        raise DataRefused(
            f"not safetensors ({error})", where=str(path), expected="safetensors", next_step="train the model again"
        ) from error


def predict_logits(loaded: LoadedModel, split: EncodedSplit, batch_size: int) -> Logits:
    """(N, K) of a loaded model."""
    return run_network(loaded.model, split, loaded.inputs, len(loaded.labels), batch_size)


def run_network(model: nn.Module, split: EncodedSplit, inputs: InputSpec, classes: int, batch_size: int) -> Logits:
    """(N, K) of a network that is not being trained just now."""
    assert not model.training, "dropout would still be on"
    device = device_of(model)
    return run_batches(lambda batch: run_once(model, batch, device), split, inputs, classes, batch_size)
