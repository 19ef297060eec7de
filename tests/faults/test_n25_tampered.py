"""A tampered champion whose digests all fit: one message before its numbers ask for memory; no traceback, no abort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from seqcls.config.families import family_names
from seqcls.config.model import ModelConfig
from seqcls.errors import ConfigRefused
from seqcls.models.building import build_model
from tests.reliability.forging import ENCODER, FACTS, edit, forge_champion, read
from tests.reliability.processes import Nursery
from tests.seqcls.encoded_examples import SPECS

Copy = Callable[[Path], Path]


def model_says(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / FACTS, model={**read(folder / FACTS)["model"], **changes})


def both_say(**changes: Any) -> Callable[[Path], None]:
    """model.json and encoder.json agree on what the network takes."""

    def change(folder: Path) -> None:
        for name in (FACTS, ENCODER):
            edit(folder / name, inputs={**read(folder / name)["inputs"], **changes})

    return change


@pytest.mark.fault(
    "N25",
    tried="model.json with 2^40 or 2^31 - 1 filters, an embedding of 2^31 - 1, recurrent layers without number, "
    "a vocabulary of 2^40; encoder.json of 100,000 brackets; the digests made to fit; predict and score",
    outcome="one message that names the file, before anything is allocated; nothing is scored",
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (model_says(filters=[2**40]), "model.json: not readable"),
        (model_says(filters=[2**31 - 1]), "weights that do not fit the network: "),
        (model_says(filters=[2**31 - 1] * 12, kernel=2**31 - 1), "weights that do not fit the network: "),
        (model_says(embedding=2**31 - 1), "weights that do not fit the network: "),
        (lambda folder: edit(folder / FACTS, model={"family": "lstm", "depth": 2**31 - 1}), "2147483647 layers, and "),
        (both_say(vocabulary=2**40), "weights that do not fit the network: "),
        (both_say(vocabulary=2**70), "weights that do not fit the network: "),
        (lambda folder: (folder / ENCODER).write_text("[" * 100_000), "encoder.json: not readable (RecursionError"),
    ],
    ids=[
        "filters-40",
        "filters-31",
        "filters-and-kernel",
        "embedding",
        "depth",
        "vocabulary-40",
        "vocabulary-70",
        "brackets",
    ],
)
def test_numbers_of_a_tampered_model_ask_for_nothing(
    change: Callable[[Path], None], message: str, trained: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(trained)
    forge_champion(config, change)
    for command in (("predict", config, "w1 first w2 second"), ("score", config)):
        done = nursery.run(*command)
        assert done.status in (3, 5), done.text
        assert "Traceback" not in done.text
        assert message in done.text
    assert not list((config.parent / "scores").rglob("part-*.parquet"))


@pytest.mark.parametrize("family", [name for name in family_names() if name not in ("auto", "encoder")])
def test_every_family_can_be_planned_without_memory(family: str) -> None:
    """The shapes are those of the network itself, for every form of input that it takes.

    Those of `encoder` follow from a folder: test_pretrained.py.
    """
    config = TypeAdapter[Any](ModelConfig).validate_python({"family": family})
    taken = 0
    for inputs in SPECS.values():
        try:
            built = shapes(build_model(config, inputs, 3))
        except ConfigRefused:
            continue
        with torch.device("meta"):
            planned = build_model(config, inputs, 3)
        assert shapes(planned) == built
        assert all(tensor.is_meta for tensor in planned.state_dict().values())
        taken += 1
    assert taken


def shapes(model: nn.Module) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in model.state_dict().items()}
