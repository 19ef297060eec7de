"""The inputs of a network as plain numbers: the interface between the data side and torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_serializer

from seqcls.config.model import Positions

BLANK, PART, SIGN, CONNECTOR = range(4)
"""The role of a character: between words, within a word, a word by itself, joining its neighbours."""


class InputSpec(BaseModel):
    """`form` tokens: indices (B, T), 0 is padding. `form` values: floats (B, T, C), NaN is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["tokens", "values"]
    max_length: int
    """Most positions of an encoded sequence."""
    vocabulary: int = 0
    """V, number of indices, padding included (tokens)."""
    composition: tuple[tuple[float, ...], ...] | None = None
    """(V, S): each index as shares of S symbols, rows sum to 1 (padding: 0). R = half A, half G."""
    complement: tuple[int, ...] | None = None
    """(V,): index of the complementary base; given when both strands are read."""
    word_parts: tuple[int, ...] | None = None
    """(V,): what each character is, `BLANK` to `CONNECTOR` (text by characters); absent in older encoders."""
    pretrained: str | None = None
    """config.json of the pretrained encoder whose tokenizer made the indices; absent for all others."""
    channels: int = 0
    """C, differences included (values)."""
    missing: bool = False
    """Whether the training series had missing values: then the network also sees which are observed."""

    @property
    def positions(self) -> Positions:
        """What the positions hold, as the families are asked about it."""
        if self.form == "values":
            return "values"
        if self.pretrained is not None:
            return "pieces"
        return "words" if self.composition is None else "letters"

    @model_serializer(mode="wrap")
    def _as_before(self, dump: Callable[[InputSpec], dict[str, Any]]) -> dict[str, Any]:
        """Without younger facts that do not apply, so that the fingerprints of older encoders stay the same."""
        facts = dump(self)
        absent = {name for name in ("word_parts", "pretrained") if getattr(self, name) is None}
        return {name: fact for name, fact in facts.items() if name not in absent}
