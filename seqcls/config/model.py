"""[model]: the network. One class a family; `family` chooses."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from seqcls.config.base import Positive, Section

Rate = Annotated[float, Field(ge=0.0, lt=1.0, strict=False)]
Pooling = Literal["last", "mean", "max", "attention", "flatten"]


class NetworkConfig(Section):
    embedding: Positive = 64
    """Width of the vectors that stand for words, letters or tokens (not used for series)."""
    pooling: Pooling = "max"
    """How positions become one vector; padding never counts. `flatten` (cnn) keeps every position."""
    dense: Annotated[int, Field(ge=0)] = 0
    """Width of a hidden layer before the classes; 0 for none."""
    dropout: Rate = 0.2
    """Share of units dropped before the last layer, and between layers."""
    embedding_dropout: Rate = 0.0
    """Share of embedding units dropped, whole positions at a time."""
    members: Annotated[int, Field(ge=1, le=32)] = 1
    """Networks of this kind, each from weights of its own; their mean probability is the answer (a seed ensemble)."""


class CnnModel(NetworkConfig):
    family: Literal["cnn"] = "cnn"
    filters: Annotated[list[Positive], Field(min_length=1, max_length=12)] = [32, 64]
    """Filters of each convolution, first to last: depth is the length of the list."""
    kernel: Positive = 5
    """Positions each filter sees."""
    pool: Positive = 2
    """Positions joined by max pooling after each convolution; 1 for none."""
    padding: Literal["same", "valid"] = "same"
    """same: a convolution keeps the length; valid: it sees whole windows only, kernel - 1 positions fewer."""
    normalise: Literal["none", "batch"] = "none"
    """Batch normalisation (padding not counted) after each convolution."""


class RecurrentModel(NetworkConfig):
    family: Literal["rnn", "lstm", "gru"]
    width: Positive = 64
    """Hidden units of each direction."""
    depth: Positive = 1
    bidirectional: bool = False
    pooling: Pooling = "last"


class HybridModel(NetworkConfig):
    family: Literal["hybrid"] = "hybrid"
    filters: Annotated[list[Positive], Field(min_length=1, max_length=12)] = [64]
    kernel: Positive = 5
    pool: Positive = 2
    padding: Literal["same", "valid"] = "same"
    normalise: Literal["none", "batch"] = "none"
    cell: Literal["rnn", "lstm", "gru"] = "gru"
    width: Positive = 64
    depth: Positive = 1
    bidirectional: bool = True


AnyModel = CnnModel | RecurrentModel | HybridModel
ModelConfig = Annotated[AnyModel, Field(discriminator="family")]
FAMILIES: tuple[str, ...] = tuple(
    name for section in get_args(AnyModel) for name in get_args(section.model_fields["family"].annotation)
)
