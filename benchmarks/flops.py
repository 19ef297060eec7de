"""Arithmetic of the founding document's three networks, from the shapes of their layers.

Out: floating-point operations a row, a multiplication and an addition counted as two, and the bytes that an optimiser
must move a step. Only products count: activations, pooling and gates are less than a hundredth of them. Training is
three times the forward pass (the gradient of a product is two products of the same size), but for a first layer, whose
inputs need no gradient. Tests compare the formulas with what torch counts.
"""

from __future__ import annotations

from dataclasses import dataclass

ADAM_BYTES = 28
"""A parameter a step: Adam reads weight, gradient and both moments, and writes all but the gradient; 7 x float32."""


@dataclass(frozen=True)
class Layer:
    """One layer: operations of its forward pass for one row, its parameters, and whether its inputs are the data."""

    flops: int
    parameters: int
    first: bool = False


def embedding(vocabulary: int, width: int) -> Layer:
    """Looked up, not multiplied."""
    return Layer(0, vocabulary * width)


def dense(inputs: int, outputs: int) -> Layer:
    return Layer(2 * inputs * outputs, (inputs + 1) * outputs)


def convolution(positions: int, channels: int, filters: int, kernel: int, *, first: bool = False) -> Layer:
    """`positions` are those that come out."""
    weights = channels * kernel * filters
    return Layer(2 * positions * weights, weights + filters, first)


def recurrence(positions: int, inputs: int, width: int, gates: int) -> Layer:
    """4 gates: LSTM, 3: GRU, 1: plain. torch adds two biases, Keras one."""
    weights = gates * width * (inputs + width)
    return Layer(2 * positions * weights, weights + 2 * gates * width)


NETWORKS: dict[str, list[Layer]] = {
    "text": [embedding(10_000, 128), recurrence(100, 128, 128, gates=4), dense(128, 3)],
    "reviews": [embedding(10_000, 128), recurrence(31, 128, 128, gates=4), dense(128, 3)],  # 31 words in the mean
    "dna": [embedding(5, 32), recurrence(150, 32, 64, gates=3), dense(64, 4)],
    # 500 points, whole windows of 5: 496, halved to 248; 244, halved to 122 positions of 64 filters
    "ecg": [
        convolution(496, 1, 32, 5, first=True),
        convolution(244, 32, 64, 5),
        dense(122 * 64, 128),
        dense(128, 5),
    ],
}


def scoring_flops(network: list[Layer]) -> int:
    """One row, forward."""
    return sum(layer.flops for layer in network)


def training_flops(network: list[Layer]) -> int:
    """One row, forward and backward."""
    return sum(layer.flops * (2 if layer.first else 3) for layer in network)


def optimiser_bytes(network: list[Layer], batch: int) -> float:
    """Bytes a row that Adam moves at a batch size."""
    return ADAM_BYTES * sum(layer.parameters for layer in network) / batch
