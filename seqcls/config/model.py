"""[model]: the network. One class a family; `family` chooses."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from seqcls.config.base import MOST, Count, Positive, Section

Rate = Annotated[float, Field(ge=0.0, lt=1.0, strict=False)]
Spread = Annotated[float, Field(ge=0.0, le=1.0, strict=False)]
Pooling = Literal["last", "mean", "max", "attention", "flatten"]


class NetworkConfig(Section):
    embedding: Positive = 64
    """Width of the vectors that stand for words, letters or tokens (not used for series)."""
    pooling: Pooling = "max"
    """How positions become one vector; padding never counts. `flatten` (cnn) keeps every position."""
    dense: Count = 0
    """Width of a hidden layer before the classes; 0 for none."""
    dropout: Rate = 0.2
    """Share of units dropped before the last layer, and between layers."""
    embedding_dropout: Rate = 0.0
    """Share of embedding units dropped, whole positions at a time."""
    word_dropout: Rate = 0.0
    """Share of words, tokens or k-mers that training reads as unknown, drawn anew each time."""
    jitter: Spread = 0.0
    """series: deviation of the noise that training adds to each value, in units of the encoded values."""
    scaling: Spread = 0.0
    """series: deviation of the factor, about 1, that training multiplies each channel of a row by."""
    time_warp: Spread = 0.0
    """series: how unevenly training lets time pass in a row (deviation of the logarithm of its speed)."""
    members: Annotated[int, Field(ge=1, le=32)] = 1
    """Networks of this kind, each from weights of its own; their mean probability is the answer (a seed ensemble)."""
    series_only: ClassVar[bool] = False
    """Whether the family has no meaning for anything but series; no key of the file."""


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


class InceptionModel(NetworkConfig):
    """InceptionTime (Fawaz et al. 2020)."""

    family: Literal["inception"] = "inception"
    filters: Positive = 32
    """Filters of each of the four branches of a module."""
    kernel: Positive = 40
    """Positions that the longest filters see; the others see a half and a quarter of them."""
    depth: Positive = 6
    """Modules; a shortcut passes every three."""
    pooling: Pooling = "mean"


class LiteModel(NetworkConfig):
    """LITE (Ismail-Fawaz et al. 2023)."""

    family: Literal["lite"] = "lite"
    filters: Positive = 32
    """Filters of each learnt layer; 17 made by hand stand beside the first."""
    kernel: Positive = 40
    """Positions that the longest filters see; the others see a half and a quarter of them."""
    pooling: Pooling = "mean"
    series_only: ClassVar[bool] = True


class ResnetModel(NetworkConfig):
    """ResNet for series (Wang et al. 2017)."""

    family: Literal["resnet"] = "resnet"
    filters: Annotated[list[Positive], Field(min_length=1, max_length=12)] = [64, 128, 128]
    """Filters of each block, first to last: depth is the length of the list."""
    kernels: Annotated[list[Positive], Field(min_length=1, max_length=6)] = [8, 5, 3]
    """Positions that the convolutions within a block see, first to last."""
    pooling: Pooling = "mean"


class _WithHeads(NetworkConfig):
    width: Positive = 64
    """Width of the vectors that attend to each other, of all heads together."""
    heads: Positive = 4
    """Parts of the width that attend separately."""
    depth: Positive = 2
    """Blocks of attention and feed-forward layers."""

    @model_validator(mode="after")
    def _heads_are_even_parts(self) -> _WithHeads:
        step = 2 * self.heads  # positions turn pairs of numbers within a head
        if self.width % step:
            near = -(-self.width // step) * step
            raise ValueError(f"width {self.width} is no multiple of 2 * heads; set width = {near}, or other heads")
        return self


class AttentionModel(_WithHeads):
    """Convolutions, then attention (after Kelley et al. 2016, Ullah and Ben-Hur 2021, Avsec et al. 2021)."""

    family: Literal["attention"] = "attention"
    filters: Annotated[list[Positive], Field(min_length=1, max_length=12)] = [64]
    """Filters of each convolution before the attention, first to last."""
    kernel: Positive = 9
    """Positions each filter sees."""
    pool: Positive = 4
    """Positions joined by max pooling after each convolution; 1 for none."""
    padding: Literal["same", "valid"] = "same"
    normalise: Literal["none", "batch"] = "batch"
    depth: Positive = 1
    """Blocks of attention and feed-forward layers."""
    pooling: Pooling = "attention"


class TransformerModel(_WithHeads):
    """A small pre-norm encoder (Vaswani et al. 2017, Xiong et al. 2020)."""

    family: Literal["transformer"] = "transformer"
    pooling: Pooling = "mean"


class FittedConfig(Section):
    """A family that is fitted in one go: it has no epochs, and nothing of a network that learns by gradients."""

    series_only: ClassVar[bool] = False
    tokens_only: ClassVar[bool] = False
    train_settings: ClassVar[frozenset[str]] = frozenset({"balance", "balance_power", "calibrate", "threads"})
    """The keys of [train] that mean something for it; others are refused."""
    cross_validates: ClassVar[bool] = False
    """Whether it deals the training rows into folds where there are no validation rows."""


class RocketModel(FittedConfig):
    """Random convolutions and a ridge classifier: MiniRocket, MultiRocket, Hydra (Dempster, Tan, 2021 to 2023)."""

    family: Literal["rocket"] = "rocket"
    features: Literal["minirocket", "multirocket", "hydra", "multirocket+hydra"] = "minirocket"
    """What is measured: 9,996 shares of positive values; 49,728 numbers of four kinds; counts of winning kernels."""
    thresholds: Positive | None = None
    """minirocket, multirocket: thresholds of each of the 84 kernels; left out, the papers' 119 and 2 * 74."""
    groups: Annotated[int, Field(ge=2, le=MOST)] = 64
    """hydra: groups of kernels that compete; half of them see differences."""
    kernels: Annotated[int, Field(ge=2, le=MOST)] = 8
    """hydra: kernels in a group."""
    most_rows: Positive = 10_000
    """Training rows that are looked at; of more, so many are drawn by the seed."""
    series_only: ClassVar[bool] = True


class NgramsModel(FittedConfig):
    """A bag of n-grams and one linear layer, for all but series; fitted in seconds.

    For text, `encode.unit` is "characters" unless it is set: words are found among the characters, so that no
    vocabulary limits them and new words are seen by their parts.
    """

    tokens_only: ClassVar[bool] = True
    cross_validates: ClassVar[bool] = True
    family: Literal["ngrams"] = "ngrams"
    words: Annotated[int, Field(ge=1, le=5)] = 2
    """Longest run of words or tokens."""
    characters: Annotated[list[Annotated[int, Field(ge=0, le=10)]], Field(min_length=2, max_length=2)] = [3, 6]
    """Shortest and longest run of characters within a word; [0, 0] for none. For unit = "characters"."""
    opening: Annotated[int, Field(ge=0, le=100)] = 0
    """First words or tokens that are also looked at by their place."""
    letters: Annotated[int, Field(ge=1, le=12)] | None = None
    """Longest k-mer of dna and protein letters; left out, 6 for dna and 3 for protein."""
    gaps: Annotated[int, Field(ge=0, le=50)] | None = None
    """Largest distance of two letters that are looked at as a pair; left out, none for dna and 6 for protein."""
    by_place: bool | None = None
    """dna, protein: k-mers of 1 to 3 also by their place; left out, where all training rows are of one length."""
    min_rows: Positive = 2
    """Fewest training rows of an n-gram that gets weights."""
    features: Positive = 262_144
    """Most n-grams that get weights, the most frequent; with many classes fewer."""
    weighting: Literal["naive-bayes", "mixed", "even"] | None = None
    """What n-grams may say: naive-bayes the more the classes differ in it, even all the same; left out, naive-bayes for
    words and mixed for letters."""
    strength: Annotated[float, Field(gt=0, strict=False)] | None = None
    """Inverse of the L2 penalty; left out, of 3 to 100 the one with the least validation loss, or by cross-validation
    where there are no validation rows."""

    @model_validator(mode="after")
    def _characters_in_order(self) -> NgramsModel:
        low, high = self.characters
        if low > high or (low == 0) != (high == 0) or low == 1:
            raise ValueError("characters is a shortest and a longest run, such as [3, 6], from 2 on; [0, 0] for none")
        return self


AnyNetwork = (
    CnnModel
    | RecurrentModel
    | HybridModel
    | InceptionModel
    | LiteModel
    | ResnetModel
    | AttentionModel
    | TransformerModel
)
"""Trained in epochs."""
AnyFitted = RocketModel | NgramsModel
"""Fitted in one go."""
FITTED_FAMILIES = frozenset(str(config.model_fields["family"].default) for config in (RocketModel, NgramsModel))


class AutoModel(Section):
    """A search over presets (seqcls/search/presets.py); what it chooses is a model of one of the other families."""

    family: Literal["auto"] = "auto"
    candidates: list[Annotated[str, Field(min_length=1)]] = []
    """Names of the presets to try, auto.md lists them; none for all. The linear baseline always is among them."""
    series_only: ClassVar[bool] = False


AnyModel = AnyNetwork | AnyFitted | AutoModel
ModelConfig = Annotated[AnyModel, Field(discriminator="family")]
FAMILIES: tuple[str, ...] = tuple(
    name for section in get_args(AnyModel) for name in get_args(section.model_fields["family"].annotation)
)
