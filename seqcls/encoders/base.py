"""The base of all encoders: fitted on the training split, frozen, converted to JSON and back.

In: sequences of the table (Arrow). Out: `Encoded`, one row per row. Promise: a row's code does not depend on the other
rows; each encoded row has at least one position; positions without a code of their own are counted as unknown.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.encode import EncodeConfig
from seqcls.encoders.columns import checked_sequences
from seqcls.encoders.ragged import Mask, Numbers, Ragged, count_marked, cut, fill_empty
from seqcls.encoders.spec import InputSpec
from seqcls.errors import DataRefused
from seqcls.table import Kind, Layout, one_array

FORMAT = 1
PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Indices of vocabularies: padding (never stored), unknown, the first entry."""

Batches = Callable[[], Iterator[pa.Array]]
"""The sequences of the training split in batches; may be called again for another pass."""


class Encoded(NamedTuple):
    """One row per row of the input; `unknown` counts stored positions without a code of their own."""

    sequence: pa.ListArray
    truncated: pa.BooleanArray
    unknown: pa.Int32Array


@dataclass(frozen=True)
class Encoder(ABC):
    """Sequences -> indices or values, according to what was learned from the training split."""

    kind: Kind
    unit: str
    config: EncodeConfig
    labels: list[str]
    inputs: InputSpec
    layout: Layout | None = field(default=None, kw_only=True)
    """Columns or channels by name, as the training files had them; kept for new files, of no effect on the codes."""

    config_class: ClassVar[type[EncodeConfig]]

    @classmethod
    @abstractmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        """Learn from the training split."""

    @abstractmethod
    def decode(self, sequence: pa.ListArray) -> pa.Array:
        """Encoded rows -> sequences."""

    @abstractmethod
    def fitted(self) -> dict[str, Any]:
        """What was learned, as JSON."""

    @classmethod
    @abstractmethod
    def restore(cls, saved: Saved) -> Self:
        """The inverse of `to_json`."""

    @abstractmethod
    def encode(self, sequences: pa.Array | pa.ChunkedArray) -> Encoded:
        """Sequences -> numbers; raises for values that the encoder cannot represent at all."""

    def misfits(self, sequences: pa.ChunkedArray) -> dict[int, str]:  # noqa: ARG002 - most encoders take any sequence
        """Position -> reason of the sequences that the encoder cannot represent at all."""
        return {}

    def encode_labels(self, labels: pa.Array | pa.ChunkedArray) -> pa.Int32Array:
        """Class names -> indices into the sorted labels; null stays null."""
        names = one_array(labels).cast(pa.string())
        indices = pc.index_in(names, value_set=pa.array(self.labels, pa.string()))
        strange = pc.and_(pc.is_valid(names), pc.is_null(indices))
        if pc.any(strange).as_py():
            raise self._unknown_label(names.filter(strange)[0].as_py(), pc.index(strange, True).as_py())
        return indices

    def _unknown_label(self, name: str, row: int) -> DataRefused:
        more = f" and {len(self.labels) - 20} more" if len(self.labels) > 20 else ""
        return DataRefused(
            f"class {name!r} is not among the classes of the training split",
            where=f"row {row + 1} of the batch",
            expected=f"one of {', '.join(self.labels[:20])}{more}",
            next_step="fix the label, or train again with rows of this class",
        )

    def tokenizer_json(self) -> str | None:
        """Text of tokenizer.json, if the encoder needs that file."""
        return None

    def save_more(self, folder: Path) -> None:  # noqa: B027 - most encoders have nothing more
        """Write what training needs beside the rows, once the encoder is fitted."""

    def to_json(self) -> dict[str, Any]:
        """encoder.json: everything that determines the codes, and its fingerprint."""
        tokenizer = self.tokenizer_json()
        document = {
            "format": FORMAT,
            "kind": self.kind,
            "unit": self.unit,
            "config": self.config.model_dump(mode="json"),
            "labels": self.labels,
            "inputs": self.inputs.model_dump(mode="json"),
            "fitted": self.fitted(),
            "tokenizer": tokenizer and hashlib.sha256(tokenizer.encode()).hexdigest(),
            **({"layout": asdict(self.layout)} if self.layout else {}),
        }
        return {**document, "fingerprint": fingerprint_of(document)}

    @property
    def fingerprint(self) -> str:
        text: str = self.to_json()["fingerprint"]
        return text

    @classmethod
    def from_json(cls, document: dict[str, Any], folder: Path) -> Self:
        """A document made by `to_json`; `folder` holds tokenizer.json if there is one."""
        config = cls.config_class.model_validate(document["config"])
        inputs = InputSpec.model_validate(document["inputs"])
        shared = (document["kind"], document["unit"], config, document["labels"], inputs)
        encoder = cls.restore(Saved(shared, document["fitted"], folder))
        layout = document.get("layout")
        return replace(encoder, layout=Layout(layout["format"], tuple(layout["names"]))) if layout else encoder


@dataclass(frozen=True)
class IndexEncoder(Encoder):
    """Sequences -> indices, one per position."""

    @abstractmethod
    def _positions(self, sequences: pa.Array) -> Ragged:
        """Sequences without nulls -> indices, before any cut."""

    def _is_unknown(self, indices: Numbers) -> Mask:
        """Which stored indices represent something without an entry of its own."""
        return np.equal(indices, UNKNOWN)

    def _empty_index(self) -> int:
        """Index that represents an empty sequence."""
        return UNKNOWN

    def encode(self, sequences: pa.Array | pa.ChunkedArray) -> Encoded:
        rows = fill_empty(self._positions(checked_sequences(self.kind, sequences)), self._empty_index())
        kept, truncated = cut(rows, self.inputs.max_length, self.config.keep)
        return Encoded(kept.to_arrow(), pa.array(truncated), count_marked(self._is_unknown(kept.values), kept.offsets))


class Saved(NamedTuple):
    """The arguments of `restore`: the fields of `Encoder` in order, what was learned, and the folder."""

    shared: tuple[Kind, str, Any, list[str], InputSpec]
    fitted: dict[str, Any]
    folder: Path


def fingerprint_of(document: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of everything except the fingerprint."""
    content = {key: value for key, value in document.items() if key != "fingerprint"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def longest(config: EncodeConfig, lengths: Iterator[int]) -> int:
    """[encode].max_length, or the longest of the training split."""
    return config.max_length or max(1, max(lengths, default=1))
