"""The optimiser's step: long gradients are shortened, short ones are left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqcls.config.train import TrainConfig
from seqcls.training.optimisation import Optimiser


@pytest.mark.parametrize(("size", "clip", "length"), [(40.0, 0.5, 0.5), (0.01, 0.5, None), (40.0, 0.0, None)])
def test_gradients_keep_their_direction_and_are_no_longer_than_clip(
    size: float, clip: float, length: float | None
) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimiser = Optimiser(model, TrainConfig(clip=clip), steps=10)
    loss = size * model(torch.randn(4, 3)).square().sum()
    before = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    loss.backward()
    optimiser.clip()
    after = [weight.grad for weight in model.parameters()]
    found, whole = (torch.cat([part.flatten() for part in parts if part is not None]) for parts in (after, before))
    if length is None:
        assert not clip or whole.norm() < clip, "short ones, and all where nothing is clipped"
        assert torch.equal(found, whole)
    else:
        assert whole.norm() > 1, "long ones"
        assert found.norm().item() == pytest.approx(length, rel=1e-4)
        torch.testing.assert_close(found / found.norm(), whole / whole.norm())
