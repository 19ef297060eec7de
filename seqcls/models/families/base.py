"""What the two kinds of families share: `NetworkFamily`, trained in epochs, and `FittedFamily`, fitted in one go.

In: the settings of [model], what the encoder gives (`InputSpec`), the number of classes. Out: a network.
Promise: a family's module loads without torch; what needs it is imported when the network is made, so that
`seqcls check` answers at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from seqcls.config.base import Count, Positive
from seqcls.config.model import Family, Positions
from seqcls.config.train import TrainConfig
from seqcls.encoders.spec import InputSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

Rate = Annotated[float, Field(ge=0.0, lt=1.0, strict=False)]
Spread = Annotated[float, Field(ge=0.0, le=1.0, strict=False)]
Filters = Annotated[list[Positive], Field(min_length=1, max_length=12)]
Pooling = Literal["last", "mean", "max", "attention"]


class Body(NamedTuple):
    """The middle of a network, called as module(x (B, T, D), lengths (B,)) -> (x (B, T', D'), lengths (B,))."""

    module: nn.Module
    width: int
    """D', the width of its vectors."""
    positions: int
    """The most positions T' that it gives."""


class BuiltFamily(Family):
    """A family that has a network, which a search has not."""

    @property
    def ensemble_size(self) -> int:
        """How many networks are trained side by side; their mean probability is the answer."""
        return 1

    def make_network(self, inputs: InputSpec, classes: int) -> nn.Module:
        """A fresh network: Batch -> logits (B, classes). Weights come from torch's global random state."""
        raise NotImplementedError

    def fits_without_validation(self, rows: int) -> int:  # noqa: ARG002 - some families make more of them
        """About how many times as long as one fit a training without validation rows takes."""
        return 1

    def convert_format_1(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Weights of model format 1 in the order that format 2 has."""
        return tensors


class NetworkFamily(BuiltFamily):
    """A network that learns by gradients: input layer, body, pooling, maybe a dense layer, dropout, classes."""

    trained = "epochs"
    embedding: Positive = 64
    """Size of the embedding vectors of words, letters or tokens (not used for series)."""
    pooling: Pooling = "max"
    """How positions become one vector; padding never counts."""
    dense: Count = 0
    """Units of a hidden layer before the output layer; 0: none."""
    dropout: Rate = 0.2
    """Dropout before the output layer and between layers."""
    embedding_dropout: Rate = 0.0
    """Share of positions whose embedding is set to zero during training."""
    word_dropout: Rate = 0.0
    """Share of words, tokens or k-mers that are read as unknown during training, drawn anew each time."""
    jitter: Spread = 0.0
    """series: standard deviation of the noise added to each value during training, in units of the encoded values."""
    scaling: Spread = 0.0
    """series: standard deviation of the factor (mean 1) that each channel of a row is multiplied by during training."""
    time_warp: Spread = 0.0
    """series: how unevenly time passes in a row during training (standard deviation of the logarithm of its speed)."""
    members: Annotated[int, Field(ge=1, le=32)] = 1
    """Networks trained from different initial weights; the mean of their probabilities is the prediction (ensemble)."""

    def make_body(self, width: int, positions: int) -> Body:
        """The body for at most `positions` vectors of a width."""
        raise NotImplementedError

    @property
    def ensemble_size(self) -> int:
        return self.members

    @property
    def reads_both_ways(self) -> bool:
        """Whether the second half of a vector has read the sequence from its end: then `last` takes its first."""
        return False

    def make_network(self, inputs: InputSpec, classes: int) -> nn.Module:
        from seqcls.models.augmentation import Augmentation
        from seqcls.models.inputs import InputLayer
        from seqcls.models.network import Network
        from seqcls.models.pooling import make_pooling

        augmentation = Augmentation(self.jitter, self.scaling, self.time_warp)
        first = InputLayer(inputs, self.embedding, self.embedding_dropout, self.word_dropout, augmentation)
        body = self.make_body(first.width, inputs.max_length)
        pooling = make_pooling(self.pooling, body.width, body.positions, self.reads_both_ways)
        return Network(first, body.module, pooling, self.dense, self.dropout, classes)

    def misfits(self, positions: Positions) -> Iterator[str]:
        yield from super().misfits(positions)
        if self.word_dropout and positions != "words":
            yield "model.word_dropout is for words, tokens and k-mers; model.embedding_dropout serves every kind"
        if positions != "values":
            for name in ("jitter", "scaling", "time_warp"):
                if getattr(self, name):
                    yield f"model.{name} is for series; model.embedding_dropout serves every kind"


class FittedFamily(BuiltFamily):
    """A family that is fitted in one go: it has no epochs, and nothing of a network that learns by gradients.

    `make_network` gives a `FittedNetwork`.
    """

    trained = "fit"
    train_keys: ClassVar[frozenset[str]] = frozenset({"balance", "balance_power", "calibrate", "threads"})

    def train_faults(self, train: TrainConfig) -> Iterator[str]:
        yield from super().train_faults(train)
        for name in sorted(train.model_fields_set - self.train_keys - {"budget"}):
            yield f"train.{name} is for families trained in epochs; {self.family} is fitted in one go: remove it"
        if train.balance == "sampling":
            yield 'train.balance = "sampling" is for families trained in epochs; set "weights"'
