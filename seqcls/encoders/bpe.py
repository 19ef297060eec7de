"""Text -> byte pairs learned from the training split (byte-level BPE).

In: texts. Out: indices of merged byte pairs; every text has a code, and `decode` restores it (in lower case if
`lower_case` is set). Idea: Sennrich et al. 2016, "Neural machine translation of rare words with subword units"; bytes
as the alphabet: Radford et al. 2019 (GPT-2). Trained and run by `tokenizers` in Rust. No special token is registered,
so that "[PAD]" in a text is ordinary text: indices are the tokenizer's plus 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer, pre_tokenizers, trainers

from seqcls.config.encode import EncodeConfig, TextEncode
from seqcls.encoders.base import FIRST, Batches, IndexEncoder, Saved, longest
from seqcls.encoders.columns import checked_sequences
from seqcls.encoders.ragged import Ragged, from_lengths, from_lists
from seqcls.encoders.spec import InputSpec
from seqcls.encoders.tokenizer_file import blank_tokenizer, read_tokenizer
from seqcls.table import Kind

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class BytePairEncoder(IndexEncoder):
    """text / bpe."""

    config: TextEncode
    tokenizer: Tokenizer
    config_class = TextEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, TextEncode)

        def texts() -> Iterator[list[str]]:
            for batch in batches():
                yield _prepared(checked_sequences(kind, batch), config.lowercase)

        tokenizer = _train(texts(), config)
        lengths = (int(_tokenize(tokenizer, batch).lengths.max(initial=1)) for batch in texts())
        inputs = InputSpec(
            form="tokens", max_length=longest(config, lengths), vocabulary=tokenizer.get_vocab_size() + FIRST
        )
        return cls(kind, unit, config, labels, inputs, tokenizer)

    def fitted(self) -> dict[str, Any]:
        return {}

    def tokenizer_json(self) -> str:
        text: str = self.tokenizer.to_str()
        return text

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        inputs = saved.shared[-1]
        return cls(*saved.shared, tokenizer=read_tokenizer(saved.folder / TOKENIZER, inputs.vocabulary - FIRST))

    def _positions(self, sequences: pa.Array) -> Ragged:
        return _tokenize(self.tokenizer, _prepared(sequences, self.config.lowercase))

    def decode(self, sequence: pa.ListArray) -> pa.StringArray:
        indices, offsets = from_lists(sequence)
        flat = indices.to_numpy()
        known = flat >= FIRST
        kept = pa.array(flat[known].astype(np.int64) - FIRST)
        new_offsets = np.concatenate([[0], np.cumsum(known)])[offsets]
        rows = pa.ListArray.from_arrays(pa.array(new_offsets, pa.int32()), kept)
        return pa.array(self.tokenizer.decode_batch(rows.to_pylist(), skip_special_tokens=False), pa.string())


def _train(texts: Iterator[list[str]], config: TextEncode) -> Tokenizer:
    tokenizer = blank_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary - FIRST, min_frequency=config.min_count, show_progress=False, special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return tokenizer


def _prepared(texts: pa.StringArray, lowercase: bool) -> list[str]:
    rows: list[str] = (pc.utf8_lower(texts) if lowercase else texts).to_pylist()
    return rows


def _tokenize(tokenizer: Tokenizer, texts: list[str]) -> Ragged:
    rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    lengths = np.fromiter(map(len, rows), np.int64, count=len(rows))
    flat = np.fromiter(chain.from_iterable(rows), np.int32, count=int(lengths.sum()))
    return Ragged(flat + np.int32(FIRST), from_lengths(lengths))
