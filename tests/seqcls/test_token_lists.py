"""A list of tokens in a cell of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.seqcls.reading_files import read_bytes


@pytest.mark.parametrize(
    ("cell", "tokens"),
    [
        ('["the", "parcel, late"]', ["the", "parcel, late"]),
        ("['the', 'parcel, late']", ["the", "parcel, late"]),
        ("""['it\\'s', "don't", 'a\\\\b']""", ["it's", "don't", "a\\b"]),
        (" [ 'one' ] ", ["one"]),
        ("[]", []),
        ("[CLS] a b [SEP]", ["[CLS]", "a", "b", "[SEP]"]),
        ("a [ 'b'", ["a", "[", "'b'"]),
    ],
)
def test_a_list_in_a_cell_is_read_as_a_list(tmp_path: Path, cell: str, tokens: list[str]) -> None:
    quoted = cell.replace('"', '""')
    result = read_bytes(tmp_path, f'label,tokens\nx,"{quoted}"\n'.encode(), "tokens", sequence="tokens", label="label")
    assert result.rows == [(tokens, "x")]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("['one' 'two']", "not separated by commas"),  # as NumPy prints an array
        ("['one', two]", "not quoted"),
        ('["one", 2]', "a list with 2 in it"),
        ('["one", null]', "a list with null in it"),
        ("['one', 'two", "not separated by commas"),
    ],
)
def test_what_looks_like_a_list_and_is_none_is_rejected(tmp_path: Path, cell: str, reason: str) -> None:
    quoted = cell.replace('"', '""')
    data = f'label,tokens\nx,"{quoted}"\ny,plain words\n'.encode()
    result = read_bytes(tmp_path, data, "tokens", sequence="tokens", label="label")
    assert result.rows == [(["plain", "words"], "y")]
    ((row, rule, found),) = result.refused
    assert (row, rule) == (1, "tokens")
    assert reason in found
    assert 'expected a list such as ["one", "two"], or words separated by blanks' in found
