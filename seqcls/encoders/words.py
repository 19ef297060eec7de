"""Words and tokens -> indices into a vocabulary.

Words of a text, by Arrow's RE2 (a batch is a few vectorised calls: three times as many rows per second as `tokenizers`
with a WordLevel model, on the same text and processor): lower case if that is set, Unicode NFC; then, at each position,
the first that matches of
  1. a number with inner points or commas: 3.14  1,000
  2. letters, digits, _ with their marks, joined by inner apostrophes: don't  l'été  n't  3d
  3. a Treebank clitic after a blank or a sign: 's 'd 'm 't 're 've 'll
  4. any other character with its marks: , ( € emoji
Blanks, control, format and private characters separate words and are dropped. Scripts without blanks become long words:
choose characters or bpe for them. `decode` joins the words with blanks; encoding the result again gives the same.
An empty token counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.encode import EncodeConfig, TextEncode, TokenEncode
from seqcls.encoders.base import FIRST, Batches, IndexEncoder, Saved, longest
from seqcls.encoders.canonical import compose
from seqcls.encoders.columns import checked_sequences
from seqcls.encoders.ragged import Ragged, from_lists
from seqcls.encoders.spec import InputSpec
from seqcls.encoders.vocabulary import EntryCounter, Vocabulary
from seqcls.table import Kind

_NOISE = r"[\s\p{Z}\p{C}]+"
_WORD = r"[\p{L}\p{N}_][\p{L}\p{N}\p{M}_]*"
_TOKEN = (
    r"\p{N}+(?:[.,]\p{N}+)+"
    rf"|{_WORD}(?:['’]{_WORD})*"
    r"|(?i:['’](?:s|d|m|t|re|ve|ll)\b)"
    r"|[^ ]\p{M}*"
)


def split_words(texts: pa.StringArray, lowercase: bool) -> pa.ListArray:
    """Texts -> lists of words; a text without words becomes one empty word (which no vocabulary has)."""
    texts = pc.utf8_lower(texts) if lowercase else texts
    texts = compose(pc.replace_substring_regex(texts, pattern=_NOISE, replacement=" "))
    # \0 needs no groups: ten times faster in RE2 than capturing the word as \1.
    texts = pc.replace_substring_regex(texts, pattern=_TOKEN, replacement=r"\0 ")
    return pc.ascii_split_whitespace(pc.ascii_trim_whitespace(texts))


@dataclass(frozen=True)
class VocabularyEncoder(IndexEncoder):
    """Encoders that split rows into entries, each with an index in a vocabulary."""

    vocabulary: Vocabulary

    @classmethod
    def _learn(
        cls, config: EncodeConfig, batches: Batches, kind: Kind, split: Callable[[pa.Array], pa.ListArray]
    ) -> tuple[Vocabulary, int]:
        assert isinstance(config, TextEncode | TokenEncode)
        counter, most = EntryCounter(), 1
        for batch in batches():
            lists = split(checked_sequences(kind, batch))
            counter.add(lists.flatten())
            most = max(most, pc.max(pc.list_value_length(lists)).as_py() or 1)
        return counter.vocabulary(config.vocabulary, config.min_count), longest(config, iter([most]))

    def fitted(self) -> dict[str, Any]:
        return {"entries": self.vocabulary.entries}

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        return cls(*saved.shared, vocabulary=Vocabulary(saved.fitted["entries"]))

    def _index(self, lists: pa.ListArray) -> Ragged:
        entries, offsets = from_lists(lists)
        return Ragged(self.vocabulary.indices(entries), offsets)

    def _entries(self, sequence: pa.ListArray) -> pa.ListArray:
        indices, offsets = from_lists(sequence)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), self.vocabulary.entries_of(indices))


@dataclass(frozen=True)
class WordEncoder(VocabularyEncoder):
    """text / words."""

    config: TextEncode
    config_class = TextEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, TextEncode)
        vocabulary, most = cls._learn(config, batches, kind, lambda texts: split_words(texts, config.lowercase))
        return cls(kind, unit, config, labels, _spec(vocabulary, most), vocabulary)

    def _positions(self, sequences: pa.Array) -> Ragged:
        return self._index(split_words(sequences, self.config.lowercase))

    def decode(self, sequence: pa.ListArray) -> pa.StringArray:
        return pc.binary_join(self._entries(sequence), " ")


@dataclass(frozen=True)
class TokenEncoder(VocabularyEncoder):
    """tokens: each token is an entry, unchanged."""

    config: TokenEncode
    config_class = TokenEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        vocabulary, most = cls._learn(config, batches, kind, lambda tokens: tokens)
        return cls(kind, unit, config, labels, _spec(vocabulary, most), vocabulary)  # type: ignore[arg-type]

    def _positions(self, sequences: pa.Array) -> Ragged:
        return self._index(sequences)

    def decode(self, sequence: pa.ListArray) -> pa.ListArray:
        return self._entries(sequence)


def _spec(vocabulary: Vocabulary, max_length: int) -> InputSpec:
    return InputSpec(form="tokens", max_length=max_length, vocabulary=max(vocabulary.size, FIRST))
