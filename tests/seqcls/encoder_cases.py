"""Columns and fitted encoders, small enough to read, for the tests of the encoders."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from seqcls.config.encode import EncodeConfig, ResidueEncode, SeriesEncode, TextEncode, TokenEncode
from seqcls.encoders import Encoder, fit_encoder
from seqcls.table import Kind, table_schema

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

EVERY_ENCODER: dict[str, tuple[Kind, EncodeConfig, list[object]]] = {
    "words": ("text", TextEncode(), ["It's good, really.", "Bad!", "good good 3.14"]),
    "characters": ("text", TextEncode(unit="characters", lowercase=False), ["Grüße", "日本", "a"]),
    "bpe": ("text", TextEncode(unit="bpe", vocabulary=300), ["the theme there", "then the", "them"]),
    "series": ("series", SeriesEncode(), [[[1.0, 2.0, 4.0]], [[3.0, None]], [[5.0]]]),
    "channel": (
        "series", SeriesEncode(normalise="channel", difference=True), [[[1.0, 2.0], [3.0, 4.0]], [[5.0], [0.5]]],
    ),
    "robust": ("series", SeriesEncode(normalise="robust"), [[[1.0, 2.0, 9.0]], [[3.0, 4.0]]]),
    "dna": ("dna", ResidueEncode(strand="both"), ["ACGT", "RNA", "ggg"]),
    "protein": ("protein", ResidueEncode(), ["MKV", "BZX", "w"]),
    "dna_kmers": ("dna", ResidueEncode(unit="kmers", k=2, strand="both"), ["ACGT", "NAC", "g"]),
    "protein_kmers": ("protein", ResidueEncode(unit="kmers", k=2), ["MKVM", "MKX", "w"]),
    "tokens": ("tokens", TokenEncode(), [["login", "buy"], ["login"], ["logout"]]),
}  # fmt: skip


def column(kind: Kind, rows: list[object]) -> pa.Array:
    """Rows in the type of the table's sequence column."""
    return pa.array(rows, table_schema(kind).field("sequence").type)


def fit(kind: Kind, config: EncodeConfig, *batches: list[object]) -> Encoder:
    """An encoder fitted on some batches of rows."""
    return fit_encoder(kind, config, lambda: (column(kind, batch) for batch in batches), ["no", "yes"])


def real_data(name: str) -> Path:
    """A file of the real data sets, or a skip."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"the real data is not there: {path}")
    return path
