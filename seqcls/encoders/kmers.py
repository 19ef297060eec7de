"""DNA and protein as k-mers: overlapping words of k letters -> indices.

In: strings of IUPAC letters. Out: the k-mers that begin at letters 0, stride, 2·stride, ...; dna has all 4^k in
the order of the alphabet, protein those of the training split in the same order. A k-mer with an ambiguity code, or
not in the vocabulary, is index 1 and counted; so is a sequence shorter than k. A k-mer is a number in base S, its
first letter the most significant. `decode` overlays the k-mers again: letters that no known k-mer covers are N (dna)
or X (protein); up to stride − 1 letters at the end that no k-mer reaches are lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa

from seqcls.config.encode import EncodeConfig, ResidueEncode
from seqcls.encoders.alphabets import Alphabet
from seqcls.encoders.base import FIRST, PADDING, UNKNOWN, Batches, IndexEncoder, Saved, longest
from seqcls.encoders.columns import checked_sequences
from seqcls.encoders.ragged import Numbers, Ragged, from_lengths, from_lists, places, to_strings
from seqcls.encoders.residues import alphabet_of, letter_indices
from seqcls.encoders.spec import InputSpec
from seqcls.table import Kind

_AMBIGUOUS = -1


@dataclass(frozen=True)
class KmerEncoder(IndexEncoder):
    """dna / kmers, protein / kmers."""

    config: ResidueEncode
    kmers: list[str] | None
    """protein: the k-mers of the training split; dna: None, for all of them."""
    config_class = ResidueEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, ResidueEncode)
        alphabet = alphabet_of(kind)
        seen, most = np.zeros(0, np.int64), 1
        for batch in batches():
            numbers = kmer_numbers(alphabet, checked_sequences(kind, batch), config.k, config.stride)
            most = max(most, int(numbers.lengths.max(initial=0)))
            if kind == "protein":
                seen = np.union1d(seen, numbers.values[numbers.values != _AMBIGUOUS])
        kmers = None if kind == "dna" else _spell(alphabet, seen, config.k)
        size = (len(alphabet.plain) ** config.k if kmers is None else len(kmers)) + FIRST
        complement = reverse_complements(config.k) if config.strand == "both" else None
        inputs = InputSpec(
            form="tokens", max_length=longest(config, iter([most])), vocabulary=size, complement=complement
        )
        return cls(kind, unit, config, labels, inputs, kmers)

    def fitted(self) -> dict[str, Any]:
        return {"kmers": self.kmers}

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        return cls(*saved.shared, kmers=saved.fitted["kmers"])

    @cached_property
    def _numbers(self) -> Numbers:
        """Number of each k-mer of the vocabulary, ascending."""
        alphabet, k = alphabet_of(self.kind), self.config.k
        if self.kmers is None:
            return np.arange(len(alphabet.plain) ** k)
        return kmer_numbers(alphabet, pa.array(self.kmers, pa.string()), k, k).values

    def _positions(self, sequences: pa.Array) -> Ragged:
        rows = kmer_numbers(alphabet_of(self.kind), sequences, self.config.k, self.config.stride)
        if self.kmers is None:
            return Ragged(
                np.where(rows.values == _AMBIGUOUS, UNKNOWN, rows.values + FIRST).astype(np.int32), rows.offsets
            )
        if not self.kmers:
            return Ragged(np.full(len(rows.values), UNKNOWN, np.int32), rows.offsets)
        found = np.minimum(np.searchsorted(self._numbers, rows.values), len(self._numbers) - 1)
        known = self._numbers[found] == rows.values
        return Ragged(np.where(known, found + FIRST, UNKNOWN).astype(np.int32), rows.offsets)

    def decode(self, sequence: pa.ListArray) -> pa.StringArray:
        alphabet, k, stride = alphabet_of(self.kind), self.config.k, self.config.stride
        indices, offsets = from_lists(sequence)
        counts = np.diff(offsets)
        letters = from_lengths(np.where(counts > 0, (counts - 1) * stride + k, 0))
        text = np.full(letters[-1], ord(alphabet.anything), np.uint8)
        starts = places(letters[:-1], counts, step=stride)
        flat = indices.to_numpy()
        known = flat >= FIRST
        numbers = self._numbers[flat[known] - FIRST]
        for place, digit in enumerate(_digits(numbers, len(alphabet.plain), k)):
            text[starts[known] + place] = alphabet.byte_of_index[digit + 1]
        return to_strings(Ragged(text, letters))


def kmer_numbers(alphabet: Alphabet, sequences: pa.StringArray, k: int, stride: int) -> Ragged:
    """Strings -> numbers of their k-mers (int64), −1 where a letter is ambiguous."""
    rows = letter_indices(alphabet, sequences)
    base = len(alphabet.plain)
    counts = np.maximum((rows.lengths - k) // stride + 1, 0)
    starts = places(rows.offsets[:-1], counts, step=stride)
    numbers = np.zeros(len(starts), np.int64)
    ambiguous = np.zeros(len(starts), np.bool_)
    for place in range(k):
        digit = rows.values[starts + place]
        ambiguous |= digit >= alphabet.first_ambiguous
        numbers *= base
        numbers += digit
        numbers -= 1
    numbers[ambiguous] = _AMBIGUOUS
    return Ragged(numbers, from_lengths(counts))


def reverse_complements(k: int) -> tuple[int, ...]:
    """(V,): index of each DNA k-mer's reverse complement; padding and unknown stay."""
    turned = np.zeros(4**k, np.int64)
    # Letters are in the order ACGT, so that the complement of digit d is 3 − d.
    for place, digit in enumerate(_digits(np.arange(4**k), 4, k)):
        turned += (3 - digit) * 4**place
    return (PADDING, UNKNOWN, *(turned + FIRST).tolist())


def _digits(numbers: Numbers, base: int, k: int) -> Iterator[Numbers]:
    """The k digits of each number, first letter first."""
    for place in range(k):
        yield numbers // base ** (k - 1 - place) % base


def _spell(alphabet: Alphabet, numbers: Numbers, k: int) -> list[str]:
    letters = [alphabet.byte_of_index[digit + 1] for digit in _digits(numbers, len(alphabet.plain), k)]
    text = np.stack(letters, axis=1).reshape(-1) if len(numbers) else np.zeros(0, np.uint8)
    spelt: list[str] = to_strings(Ragged(text, np.arange(len(numbers) + 1) * k)).to_pylist()
    return spelt
