"""Convolution and pooling along the positions, against torch's own layers with the channels first."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.kernels.max_pooling import relu_and_pool
from seqcls.models.convolution import Convolutions


def plainly(x: Tensor, pool: int) -> Tensor:
    return F.max_pool1d(F.relu(x.transpose(1, 2)), pool, ceil_mode=True).transpose(1, 2)


@pytest.mark.parametrize("pool", [1, 2, 3, 7])
@pytest.mark.parametrize("positions", [1, 2, 6, 7, 13])
def test_values_and_gradients_are_those_of_relu_and_max_pooling(positions: int, pool: int) -> None:
    torch.manual_seed(1)
    x = torch.randint(-3, 4, (4, positions, 5)).double()  # small integers: many ties
    x = (x + torch.rand(4, positions, 5).double().round()).requires_grad_()
    again = x.detach().clone().requires_grad_()
    ours, torchs = relu_and_pool(x, pool), plainly(again, pool)
    assert torch.equal(ours, torchs)
    outside = torch.rand_like(ours)
    ours.backward(outside)
    torchs.backward(outside)
    assert torch.equal(x.grad, again.grad)
    with torch.no_grad():
        assert torch.equal(relu_and_pool(x, pool), torchs)


def test_the_gradient_is_the_slope() -> None:
    torch.manual_seed(2)
    x = torch.randn(2, 7, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: relu_and_pool(each, 3), x)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 5])
@pytest.mark.parametrize("width", [1, 3])
def test_convolutions_are_those_of_torch(width: int, kernel: int, padding: str) -> None:
    torch.manual_seed(3)
    ours = Convolutions(width, [4, 6], kernel, 2, padding, normalise=False, dropout=0.0)
    x = torch.randn(3, 21, width)
    lengths = torch.full((3,), 21)
    expected = x.transpose(1, 2)
    for layer in ours.layers:
        assert isinstance(layer, nn.Conv1d)
        if padding == "same":
            expected = F.pad(expected, ((kernel - 1) // 2, kernel // 2))
        expected = F.max_pool1d(F.relu(F.conv1d(expected, layer.weight, layer.bias)), 2, ceil_mode=True)
    found, after = ours(x, lengths)
    torch.testing.assert_close(found, expected.transpose(1, 2))
    assert after.tolist() == [ours.length_after(21)] * 3 == [expected.shape[2]] * 3


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 5])
@pytest.mark.parametrize("width", [1, 3])
def test_the_road_by_channel_of_a_traced_network_gives_the_same_numbers(
    width: int, kernel: int, padding: str, normalise: bool
) -> None:
    torch.manual_seed(4)
    ours = Convolutions(width, [4, 6], kernel, 2, padding, normalise, dropout=0.5)
    lengths = torch.tensor([21, 13, 3, 0])
    x = torch.randn(4, 21, width) * (torch.arange(21) < lengths[:, None])[:, :, None]
    ours.train()(x, lengths)  # running means and variances that are not those of the start
    ours.eval()
    with pytest.warns():
        traced = torch.jit.trace(ours, (x, lengths), check_trace=False)
    assert "aten::max_pool1d" in str(traced.inlined_graph), "the engines' road was not taken"
    for found, wanted in zip(traced(x, lengths), ours(x, lengths), strict=True):
        torch.testing.assert_close(found, wanted)
