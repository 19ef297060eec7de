"""The patterns that are looked for in a row: runs of words, of characters within a word, of letters.

In: `Batch.tokens`. Out: one block of keys (B, M) a pattern. Promise: a row's keys depend neither on padding nor on
neighbours; the same code serves fitting and scoring. Words, tokens, k-mers: runs of 1..n, the edges of the row being
entries too, and the first entries by their place. Text by characters: the same of the words that the characters make,
and the characters within each word, its edges being characters too (Bojanowski et al. 2017). Letters of DNA and
protein: k-mers, pairs at a distance, and, where all training rows are windows of one length, k-mers by their place
(the weighted degree kernel of Raetsch and Sonnenburg 2004). An ambiguous letter breaks every run that it is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.encoders.spec import InputSpec
from seqcls.models.layers import mask_of
from seqcls.models.ngrams.hashing import all_within, keys_of, mix, run_hashes, salted
from seqcls.models.ngrams.words import Words, characters_within, words_of

LONGEST_POSITIONAL = 3
"""Longer k-mers by place cost time and win nothing: 1 to 4 instead of 1 to 3 lost 0.4 points on bacterial promoters."""


@dataclass(frozen=True)
class Patterns:
    """What is looked for; every setting is decided."""

    runs: int
    """Longest run of words, tokens or letters."""
    characters: tuple[int, int] | None = None
    """Shortest and longest run of characters within a word."""
    opening: int = 0
    """First entries that are looked at by their place."""
    gaps: int = 0
    """Largest distance of two letters that are looked at as a pair."""
    letters: bool = False
    """Whether entries are letters: then ambiguous ones break runs, and rows have no edges."""


class PatternLayer(nn.Module):
    """Batch -> keys of every pattern."""

    def __init__(self, patterns: Patterns, inputs: InputSpec) -> None:
        super().__init__()
        self.patterns = patterns
        parts = torch.zeros(0, dtype=torch.int64) if inputs.word_parts is None else torch.tensor(inputs.word_parts)
        plain = torch.ones(inputs.vocabulary, dtype=torch.bool)
        if inputs.composition is not None:
            plain = torch.tensor(inputs.composition).max(1).values == 1.0
        # facts of the encoder, not weights
        self.register_buffer("parts", parts, persistent=False)
        self.register_buffer("plain", plain, persistent=False)
        self.register_buffer("codes", mix(torch.arange(1, inputs.vocabulary + 1)), persistent=False)
        self.parts: Tensor
        self.plain: Tensor
        self.codes: Tensor

    def forward(self, batch: Batch, by_place: bool) -> Iterator[Tensor]:
        """Keys (B, M), pattern after pattern; `by_place` asks for k-mers by their place as well."""
        assert batch.tokens is not None
        there = mask_of(batch.lengths, batch.width)
        ids = self.codes[batch.tokens]
        if self.patterns.letters:
            yield from self.letters(ids, there & self.plain[batch.tokens], by_place)
        elif len(self.parts):
            words = words_of(ids, torch.where(there, self.parts[batch.tokens], 0))
            yield from self.entries(words.ids, words.counts)
            if self.patterns.characters is not None:
                yield from self.within_words(ids, words)
        else:
            yield from self.entries(ids, batch.lengths)

    def entries(self, ids: Tensor, lengths: Tensor) -> Iterator[Tensor]:
        """ids (B, T) of words or tokens: runs of 1..n and the first few by place."""
        framed, marks = _framed(ids, lengths)
        for n in range(1, self.patterns.runs + 1):
            inner = (ids, mask_of(lengths, ids.shape[1])) if n == 1 else (framed, marks)
            yield keys_of(run_hashes(inner[0], n), all_within(inner[1], n), f"words {n}")
        if self.patterns.opening:
            first = ids[:, : self.patterns.opening]
            yield keys_of(_placed(first), mask_of(lengths, first.shape[1]), "opening")

    def within_words(self, ids: Tensor, words: Words) -> Iterator[Tensor]:
        """ids (B, T) of characters: runs within a word."""
        assert self.patterns.characters is not None
        low, high = self.patterns.characters
        for n in range(low, high + 1):
            yield torch.cat([keys_of(*runs, f"characters {n}") for runs in characters_within(ids, words, n)], dim=1)

    def letters(self, ids: Tensor, plain: Tensor, by_place: bool) -> Iterator[Tensor]:
        """ids (B, T) of letters: k-mers, pairs at a distance, k-mers by place."""
        for n in range(1, self.patterns.runs + 1):
            hashes, whole = run_hashes(ids, n), all_within(plain, n)
            yield keys_of(hashes, whole, f"letters {n}")
            if by_place and n <= LONGEST_POSITIONAL:
                yield keys_of(_placed(hashes), whole, f"letters {n} by place")
        for gap in range(2, self.patterns.gaps + 1):
            ends = ids.roll(-gap, 1), plain.roll(-gap, 1)
            inside = torch.arange(ids.shape[1], device=ids.device) < ids.shape[1] - gap
            yield keys_of(ids * 3 + ends[0], plain & ends[1] & inside, f"pairs {gap}")


def _placed(hashes: Tensor) -> Tensor:
    """(B, M) hashes, each changed by where it stands."""
    return hashes * 3 + mix(torch.arange(hashes.shape[1], device=hashes.device) + salted("place"))


def _framed(ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """ids (B, T) -> (B, T + 2) with an entry for the beginning and one for the end of each row, and which are real."""
    rows = len(ids)
    framed = torch.cat([ids.new_full((rows, 1), salted("begin")), ids, ids.new_zeros(rows, 1)], dim=1)
    framed.scatter_(1, lengths[:, None] + 1, salted("end"))
    return framed, mask_of(lengths + 2, framed.shape[1])
