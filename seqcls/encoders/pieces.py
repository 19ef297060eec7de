"""Text -> pieces of the tokenizer that came with a pretrained encoder; nothing is learned from the training split.

In: texts. Out: indices of the tokenizer plus 1, since 0 is padding everywhere in seqcls, with the special pieces that
the encoder expects around each row ([CLS] ... [SEP]). Promise: a row that is cut keeps them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from seqcls.config.encode import EncodeConfig, TextEncode
from seqcls.encoders.base import Batches, Encoded, Encoder, Saved, longest
from seqcls.encoders.columns import checked_sequences
from seqcls.encoders.pretrained import (
    CONFIG,
    COPY,
    TOKENIZER,
    WEIGHTS,
    PretrainedFolder,
    open_folder,
    read_pretrained_tokenizer,
)
from seqcls.encoders.ragged import Numbers, Ragged, count_marked, cut, from_lengths, from_lists
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.table import Kind

SHIFT = 1


@dataclass(frozen=True)
class PieceEncoder(Encoder):
    """text / pretrained."""

    config: TextEncode
    tokenizer: Tokenizer
    source: PretrainedFolder | None = None
    """Where the encoder came from; only while it is fitted."""
    config_class = TextEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, TextEncode)
        assert config.pretrained is not None, "the pipeline asks for it"
        folder = open_folder(Path(config.pretrained))
        tokenizer = read_pretrained_tokenizer(folder.path / TOKENIZER)
        entries = int(folder.config.get("vocab_size") or 0)
        if tokenizer.get_vocab_size() > entries:
            raise DataRefused(
                f"{tokenizer.get_vocab_size()} pieces, and vocab_size = {entries} in {CONFIG}",
                where=str(folder.path / TOKENIZER), expected="the tokenizer of these weights",
                next_step="copy the folder again",
            )  # fmt: skip
        around = sum(map(len, specials(tokenizer)))
        lengths = (
            int(_tokenize(tokenizer, checked_sequences(kind, batch)).lengths.max(initial=1)) + around
            for batch in batches()
        )
        inputs = InputSpec(
            form="tokens", max_length=_most(config, folder, around, lengths), vocabulary=entries + SHIFT,
            pretrained=folder.config_text,
        )  # fmt: skip
        kept = config.model_copy(update={"pretrained": None})  # no path of this machine in an artefact
        return cls(kind, unit, kept, labels, inputs, tokenizer, folder)

    def fitted(self) -> dict[str, Any]:
        return {}

    def tokenizer_json(self) -> str:
        text: str = self.tokenizer.to_str()
        return text

    def save_more(self, folder: Path) -> None:
        """Training reads the weights from the artefact, so that they are those that its digest names."""
        if self.source is not None:
            (folder / COPY).mkdir()
            for name in (CONFIG, WEIGHTS):
                shutil.copyfile(self.source.path / name, folder / COPY / name)

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        return cls(*saved.shared, tokenizer=read_pretrained_tokenizer(saved.folder / TOKENIZER))

    def encode(self, sequences: pa.Array | pa.ChunkedArray) -> Encoded:
        before, after = specials(self.tokenizer)
        rows = _tokenize(self.tokenizer, checked_sequences(self.kind, sequences))
        kept, truncated = cut(rows, self.inputs.max_length - len(before) - len(after), self.config.keep)
        whole = _surround(kept, before, after) if len(before) + len(after) else _never_empty(kept, self._unknown())
        unknown = count_marked(np.equal(whole.values, self._unknown()), whole.offsets)
        return Encoded(whole.to_arrow(), pa.array(truncated), unknown)

    def _unknown(self) -> int:
        """Index of the piece for what has none; -1 where the tokenizer has a piece for everything."""
        names = ("[UNK]", "<unk>", getattr(self.tokenizer.model, "unk_token", None))
        found = [self.tokenizer.token_to_id(name) for name in names if isinstance(name, str)]
        return next((index + SHIFT for index in found if index is not None), -1)

    def decode(self, sequence: pa.ListArray) -> pa.StringArray:
        indices, offsets = from_lists(sequence)
        rows = np.split(indices.to_numpy(), offsets[1:-1])
        around = np.concatenate(specials(self.tokenizer))
        told = [(row[~np.isin(row, around)].astype(np.int64) - SHIFT).tolist() for row in rows]
        texts = self.tokenizer.decode_batch(told, skip_special_tokens=False)
        return pa.array(texts[: len(sequence)], pa.string())


def specials(tokenizer: Tokenizer) -> tuple[Numbers, Numbers]:
    """Indices that the tokenizer puts before and after a row."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
    before, after = whole[:start], whole[start + len(bare) :]
    return np.array(before, np.int32) + SHIFT, np.array(after, np.int32) + SHIFT


def _most(config: TextEncode, folder: PretrainedFolder, around: int, lengths: Any) -> int:
    """Positions of a row: as asked for, or the longest of training, and never more than the encoder can read."""
    most = folder.most_positions
    if config.max_length is not None and (config.max_length <= around or (most and config.max_length > most)):
        raise ConfigRefused(
            f"{config.max_length} positions", where="encode.max_length",
            expected=f"from {around + 1} to {most or 'any number'}: what the encoder in {folder.path} can read",
            next_step="change it, or leave it out",
        )  # fmt: skip
    wanted = longest(config, lengths)
    return min(wanted, most) if most else wanted


def _tokenize(tokenizer: Tokenizer, texts: pa.StringArray) -> Ragged:
    # Literal "[SEP]" in a text becomes the special piece, as in every use of these tokenizers.
    rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)]
    lengths = np.fromiter(map(len, rows), np.int64, count=len(rows))
    flat = np.fromiter(chain.from_iterable(rows), np.int32, count=int(lengths.sum()))
    return Ragged(flat + np.int32(SHIFT), from_lengths(lengths))


def _surround(rows: Ragged, before: Numbers, after: Numbers) -> Ragged:
    """Each row between the special indices."""
    offsets = from_lengths(rows.lengths + len(before) + len(after))
    values = np.empty(int(offsets[-1]), np.int32)
    inner = np.ones(len(values), bool)
    for place, index in enumerate(before):
        values[offsets[:-1] + place], inner[offsets[:-1] + place] = index, False
    for place, index in enumerate(after, start=-len(after)):
        values[offsets[1:] + place], inner[offsets[1:] + place] = index, False
    values[inner] = rows.values
    return Ragged(values, offsets)


def _never_empty(rows: Ragged, unknown: int) -> Ragged:
    from seqcls.encoders.ragged import fill_empty

    return fill_empty(rows, max(unknown, SHIFT))
