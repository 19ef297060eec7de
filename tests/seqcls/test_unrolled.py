"""The unrolled cells against torch's, and against differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqcls.kernels.unrolled import MOST_STATES, is_faster, unroll

CELLS = {"gru": nn.GRU, "rnn": nn.RNN}


def values_and_gradients(layer: nn.RNNBase, x: Tensor, wanted: Tensor, how: str) -> dict[str, Tensor]:
    layer.zero_grad()
    x = x.clone().requires_grad_()
    states = unroll(layer, x) if how == "unrolled" else layer(x)[0]
    (states * wanted).sum().backward()
    found = {name: weight.grad.clone() for name, weight in layer.named_parameters() if weight.grad is not None}
    assert x.grad is not None
    return {**found, "states": states.detach(), "x": x.grad}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("steps", "rows", "width"), [(1, 1, 1), (7, 3, 5), (40, 32, 16)])
def test_values_and_all_gradients_are_those_of_torch(cell: str, steps: int, rows: int, width: int) -> None:
    torch.manual_seed(steps)
    layer = CELLS[cell](4, width)
    x, wanted = torch.randn(steps, rows, 4), torch.randn(steps, rows, width)
    theirs = values_and_gradients(layer, x, wanted, "torch")
    ours = values_and_gradients(layer, x, wanted, "unrolled")
    assert ours.keys() == theirs.keys()
    for name in theirs:
        torch.testing.assert_close(
            ours[name], theirs[name], rtol=1e-4, atol=1e-5, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_agree_with_differences(cell: str) -> None:
    torch.manual_seed(0)
    layer = CELLS[cell](2, 3).double()
    assert torch.autograd.gradcheck(lambda x: unroll(layer, x), torch.randn(4, 2, 2).double().requires_grad_())


def test_it_is_for_training_small_batches_on_the_processor_and_not_for_the_lstm() -> None:
    layer, x = nn.GRU(4, 64), torch.zeros(3, MOST_STATES // 64, 4)
    assert is_faster(layer, x)
    assert not is_faster(layer, torch.zeros(3, MOST_STATES // 64 + 1, 4))
    assert not is_faster(nn.LSTM(4, 64), x)
    with torch.no_grad():
        assert not is_faster(layer, x)
    assert not is_faster(layer.eval(), x)
