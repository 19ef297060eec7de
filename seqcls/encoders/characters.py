"""Text, character by character -> indices into the characters of the training split.

In: texts. Out: one index per code point of the canonical form (`canonical.py`), in lower case if that is set: the same
text with other blanks, composed or not, has the same code. An unseen character has the index of its role in words
(letter, sign, blank, apostrophe). `decode` restores the canonical form. Encoders of earlier releases, which know one
unseen character and no canonical form, keep their codes.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.encode import EncodeConfig, TextEncode
from seqcls.encoders.base import FIRST, UNKNOWN, Batches, IndexEncoder, Saved, longest
from seqcls.encoders.canonical import canonical
from seqcls.encoders.columns import checked_sequences
from seqcls.encoders.ragged import Mask, Numbers, Ragged, from_lengths, from_lists, string_bytes, to_strings
from seqcls.encoders.spec import BLANK, CONNECTOR, PART, SIGN, InputSpec
from seqcls.encoders.vocabulary import most_frequent
from seqcls.table import Kind

UNSEEN = {PART: 1, SIGN: 2, BLANK: 3, CONNECTOR: 4}
"""Index of an unseen character, by its role."""
_CODE_POINTS = 0x110000
_REPLACEMENT = 0xFFFD
_NO_BLANKS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Hiragana, Katakana and Han."""


@dataclass(frozen=True)
class CharacterEncoder(IndexEncoder):
    """text / characters."""

    config: TextEncode
    characters: list[str]
    unseen: int
    """How many kinds of unseen characters there are: one in encoders of earlier releases, otherwise four."""
    config_class = TextEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, TextEncode)
        counts, most = np.zeros(_CODE_POINTS, np.int64), 1
        for batch in batches():
            rows = code_points(canonical(_cased(checked_sequences(kind, batch), config.lowercase)))
            counts += np.bincount(rows.values, minlength=_CODE_POINTS)
            most = max(most, int(rows.lengths.max(initial=0)))
        seen = Counter({chr(code): int(counts[code]) for code in np.flatnonzero(counts)})
        characters = most_frequent(seen, max(config.vocabulary - len(UNSEEN) + 1, FIRST), config.min_count)
        inputs = InputSpec(
            form="tokens",
            max_length=longest(config, iter([most])),
            vocabulary=1 + len(UNSEEN) + len(characters),
            word_parts=(BLANK, *UNSEEN, *map(word_part, characters)),
        )
        return cls(kind, unit, config, labels, inputs, characters, len(UNSEEN))

    def fitted(self) -> dict[str, Any]:
        return {"characters": self.characters, **({"unseen": self.unseen} if self.unseen > 1 else {})}

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        return cls(*saved.shared, saved.fitted["characters"], saved.fitted.get("unseen", 1))

    @cached_property
    def _codes(self) -> npt.NDArray[np.uint32]:
        """Code point of each index."""
        return np.array([0, *[_REPLACEMENT] * self.unseen, *map(ord, self.characters)], np.uint32)

    @cached_property
    def _index_of(self) -> npt.NDArray[np.int32]:
        table = np.full(_CODE_POINTS, UNKNOWN, np.int32)
        table[self._codes[1 + self.unseen :]] = np.arange(1 + self.unseen, len(self._codes), dtype=np.int32)
        return table

    def _positions(self, sequences: pa.Array) -> Ragged:
        texts = _cased(sequences, self.config.lowercase)
        if self.unseen == 1:
            rows = code_points(texts)
            return Ragged(self._index_of[rows.values], rows.offsets)
        rows = code_points(canonical(texts))
        indices = self._index_of[rows.values]
        strange = indices == UNKNOWN
        if strange.any():
            found, which = np.unique(rows.values[strange], return_inverse=True)
            roles = np.array([UNSEEN[word_part(chr(code))] for code in found], np.int32)
            indices[strange] = roles[which]
        return Ragged(indices, rows.offsets)

    def _is_unknown(self, indices: Numbers) -> Mask:
        return np.greater(indices, 0) & np.less_equal(indices, self.unseen)

    def decode(self, sequence: pa.ListArray) -> pa.StringArray:
        indices, offsets = from_lists(sequence)
        codes = self._codes[indices.to_numpy()]
        # Bytes of a code point in UTF-8: 1 below 0x80, 2 below 0x800, 3 below 0x10000, else 4.
        sizes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
        data = codes.astype("<u4").tobytes().decode("utf-32-le").encode()
        return to_strings(Ragged(np.frombuffer(data, np.uint8), from_lengths(sizes)[offsets]))


def word_part(character: str) -> int:
    """The role of a character in words: letters, digits and marks form words, an apostrophe joins; scripts without
    blanks are read character by character."""
    category = unicodedata.category(character)
    if category[0] in "ZC":
        return BLANK
    if character in "'’":
        return CONNECTOR
    if _NO_BLANKS.match(character):
        return SIGN
    return PART if category[0] in "LNM" or character == "_" else SIGN


def _cased(texts: pa.StringArray, lowercase: bool) -> pa.StringArray:
    return pc.utf8_lower(texts) if lowercase else texts


def code_points(texts: pa.StringArray) -> Ragged:
    """Texts -> uint32 code points."""
    data = string_bytes(texts).values.tobytes().decode().encode("utf-32-le")
    return Ragged(np.frombuffer(data, "<u4"), from_lengths(pc.utf8_length(texts).to_numpy(zero_copy_only=False)))
