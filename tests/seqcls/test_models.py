"""Every family on every form of input: padding never counts, gradients reach every weight, small data is memorised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.seqcls.encoded_examples import COMPOSITION, SPECS, encoded_table, random_table
from torch import Tensor, nn

from seqcls.batches import Batch, EncodedSplit
from seqcls.config.model import CnnModel, HybridModel, ModelConfig, RecurrentModel
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused
from seqcls.models import MODELS, build_model
from seqcls.models.convolution import Convolutions
from seqcls.models.layers import MaskedBatchNorm, reverse
from seqcls.models.pooling import AttentionPooling, MaxPooling, MeanPooling
from seqcls.models.recurrence import Recurrence

CLASSES = 3
WIDE = {"embedding": 12, "dropout": 0.0}


def config_of(family: str, pooling: str, **more: object) -> ModelConfig:
    """The smallest network of a family that uses all of its parts."""
    common = {**WIDE, "pooling": pooling, **more}
    if family == "cnn":
        return CnnModel.model_validate({"filters": [8, 12], "kernel": 3, "normalise": "batch", "dense": 10, **common})
    if family == "hybrid":
        return HybridModel.model_validate({"filters": [8], "kernel": 4, "width": 8, **common})
    return RecurrentModel.model_validate({"family": family, "width": 8, "depth": 2, "bidirectional": True, **common})


def batch_of(spec: InputSpec, rows: int = 6, seed: int = 0) -> Batch:
    split = EncodedSplit.from_arrow(random_table(spec, rows, CLASSES, seed), spec)
    return split.collate(np.arange(rows), spec)


def row_alone(batch: Batch, row: int, spec: InputSpec) -> Batch:
    """One row of a batch, cut to its own length."""
    length = int(batch.lengths[row])
    parts = {
        name: None if (part := getattr(batch, name)) is None else part[row : row + 1, :length]
        for name in ("tokens", "values", "observed")
    }
    facts = {name: getattr(batch, name)[row : row + 1] for name in ("rows", "lengths", "labels")}
    return replace(batch, **parts, **facts)


SWEEP = [
    pytest.param(family, form, pooling, id=f"{family}-{form}-{pooling}")
    for family in MODELS
    for form in SPECS
    for pooling in ("last", "mean", "max", "attention", "flatten")
    if pooling != "flatten" or family == "cnn"
]


@pytest.mark.parametrize(("family", "form", "pooling"), SWEEP)
def test_every_network_is_finite_and_a_gradient_reaches_every_weight(family: str, form: str, pooling: str) -> None:
    torch.manual_seed(0)
    model = build_model(config_of(family, pooling), SPECS[form], CLASSES)
    batch = batch_of(SPECS[form], rows=16)
    logits = model(batch)
    assert logits.shape == (16, CLASSES)
    assert logits.isfinite().all()
    F.cross_entropy(logits, batch.labels).backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    # `last` of a stack reads the first and the last position, all others must reach the loss.
    assert not without


@pytest.mark.parametrize(("family", "form", "pooling"), SWEEP)
def test_logits_depend_neither_on_padding_nor_on_neighbours(family: str, form: str, pooling: str) -> None:
    torch.manual_seed(1)
    model = build_model(config_of(family, pooling), SPECS[form], CLASSES)
    model(batch_of(SPECS[form], rows=16, seed=3))  # running statistics away from where they start
    model.eval()
    batch = batch_of(SPECS[form])
    assert len(set(batch.lengths.tolist())) > 1, "rows of unequal length are the point"
    with torch.inference_mode():
        together = model(batch)
        torch.testing.assert_close(model(batch.pad_to(batch.width + 9)), together, atol=1e-5, rtol=1e-5)
        for row in range(len(batch)):
            alone = model(row_alone(batch, row, SPECS[form]))
            torch.testing.assert_close(alone, together[row : row + 1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("family", "form"), [(family, form) for family in MODELS for form in SPECS])
def test_every_family_memorises_32_rows_and_starts_at_chance(family: str, form: str) -> None:
    torch.manual_seed(2)
    spec = SPECS[form]
    split = EncodedSplit.from_arrow(random_table(spec, 32, CLASSES, seed=5, shortest=9), spec)
    labels = np.random.default_rng(0).permutation(split.labels)  # nothing to generalise: it must be learnt by heart
    batch = replace(split.collate(np.arange(32), spec), labels=torch.from_numpy(labels))
    pooling = "last" if family in ("rnn", "lstm", "gru") else "max"
    width = {} if family == "cnn" else {"width": 24}
    model = build_model(config_of(family, pooling, embedding=24, **width), spec, CLASSES)
    untrained = F.cross_entropy(model(batch), batch.labels).item()
    assert untrained == pytest.approx(np.log(CLASSES), abs=0.35)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0, fused=True)
    for _ in range(300):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(batch), batch.labels)
        loss.backward()
        optimiser.step()
        if loss.item() < 0.02:
            break
    assert (model(batch).argmax(1) == batch.labels).all()
