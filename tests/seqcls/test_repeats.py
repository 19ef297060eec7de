"""Fingerprints: equal where sequences are the same, whatever the batch; repeats against plain Python."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.store.fingerprints import canonical_bytes, fingerprint_bytes, fingerprint_sequences, normalise_text
from seqcls.table import Kind, table_schema
from seqcls.validation import repeats
from seqcls.validation.repeats import Collision, Verifier, find_repeats, label_counts, later_pairs, later_rows


def column(kind: Kind, values: list[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, table_schema(kind).field("sequence").type)])


def mixed(value: int) -> int:
    """SplitMix64's last steps, which pandas adds."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ value >> 27) * 0x94D049BB133111EB % 2**64
    return value ^ value >> 31


def siphash(key: bytes, data: bytes) -> int:
    """SipHash-2-4 as in the paper's appendix."""
    k0, k1 = (int.from_bytes(key[start : start + 8], "little") for start in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count: int) -> None:
        for _ in range(count):
            for a, b, turn, after in ((0, 1, 13, 32), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 32)):
                v[a] = (v[a] + v[b]) % 2**64
                v[b] = _turn(v[b], turn) ^ v[a]
                v[a] = _turn(v[a], after)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _turn(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) % 2**64 if bits else value


def test_the_reference_of_siphash_gives_the_vector_of_its_paper() -> None:
    assert siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


@pytest.mark.parametrize("text", ["", "ACGT", "é", "exactly8", "a text of more than eight bytes"])
def test_a_fingerprint_is_siphash_of_the_bytes_and_never_changes(text: str) -> None:
    expected = mixed(siphash(hashlib.sha256(b"seed").hexdigest()[:16].encode(), text.encode()))
    assert fingerprint_bytes(pa.array([text]), "seed").tolist() == [expected]
    assert fingerprint_bytes(pa.array([text.encode()], pa.large_binary()), "seed").tolist() == [expected]
    assert fingerprint_bytes(pa.array([text]), "other")[0] != expected


SAME: list[tuple[Kind, Any, Any]] = [
    ("dna", "ACgtN", "acGTn"),
    ("series", [[0.0, None]], [[-0.0, float("nan")]]),
    ("text", None, ""),
]
DIFFERENT: list[tuple[Kind, Any, Any]] = [
    ("text", "a", "A"),
    ("text", "a b", "a  b"),
    ("series", [[1, 2, 3], [4, 5, 6]], [[1, 2], [3, 4], [5, 6]]),
    ("series", [[1, 2], [3, 4]], [[1, 2, 3, 4]]),
    ("series", [[0.0, 1]], [[None, 1]]),
    ("tokens", ["ab"], ["a", "b"]),
    ("tokens", ["a\x1f", "b"], ["a", "\x1fb"]),
    ("tokens", ["a\\u001f"], ["a\x1f"]),
    ("tokens", [None], ["\\0"]),
    ("tokens", [""], []),
]


@pytest.mark.parametrize(("kind", "left", "right"), SAME)
def test_the_same_sequence_has_the_same_bytes(kind: Kind, left: Any, right: Any) -> None:
    first, second = fingerprint_sequences(column(kind, [left, right]), kind, "s")
    assert first == second


@pytest.mark.parametrize(("kind", "left", "right"), DIFFERENT)
def test_different_sequences_have_different_bytes(kind: Kind, left: Any, right: Any) -> None:
    first, second = canonical_bytes(column(kind, [left, right]), kind).to_pylist()
    assert first != second


@pytest.mark.parametrize(("kind", "values"), [(kind, [left, right, left]) for kind, left, right in [*SAME, *DIFFERENT]])
def test_a_fingerprint_does_not_depend_on_its_neighbours(kind: Kind, values: list[Any]) -> None:
    together = fingerprint_sequences(column(kind, values), kind, "s")
    for row, value in enumerate(values):
        assert fingerprint_sequences(column(kind, [value]), kind, "s")[0] == together[row]
        assert fingerprint_sequences(column(kind, values).slice(row, 1), kind, "s")[0] == together[row]


def test_normalised_texts_differ_only_in_more_than_case_and_blanks() -> None:
    texts = pa.chunked_array([[" Ab\tc  D ", "ab c d", "abc d", None]])
    assert normalise_text(texts).to_pylist() == ["ab c d", "ab c d", "abc d", None]


small = st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 2), st.booleans()), max_size=30)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(rows=small, spread=st.sampled_from([1, 2**61 + 12345]), step=st.sampled_from([3, 65_536]))
def test_repeats_agree_with_plain_python(rows: list[tuple[int, int, bool]], spread: int, step: int) -> None:
    hashes = np.array([(value * spread) % 2**64 for value, _, _ in rows], np.uint64)
    labels = np.array([label for _, label, _ in rows], np.int32)
    counted = np.array([counts for _, _, counts in rows], bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "ROWS_PER_STEP", step)
        found = find_repeats(hashes, counted)
    seen = [value for value, _, counts in rows if counts]
    repeated = [row for row, (value, _, counts) in enumerate(rows) if counts and seen.count(value) > 1]
    assert found.rows.tolist() == repeated
    first_of: dict[int, int] = {}
    for row in repeated:
        first_of.setdefault(rows[row][0], row)
    numbers = {value: number for number, value in enumerate(first_of)}
    assert found.groups.tolist() == [numbers[rows[row][0]] for row in repeated]
    assert np.flatnonzero(later_rows(found, len(rows))).tolist() == [r for r in repeated if r not in first_of.values()]
    pairs: set[tuple[int, int]] = set()
    later = []
    for row in repeated:
        pair = rows[row][:2]
        later += [row] if pair in pairs and pair[1] >= 0 else []
        pairs.add(pair)
    assert np.flatnonzero(later_pairs(found, labels, len(rows))).tolist() == later
    classes = {value: {rows[r][1] for r in repeated if rows[r][0] == value and rows[r][1] >= 0} for value in numbers}
    expected = [max(len(classes[rows[r][0]]), 1) if r in repeated else 1 for r in range(len(rows))]
    assert label_counts(found, labels, len(rows)).tolist() == expected


def test_equal_hashes_of_different_rows_are_found_across_batches() -> None:
    values = pa.array(["x", "y", "x", "z", "y", "w"])
    honest = Verifier(find_repeats(np.array([1, 2, 1, 3, 2, 4], np.uint64), np.ones(6, bool)))
    for start in (0, 2, 4):
        honest.check(start, values.slice(start, 2))
    lying = Verifier(find_repeats(np.array([1, 2, 1, 3, 3, 4], np.uint64), np.ones(6, bool)))
    lying.check(0, values.slice(0, 4))
    with pytest.raises(Collision):
        lying.check(4, values.slice(4))
