"""Characters -> the words they make, without leaving the tensors.

In: mixed ids of characters (B, T) and what each is (`InputSpec.word_parts`). Out: one id a word, padded (B, W), and
where the word of each character begins and ends. A word is a run of letters, digits and marks; a connector (the
apostrophe) between two of them belongs to it; any other sign, and any Han, Hiragana or Katakana character, is a word
by itself. Ids of words are hashes: a word that no training row has gets one as well, and its characters are seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from seqcls.encoders.spec import CONNECTOR, PART, SIGN
from seqcls.models.ngrams.hashing import BASE, INVERSE, mix, powers, run_hashes, salted


class Words(NamedTuple):
    """The words of each row, and where the word of each character begins and ends."""

    ids: Tensor
    """(B, W)"""
    counts: Tensor
    """(B,) words of each row."""
    first: Tensor
    """(B, T) place of the first character of the word; T at characters of no word."""
    last: Tensor
    """(B, T) place of its last character; -1 at characters of no word."""


def words_of(ids: Tensor, parts: Tensor) -> Words:
    """ids (B, T) of characters; parts (B, T) says what they are, blank at padding."""
    within, sign = _memberships(parts)
    begins = (within & ~_shift(within, 1)) | sign
    ends = (within & ~_shift(within, -1)) | sign
    rows, start = begins.nonzero(as_tuple=True)
    stop = ends.nonzero(as_tuple=True)[1]  # as many as begin, in the same order
    counts = begins.sum(1)
    place = torch.arange(len(rows), device=ids.device) - (counts.cumsum(0) - counts)[rows]
    dense = ids.new_zeros(len(ids), max([1, *counts.amax(0, keepdim=True).tolist()]))
    dense[rows, place] = _span_hashes(ids, rows, start, stop)
    return Words(dense, counts, *_reach(begins, ends, within | sign))


def characters_within(ids: Tensor, words: Words, n: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Hashes (B, M) of the runs of n characters within a word whose edges count as characters, and which exist.

    For "the" and n = 3 these are <th, the, he>: n - 1 characters at either edge, and n anywhere within.
    """
    for length, edge in ((n, ""), (n - 1, "begin"), (n - 1, "end")):
        hashes = run_hashes(ids, length)
        here = torch.arange(hashes.shape[1], device=ids.device)
        first, last = words.first[:, : hashes.shape[1]], words.last[:, : hashes.shape[1]]
        whole = (first <= here) & (here + length - 1 <= last)
        if edge == "begin":
            whole = whole & (here == first)
        elif edge == "end":
            whole = whole & (here + length - 1 == last)
        yield (mix(hashes + salted(edge)) if edge else hashes), whole


def _memberships(parts: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T) what each character is -> whether it is within a word of letters, and whether it is a word by itself."""
    part, connector = parts == PART, parts == CONNECTOR
    joins = connector & _shift(part, 1) & _shift(part, -1)
    return part | joins, (parts == SIGN) | (connector & ~joins)


def _shift(marks: Tensor, by: int) -> Tensor:
    """marks (B, T) moved to the right (by = 1) or left (-1); what enters is False."""
    return F.pad(marks, (1, -1) if by == 1 else (-1, 1))


def _span_hashes(ids: Tensor, rows: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    """(S,) hash of ids[row, start : stop + 1], whatever its length: the difference of two sums of id * BASE^place,
    shifted to place 0 by the inverse of BASE^start modulo 2^64."""
    sums = F.pad((ids * powers(BASE, ids.shape[1], ids.device)).cumsum(1), (1, 0))  # (B, T + 1)
    spans = sums[rows, stop + 1] - sums[rows, start]
    return mix(spans * powers(INVERSE, ids.shape[1], ids.device)[start])


def _reach(begins: Tensor, ends: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T) marks -> place of the first and last character of each character's word."""
    width = begins.shape[1]
    places = torch.arange(width, device=begins.device)
    first = torch.where(begins, places, -1).cummax(1).values
    last = torch.where(ends, places, width).flip(1).cummin(1).values.flip(1)
    return torch.where(inside, first, width), torch.where(inside, last, -1)
