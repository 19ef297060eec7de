"""64-bit fingerprints of ids and sequences: one number a row instead of the row.

In: a column of the table. Out: one `uint64` a row, the same on every machine and in every batch, and the bytes that
it was made of. Promise: two rows have equal bytes if, and only if, they hold the same sequence, so a fingerprint can
be verified. The hash is SipHash-2-4 (Aumasson & Bernstein, 2012) under a key made of a seed, with SplitMix64's last
steps, as pandas computes it: rows that collide, by chance or by design, part under another seed.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.table import Kind, one_array

Hashes = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

# NaN patterns: one stands for every missing value, the others (plus the number of channels) begin a row of
# several channels. No value of a series has these bits, so (2 channels, 3 points) never equals (3, 2).
_MISSING = np.uint32(0x7FC00000)
_CHANNELS = 0xFFC00000
_END_OF_TOKEN = "\x1f"  # noqa: S105 - a separator, not a secret


def fingerprint_sequences(sequence: pa.ChunkedArray, kind: Kind, seed: str) -> Hashes:
    """Rows of `sequence` -> uint64; see `canonical_bytes` for what counts as the same sequence."""
    return fingerprint_bytes(canonical_bytes(sequence, kind), seed)


def fingerprint_bytes(values: pa.Array, seed: str) -> Hashes:
    """Strings or binary values -> uint64; null counts as empty."""
    if values.null_count:
        values = values.fill_null("" if pa.types.is_string(values.type) else b"")
    key = hashlib.sha256(seed.encode()).hexdigest()[:16]
    hashes: Hashes = pd.util.hash_array(values.to_numpy(zero_copy_only=False), hash_key=key, categorize=False)
    return hashes


def canonical_bytes(sequence: pa.ChunkedArray, kind: Kind) -> pa.Array:
    """Bytes that are equal exactly where two sequences are the same; missing and empty sequences have none.

    dna, protein: the upper-case letters (lower case is a soft mask, not another molecule). series: the float32
    values, -0 as 0. tokens: each token followed by a separator that is escaped where a token holds it.
    """
    column = one_array(sequence)
    if kind in ("dna", "protein"):
        return pc.ascii_upper(column).cast(pa.large_binary())
    if kind == "text":
        return column.cast(pa.large_binary())
    return _series_bytes(column) if kind == "series" else _token_bytes(column)


def normalise_text(text: pa.ChunkedArray) -> pa.Array:
    """Lower case, runs of blanks as one: what a reader would call the same text."""
    words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(pc.utf8_lower(one_array(text))))
    return pc.binary_join(words, " ")


def flat_bytes(strings: pa.Array) -> tuple[npt.NDArray[np.uint8], Offsets]:
    """A string column -> (its bytes, n + 1 offsets into them), without a copy; null rows have no bytes."""
    if strings.null_count:
        strings = strings.fill_null("" if pa.types.is_string(strings.type) else b"")
    width = np.int64 if pa.types.is_large_string(strings.type) or pa.types.is_large_binary(strings.type) else np.int32
    _, offsets_buffer, data_buffer = strings.buffers()
    if len(strings) == 0:
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(offsets_buffer, width)[strings.offset : strings.offset + len(strings) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.empty(0, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def flat_values(series: pa.Array) -> tuple[npt.NDArray[np.float32], Offsets, Offsets]:
    """A series column -> (values, row offsets into values, row offsets into channels); missing values are NaN."""
    rows = series.offsets.to_numpy().astype(np.int64)
    channels = series.values
    starts = channels.offsets.to_numpy().astype(np.int64)
    bounds = starts[rows]
    values = channels.values.slice(bounds[0], bounds[-1] - bounds[0]).to_numpy(zero_copy_only=False)
    return values, bounds - bounds[0], rows


def _binary_array(data: npt.NDArray[np.generic], offsets: Offsets) -> pa.Array:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _series_bytes(series: pa.Array) -> pa.Array:
    values, bounds, rows = flat_values(series)
    bits = (values + np.float32(0)).view(np.uint32)  # + 0 turns -0 into 0
    bits[np.isnan(values)] = _MISSING
    body = _binary_array(bits, bounds * 4)
    channels = np.diff(rows)
    if (channels <= 1).all():
        return body
    head = np.where(channels > 1, 4, 0).cumsum(dtype=np.int64)
    marks = (np.uint32(_CHANNELS) + channels[channels > 1].astype(np.uint32)).astype(np.uint32)
    return pc.binary_join_element_wise(
        _binary_array(marks, np.concatenate([[0], head])), body, pa.scalar(b"", pa.large_binary())
    )


def _token_bytes(tokens: pa.Array) -> pa.Array:
    rows = tokens.offsets.to_numpy().astype(np.int64)
    flat = tokens.values.slice(rows[0], rows[-1] - rows[0])
    if pc.any(pc.match_substring_regex(flat, r"[\\\x1f]")).as_py():
        flat = pc.replace_substring(pc.replace_substring(flat, "\\", "\\\\"), _END_OF_TOKEN, "\\u001f")
    ended = pc.binary_join_element_wise(flat.fill_null("\\0"), _END_OF_TOKEN, "")
    data, offsets = flat_bytes(ended)
    return _binary_array(data, offsets[rows - rows[0]])
