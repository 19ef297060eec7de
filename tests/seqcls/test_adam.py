"""AdamW by its kernel, against the optimiser of torch."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from seqcls.kernels.adam import AdamW
from seqcls.kernels.switch import SWITCH

DECAYED = {"0.weight", "2.weight"}


def test_weights_and_moments_are_those_of_torch_bit_for_bit() -> None:
    torch.manual_seed(5)
    mine = nn.Sequential(nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 3))
    torchs = nn.Sequential(nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 3))
    torchs.load_state_dict(mine.state_dict())
    names = [name for name, _ in torchs.named_parameters()]
    groups = [
        {"params": [torchs.get_parameter(n) for n in names if (n in DECAYED) == wanted], "weight_decay": 0.1 * wanted}
        for wanted in (True, False)
    ]
    ours, theirs = AdamW(dict(mine.named_parameters()), DECAYED, 0.1), torch.optim.AdamW(groups, fused=True)
    for rate in (1e-3, 3e-3, 1e-4, 1e-2):
        for group in theirs.param_groups:
            group["lr"] = rate
        x = torch.randn(16, 40)
        for model, optimiser in ((mine, ours), (torchs, theirs)):
            optimiser.zero_grad()
            model(x).square().mean().backward()
        ours.step(rate)
        theirs.step()
    for name in names:
        assert torch.equal(mine.get_parameter(name), torchs.get_parameter(name)), name
        kept = theirs.state[torchs.get_parameter(name)]
        assert set(ours.state[name]) == set(kept)
        assert all(torch.equal(ours.state[name][part], value) for part, value in kept.items()), name


@pytest.mark.parametrize("missing", [True, False])
def test_line_by_line_the_weights_are_the_same_up_to_rounding(monkeypatch: pytest.MonkeyPatch, missing: bool) -> None:
    """Where PyTorch has no such kernel (any more), and with SEQCLS_PLAIN=1; each goes on where the other stood."""
    torch.manual_seed(5)
    kernel, by_hand = ({name: torch.randn(30, 20) for name in DECAYED | {"0.bias"}} for _ in range(2))
    for name, weight in kernel.items():
        by_hand[name].copy_(weight)
    first, second = AdamW(kernel, DECAYED, 0.1), AdamW(by_hand, DECAYED, 0.1)
    for _ in range(20):
        for name in kernel:
            kernel[name].grad = by_hand[name].grad = torch.randn(30, 20)
        first.step(1e-2)
        with monkeypatch.context() as patch:
            if missing:
                patch.delattr(torch, "_fused_adamw_")
            else:
                patch.setenv(SWITCH, "1")
            second.step(1e-2)
    for name in kernel:
        assert not torch.equal(kernel[name], torch.zeros(30, 20))
        torch.testing.assert_close(by_hand[name], kernel[name], rtol=1e-5, atol=1e-6)
        for part, value in first.state[name].items():
            torch.testing.assert_close(second.state[name][part], value, rtol=1e-5, atol=1e-7)


def test_a_weight_without_a_gradient_stays_as_it_is() -> None:
    weights = {"used": torch.ones(3), "unused": torch.ones(3)}
    adam = AdamW(weights, {"used", "unused"}, 0.5)
    weights["used"].grad = torch.ones(3)
    adam.step(0.1)
    assert torch.equal(weights["unused"], torch.ones(3))
    assert set(adam.state) == {"used"}
    assert (weights["used"] < 1).all()


@pytest.mark.slow
def test_the_compiler_of_torch_is_not_imported() -> None:
    code = """
import sys, torch
from seqcls.config.train import TrainConfig
from seqcls.training.optimisation import Optimiser

model = torch.nn.Linear(3, 2)
optimiser = Optimiser(model, TrainConfig(), steps=10)
model(torch.ones(4, 3)).sum().backward()
optimiser.step()
print("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
