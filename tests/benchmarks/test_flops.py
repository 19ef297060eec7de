"""The arithmetic behind "share of the machine's limit": by hand, and as torch counts it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import flops
from benchmarks.peers.plain_torch import network
from benchmarks.speed_ours import CASES
from seqcls.config.loading import parse_pipeline
from seqcls.models.building import build_model


def test_a_small_network_is_counted_by_hand() -> None:
    # 3 positions of 2 filters that see 4 numbers each (2 channels x 2): 24 products and 24 sums; 8 weights, 2 biases
    assert flops.convolution(3, channels=2, filters=2, kernel=2) == flops.Layer(48, 10)
    # 4 gates of 3 units from 2 inputs and 3 states: 60 weights, used at 5 positions
    assert flops.recurrence(5, inputs=2, width=3, gates=4) == flops.Layer(600, 84)
    small = [flops.embedding(7, 2), flops.convolution(3, 2, 2, 2, first=True), flops.dense(6, 4)]
    assert flops.scoring_flops(small) == 48 + 48
    assert flops.training_flops(small) == 2 * 48 + 3 * 48, "no gradient reaches the data"
    assert flops.optimiser_bytes(small, batch=4) == 28 * (14 + 10 + 28) / 4


def test_the_convolutional_network_costs_what_torch_counts_forward_and_backward() -> None:
    model, rows = network("ecg"), torch.zeros(3, 1, 500)
    with FlopCounterMode(display=False) as forward:
        logits = model(rows)
    assert forward.get_total_flops() == 3 * flops.scoring_flops(flops.NETWORKS["ecg"])
    with FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    both = forward.get_total_flops() + backward.get_total_flops()
    assert both == 3 * flops.training_flops(flops.NETWORKS["ecg"])


@pytest.mark.parametrize(("case", "cell"), [("text", nn.LSTMCell), ("dna", nn.GRUCell)])
def test_the_recurrent_networks_cost_what_torch_counts_step_by_step(case: str, cell: type[nn.RNNCellBase]) -> None:
    """The kernels of nn.LSTM are not counted by torch, the products of its cell are: the same arithmetic."""
    length, inputs, width, classes = {"text": (100, 128, 128, 3), "dna": (150, 32, 64, 4)}[case]
    one_step, last = cell(inputs, width), nn.Linear(width, classes)  # type: ignore[call-arg]
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        state = None
        for _ in range(length):
            state = one_step(torch.zeros(1, inputs), state)
        last(state[0] if isinstance(state, tuple) else state)
    assert counted.get_total_flops() == flops.scoring_flops(flops.NETWORKS[case])


@pytest.mark.parametrize("case", sorted(flops.NETWORKS))
def test_peer_and_seqcls_have_the_parameters_that_are_counted(case: str) -> None:
    """Otherwise the three would not be the same network."""
    expected = sum(layer.parameters for layer in flops.NETWORKS[case])
    kind, classes, spec, model = CASES[case]
    source = {"format": "csv", "files": ["unused.csv"]}
    pipeline = parse_pipeline({"name": "x", "kind": kind, "source": source, "model": model}, "x.toml")
    ours = build_model(pipeline.model, spec, classes)
    assert sum(weight.numel() for weight in network(case).parameters()) == expected
    assert sum(weight.numel() for weight in ours.parameters()) == expected
