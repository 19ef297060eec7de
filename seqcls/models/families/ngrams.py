"""A bag of n-grams and one linear layer, for all but series; fitted in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from seqcls.config.base import Positive
from seqcls.encoders.spec import InputSpec
from seqcls.models.families.base import FittedFamily

if TYPE_CHECKING:
    from torch import nn

    from seqcls.models.ngrams.patterns import Patterns


class NgramsModel(FittedFamily):
    """A bag of n-grams and one linear layer, for all but series; fitted in seconds.

    For text, `encode.unit` is "characters" unless it is set: words are found among the characters, so that no
    vocabulary limits them and new words are seen by their parts.
    """

    suits = frozenset({"letters", "words"})
    cross_validates = True
    text_unit = "characters"
    example = {"words": 2}

    family: Literal["ngrams"] = "ngrams"
    words: Annotated[int, Field(ge=1, le=5)] = 2
    """Longest n-gram of words or tokens."""
    characters: Annotated[list[Annotated[int, Field(ge=0, le=10)]], Field(min_length=2, max_length=2)] = [3, 6]
    """Shortest and longest n-gram of characters within a word, for unit = "characters"; [0, 0]: none."""
    opening: Annotated[int, Field(ge=0, le=100)] = 0
    """Number of first words or tokens that also count by their position."""
    letters: Annotated[int, Field(ge=1, le=12)] | None = None
    """dna, protein: longest k-mer. Left out: 6 for dna, 3 for protein."""
    gaps: Annotated[int, Field(ge=0, le=50)] | None = None
    """dna, protein: largest distance of two letters that count as a pair. Left out: none for dna, 6 for protein."""
    by_place: bool | None = None
    """dna, protein: count k-mers of 1 to 3 letters by their position, too. Left out: if all training rows have the same
    length."""
    min_rows: Positive = 2
    """Minimum number of training rows that contain an n-gram."""
    features: Positive = 262_144
    """Maximum number of n-grams, the most frequent ones; fewer with many classes."""
    weighting: Literal["naive-bayes", "mixed", "even"] | None = None
    """naive-bayes: an n-gram counts more, the more the classes differ in it; even: all the same; mixed: both. Left out:
    naive-bayes for words, mixed for letters."""
    strength: Annotated[float, Field(gt=0, strict=False)] | None = None
    """Inverse of the L2 penalty. Left out: the value from 3 to 100 with the smallest validation loss, or by
    cross-validation without validation rows."""
    most_rows: Positive | None = None
    """Maximum number of training rows used; of more, a sample is drawn with the seed. Left out: all."""

    later_keys = frozenset({"most_rows"})

    @model_validator(mode="after")
    def _characters_in_order(self) -> NgramsModel:
        low, high = self.characters
        if low > high or (low == 0) != (high == 0) or low == 1:
            raise ValueError("characters is a shortest and a longest run, such as [3, 6], from 2 on; [0, 0] for none")
        return self

    def make_network(self, inputs: InputSpec, classes: int) -> nn.Module:
        from seqcls.models.ngrams.network import Limits, NgramNetwork

        limits = Limits(self.features, self.min_rows, self.by_place, self.weighting, self.strength, self.most_rows)
        return NgramNetwork(self._patterns(inputs), limits, inputs, classes)

    def _patterns(self, inputs: InputSpec) -> Patterns:
        """The settings, and the defaults that fit the input where a setting is left out."""
        from seqcls.models.ngrams.patterns import Patterns

        if inputs.composition is None:
            low, high = self.characters
            within = (low, high) if inputs.word_parts is not None and high else None
            return Patterns(self.words, within, self.opening)
        few = len(inputs.composition[0]) <= 4
        runs = self.letters or (6 if few else 3)
        gaps = self.gaps if self.gaps is not None else (0 if few else 6)
        return Patterns(runs, gaps=gaps, letters=True)

    def fits_without_validation(self, rows: int) -> int:
        from seqcls.models.ngrams.strengths import folds_of

        return folds_of(rows) + 1
