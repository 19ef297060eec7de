"""A network is made: with fresh weights, or with those of a file when they are those of such a network.

In: settings of [model], maybe the tensors of a file. Out: the network. Promise: settings that have no meaning for the
sequences are refused; of a file, names, shapes and types are compared before anything is allocated (on torch's device
"meta", which has shapes and no memory), so that a number in a tampered model.json asks for no memory; weights that are
NaN or infinite are refused.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from seqcls.config.model import Family, families_trained
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused, DataRefused, first_line
from seqcls.models.ensemble import Ensemble
from seqcls.models.families.base import BuiltFamily
from seqcls.models.network import BothStrands
from seqcls.store.memory import enough_memory

MOST_BYTES_OF_TABLES = 2**30
"""Of the buffers that no file holds, since they follow from the encoder: some bytes for each entry of it."""


def build_model(config: Family, inputs: InputSpec, classes: int) -> nn.Module:
    """A fresh network: Batch -> logits (B, classes). Weights come from torch's global random state.

    Raises ConfigRefused where settings have no meaning for such inputs.
    """
    family = buildable(config)
    if misfits := list(config.misfits(inputs.positions)):
        raise ConfigRefused(
            "; ".join(misfits),
            where="model",
            expected="settings that have a meaning for these sequences",
            next_step="change them in [model]",
        )
    if family.ensemble_size > 1:
        one = family.model_copy(update={"members": 1})
        return Ensemble(lambda: build_model(one, inputs, classes), family.ensemble_size)
    network = family.make_network(inputs, classes)
    return network if inputs.complement is None else BothStrands(network, inputs.complement)


def buildable(config: Family) -> BuiltFamily:
    """A family that has a network of its own. Raises ConfigRefused for a search."""
    if isinstance(config, BuiltFamily):
        return config
    known = (*families_trained("epochs"), *families_trained("fit"))
    raise ConfigRefused(
        f'family "{config.family}" has no network of its own',
        where="model.family",
        expected=f"one of {', '.join(known)}",
        next_step="choose another family in [model]",
    )


def build_with_weights(
    config: Family, inputs: InputSpec, classes: int, tensors: dict[str, Tensor], path: Path
) -> nn.Module:
    """The network that model.json describes, with the tensors of the weights file at `path`."""
    planned = _plan(config, inputs, classes, len(tensors), path)
    _check_shapes(planned.state_dict(), tensors, path)
    _check_tables(planned, path)
    _check_finite(tensors, path)
    with enough_memory("opening a model", "score with a smaller one"):
        model = build_model(config, inputs, classes)
        model.load_state_dict(tensors)
    return model


def _plan(config: Family, inputs: InputSpec, classes: int, count: int, path: Path) -> nn.Module:
    """The network without memory for its tensors."""
    depth = getattr(config, "depth", 1)
    if depth > count:  # each layer has a tensor at least; to build them all could take for ever
        raise _misfit(f"{depth} layers, and {count} tensors in the file", path)
    try:
        with torch.device("meta"):
            return build_model(config, inputs, classes)
    except (RuntimeError, OverflowError, IndexError, ValueError, TypeError) as error:
        raise _misfit(f"a network that cannot be built ({first_line(error)})", path) from error


def _misfit(found: str, path: Path) -> DataRefused:
    return DataRefused(
        f"weights that do not fit the network: {found}",
        where=str(path),
        expected="the weights of the network in model.json",
        next_step="train the model again",
    )


def _check_shapes(expected: dict[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    """All names and shapes at once: those of the network that model.json describes."""
    faults = [f"{name}: not in the file" for name in expected.keys() - found.keys()]
    faults += [f"{name}: not in the network" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        here, there = found[name], expected[name]
        if here.shape != there.shape or here.dtype != there.dtype:
            faults.append(f"{name}: the file has {_shape(here)}, the network {_shape(there)}")
    if faults:
        raise _misfit("; ".join(sorted(faults)), path)


def _check_finite(tensors: dict[str, Tensor], path: Path) -> None:
    """No family has a weight on purpose that is NaN or infinite: every answer would be NaN as well."""
    counts = {name: int((~torch.isfinite(tensor)).sum()) for name, tensor in tensors.items()}
    faults = [f"{name}: {count} of {tensors[name].numel()}" for name, count in sorted(counts.items()) if count]
    if faults:
        raise DataRefused(
            f"weights that are NaN or infinite: {'; '.join(faults)}",
            where=str(path),
            expected="finite numbers",
            next_step="`seqcls rollback CONFIG` where another version was champion before; "
            "else move this folder out of the store, `seqcls train CONFIG` makes the model again, and "
            "`seqcls promote CONFIG --version N --force --why TEXT` makes that one champion",
        )


def _shape(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


def _check_tables(model: nn.Module, path: Path) -> None:
    size = sum(buffer.nbytes for buffer in model.buffers()) - sum(
        tensor.nbytes for name, tensor in model.state_dict().items() if name in dict(model.named_buffers())
    )
    if size > MOST_BYTES_OF_TABLES:
        raise _misfit(f"tables of {size:,} bytes for the entries of its encoder", path)
