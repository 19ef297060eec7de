"""[encode]: how sequences become numbers. Encoders are fitted on the training split only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqcls.config.base import MOST, LocalPath, Positive, Section

Cut = Literal["head", "tail", "middle"]
MIN_BPE_VOCABULARY = 300


class EncodeConfig(Section):
    max_length: Positive | None = None
    """Maximum number of positions. Left out: the longest of the training split. Truncated rows are counted
    and flagged."""
    keep: Cut = "head"
    """Which part of a longer sequence is kept."""


class TextEncode(EncodeConfig):
    unit: Literal["words", "characters", "bpe", "pretrained"] = "words"
    """What a position is. Left out: words, but characters for the ngrams family, pretrained for the encoder family."""
    vocabulary: Annotated[int, Field(ge=10, le=MOST)] = 10_000
    """Maximum size of the vocabulary, including padding and unknown."""
    min_count: Positive = 1
    """Minimum number of occurrences in the training split for a word to enter the vocabulary."""
    lowercase: bool = True
    """Convert the text to lower case first."""
    pretrained: LocalPath | None = None
    """unit = "pretrained": folder of the encoder whose tokenizer is used. Left out: model.encoder."""

    later_keys = frozenset({"pretrained"})

    def misfits(self) -> Iterator[str]:
        """Settings that are missing or would have no effect, a sentence each."""
        if self.unit != "pretrained":
            if self.pretrained is not None:
                yield f'encode.pretrained is for unit = "pretrained", not for "{self.unit}": remove it'
            return
        if self.pretrained is None:
            yield 'encode.unit = "pretrained" needs the folder of an encoder: set model.encoder'
        for name in ("vocabulary", "min_count", "lowercase"):
            if getattr(self, name) != self.default_of(name):
                yield f"encode.{name} has no effect: the encoder's own tokenizer is used: remove it"

    def key_text(self) -> str:
        """Without the folder's name: its content is in the key."""
        return self.model_copy(update={"pretrained": None}).model_dump_json()

    @model_validator(mode="after")
    def _room_for_bytes(self) -> TextEncode:
        if self.unit == "bpe" and self.vocabulary < MIN_BPE_VOCABULARY:
            raise ValueError(
                f'unit = "bpe" needs vocabulary >= {MIN_BPE_VOCABULARY}: 256 bytes, padding, unknown, and pairs'
            )
        return self


class SeriesEncode(EncodeConfig):
    normalise: Literal["series", "channel", "robust", "none"] = "series"
    """series: z-score of each series; channel: mean and deviation of the training split; robust: median and IQR."""
    difference: bool = False
    """Add first differences as further channels."""


class ResidueEncode(EncodeConfig):
    unit: Literal["residues", "kmers"] = "residues"
    """What a position is: one letter, or k letters."""
    k: Annotated[int, Field(ge=2, le=8)] = 3
    """kmers: letters per k-mer."""
    stride: Positive = 1
    """kmers: letters between the starts of two k-mers."""
    strand: Literal["single", "both"] = "single"
    """dna: `both` averages the logits of the sequence and of its reverse complement."""


class TokenEncode(EncodeConfig):
    vocabulary: Annotated[int, Field(ge=3, le=MOST)] = 50_000
    """Maximum size of the vocabulary, including padding and unknown."""
    min_count: Positive = 1
    """Minimum number of occurrences in the training split for a token to enter the vocabulary."""
