"""SEQCLS_PLAIN=1: a training without anything written by hand reaches the same losses up to rounding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqcls.kernels import dense, max_pooling, unrolled
from seqcls.kernels.dense import WORTH, Dense
from seqcls.kernels.switch import SWITCH
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.train import train
from tests.seqcls.training_examples import make_encoded, make_pipeline

SMALL: dict[str, Any] = {"embedding": 8, "dropout": 0.2}
FAMILIES: dict[str, dict[str, Any]] = {
    "rnn": {"width": 8},
    "gru": {"width": 8, "bidirectional": True},
    "lstm": {"width": 8},
    "cnn": {"filters": [8, 8], "normalise": "batch"},
    "hybrid": {"filters": [8], "width": 8},
    "inception": {},
    "resnet": {"filters": [8, 8, 8]},
}
BY_HAND = (
    (unrolled.UnrolledGru, {"gru", "hybrid"}),
    (unrolled.UnrolledRnn, {"rnn"}),
    (max_pooling._ReluAndPool, {"cnn", "hybrid"}),
)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_has_the_same_losses_with_and_without_what_is_written_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    used: set[type] = set()
    for function, _ in (*BY_HAND, (dense._Products, set())):
        monkeypatch.setattr(function, "apply", noted(function, used))
    monkeypatch.setattr(torch, "_fused_adamw_", noted_adam(used))
    encoded, histories = make_encoded(tmp_path), []
    for value in ("", "1"):
        monkeypatch.setenv(SWITCH, value)
        pipeline = make_pipeline({"family": family, **SMALL, **FAMILIES[family]}, {"epochs": 2})
        ref = train(encoded, pipeline, ArtefactStore(tmp_path)).ref
        histories.append(json.loads((ref.folder / "history.json").read_bytes()))
        expected = {AdamW, *(function for function, families in BY_HAND if family in families)}
        assert used == (set() if value else expected)
        used.clear()
    for by_hand, plain in zip(*histories, strict=True):
        for name in ("train_loss", "valid_loss"):
            assert plain[name] == pytest.approx(by_hand[name], rel=1e-3), name


class AdamW:
    """Stands for the kernel of the optimiser."""


def noted(function: Any, used: set[type]) -> Any:
    """`function.apply`, which notes that it was called."""
    apply = function.apply

    def call(*arguments: Any) -> Any:
        used.add(function)
        return apply(*arguments)

    return call


def noted_adam(used: set[type]) -> Any:
    kernel = torch._fused_adamw_

    def call(*arguments: Any, **settings: Any) -> None:
        used.add(AdamW)
        kernel(*arguments, **settings)

    return call


def test_a_wide_dense_layer_is_that_of_torch_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    layer, x = Dense(WORTH // 64, 64).train(), torch.randn(8, WORTH // 64)
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
