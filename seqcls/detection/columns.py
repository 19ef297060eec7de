"""Columns of a table as they were read, and what can be said of their values."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from seqcls.detection.found import Found

NUMBER = re.compile(r"^\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*$")
WHOLE = re.compile(r"^\s*[+-]?\d+([.,]0*([eE][+-]?0+)?)?\s*$|^\s*[+-]?\d\.0+[eE][+]00\s*$")
"""1, 1.0 or 1.000e+00: names of classes; 0.25 is a measurement. A class of 10 may be written 1.0e+01: not seen."""
PRINTED = re.compile(r"^\s*(array|tensor|\(|\[|\{|np\.)")
_MISSING = frozenset({"", "nan", "na", "null", "none", "?"})


def is_comma_list(text: str) -> bool:
    """Numbers with a decimal comma, divided by another sign: -0,31;-0,51."""
    parts = re.split(r"[;\s]+", text.strip())
    return len(parts) > 1 and "," in text and all(NUMBER.match(x) or x.lower() in _MISSING for x in parts)


def is_list(text: str) -> bool:
    """Numbers divided by commas, semicolons or blanks, with brackets or without."""
    if NUMBER.match(text):  # one number with a decimal comma
        return False
    parts = re.split(r"[;,\s]+", text.strip(" \t\r\n[]"))
    numbers = sum(bool(NUMBER.match(x.strip("[]"))) for x in parts)
    return len(parts) > 1 and numbers > 0 and all(
        NUMBER.match(x) or x.lower() in _MISSING for x in (part.strip("[]") for part in parts)
    )  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A name and the values of the first rows."""

    name: str
    values: list[object]

    @cached_property
    def texts(self) -> list[str]:
        """Values that are there, as text; lists as JSON."""
        shown = (
            json.dumps(v, default=str) if isinstance(v, (list, dict)) else str(v) for v in self.values if v is not None
        )
        return [text for text in shown if text.strip().lower() not in _MISSING]

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(self.texts)

    @cached_property
    def is_list(self) -> bool:
        given = [value for value in self.values if value is not None]
        return bool(given) and all(isinstance(value, (list, tuple)) for value in given)

    def share(self, pattern: re.Pattern[str]) -> float:
        return sum(bool(pattern.match(text[:5000])) for text in self.texts) / len(self.texts) if self.texts else 0.0

    @cached_property
    def is_number(self) -> bool:
        return not self.is_list and self.share(NUMBER) > 0.95

    @cached_property
    def is_numbers(self) -> bool:
        """Lists of numbers: a series in a cell."""
        if self.is_list:
            return all(
                all(x is None or isinstance(x, (int, float, list)) for x in value)  # type: ignore[attr-defined]
                for value in self.values if value is not None
            )  # fmt: skip
        texts = [text[:20_000] for text in self.texts[:100]]
        return sum(is_list(text) or is_comma_list(text) for text in texts) > 0.8 * len(texts)

    @cached_property
    def mean_length(self) -> float:
        return sum(map(len, self.texts)) / len(self.texts) if self.texts else 0.0

    @cached_property
    def mean_words(self) -> float:
        return sum(len(text.split()) for text in self.texts) / len(self.texts) if self.texts else 0.0


def describe(counts: Counter[str]) -> str:
    """ "3 values in 600 rows: billing 201, ..."."""
    shown = ", ".join(f"{name} {count}" for name, count in counts.most_common(6))
    more = f" and {len(counts) - 6} more" if len(counts) > 6 else ""
    return f"{len(counts)} values in {sum(counts.values())} rows: {shown}{more}"


def lengths(found: Found, sizes: list[int]) -> None:
    """`max_length` that cuts about one row in twenty."""
    if not sizes:
        return
    most = sorted(sizes)[min(len(sizes) - 1, int(0.95 * len(sizes)))]
    rounded = max(10, -(-most // 10) * 10)
    found.encode["max_length"] = min(rounded, 2000)
    found.grounds["max_length"] = f"found: 95 of 100 sequences have at most {most}"
