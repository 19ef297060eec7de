"""The dense layer, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqcls.kernels.dense import WORTH, Dense


@pytest.mark.parametrize("rows", [1, 7, 32])
def test_values_and_gradients_are_those_of_a_linear_layer(rows: int) -> None:
    torch.manual_seed(4)
    ours, torchs = Dense(WORTH // 64, 64), nn.Linear(WORTH // 64, 64)
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(rows, WORTH // 64, requires_grad=True)
    again = x.detach().clone().requires_grad_()
    found, expected = ours(x), torchs(again)
    assert type(found.grad_fn).__name__ == "_ProductsBackward", "the layer is large enough"
    torch.testing.assert_close(found, expected)
    outside = torch.randn_like(found)
    found.backward(outside)
    expected.backward(outside)
    torch.testing.assert_close(x.grad, again.grad)
    for name, weight in ours.named_parameters():
        torch.testing.assert_close(weight.grad, torchs.get_parameter(name).grad, msg=name)


def test_small_layers_other_precisions_and_scoring_go_the_way_of_a_linear_layer() -> None:
    def way_of(layer: Dense, x: torch.Tensor) -> str:
        return type(layer(x).grad_fn).__name__

    wide = Dense(WORTH // 64, 64)
    x = torch.randn(2, WORTH // 64)
    assert way_of(wide, x) == "_ProductsBackward"
    assert way_of(Dense(8, 4), torch.randn(2, 8)) == "AddmmBackward0"
    with torch.autocast("cpu", torch.bfloat16):
        assert way_of(wide, x) == "AddmmBackward0"
    assert way_of(wide.double(), x.double()) == "AddmmBackward0"
    wide.float().eval()
    assert way_of(wide, x) == "AddmmBackward0"
