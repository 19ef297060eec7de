"""A list of tokens in a cell: JSON, or as Python and pandas write it.

In: a column of text. Out: lists of tokens, and the reasons of the cells that look like a list and are none. Promise: a
cell that begins like a list of quoted words is read as a list, or rejected; it is never divided at its blanks, brackets
and commas included. Nothing is evaluated.
"""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.compute as pc

TOKENS = pa.list_(pa.string())
_LIKE_A_LIST = r"""^\s*\[\s*["'\]]"""
_ITEM = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PYTHON = re.compile(rf"\s*\[\s*(?:(?:{_ITEM})\s*(?:,\s*(?:{_ITEM})\s*)*,?\s*)?\]\s*", re.DOTALL)
_EXPECTED = """expected a list such as ["one", "two"], or words separated by blanks"""


def parse_lists(column: pa.Array, words: pa.ListArray) -> tuple[pa.ListArray, dict[int, str]]:
    """`words`, the cells divided at blanks, with those that are lists in their place; reasons by position."""
    places = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, _LIKE_A_LIST), False))
    if not len(places):
        return words, {}
    found, faults = words.to_pylist(), {}
    for index in places.to_pylist():
        result = parse_list(column[index].as_py())
        if isinstance(result, str):
            faults[index] = result
        else:
            found[index] = result
    return pa.array(found, TOKENS), faults


def parse_list(cell: str) -> list[str] | str:
    """The tokens of one cell, or why it is no list of text."""
    try:
        items = json.loads(cell)
    except (ValueError, RecursionError):
        if not _PYTHON.fullmatch(cell):
            return f"looks like a list, but its items are not separated by commas, or not quoted; {_EXPECTED}"
        return [_unescaped(item) for item in re.findall(_ITEM, cell, re.DOTALL)]
    if not all(isinstance(item, str) for item in items):
        strange = next(item for item in items if not isinstance(item, str))
        return f"a list with {json.dumps(strange)[:40]} in it; {_EXPECTED}"
    return list(items)


def _unescaped(item: str) -> str:
    """Without quotes, and without the backslash before a quote or a backslash."""
    return re.sub(r"\\([\\'\"])", r"\1", item[1:-1])
