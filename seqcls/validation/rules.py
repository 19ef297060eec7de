"""A rule: what is measured, what is allowed, and what happens to a row that breaks it.

In: a profile. Out: the rows that break the rule, and a sentence for each. Promise: the mask that rejects rows, the
sentence in the rejects and the typed expectation of Great Expectations come from the same record, so they cannot
disagree. Null never breaks a bound: the rule `empty` is the null check for all other rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.rules import Policy
from seqcls.validation.profile import Column, Profile


@dataclass(frozen=True)
class Rule:
    """Rows whose `measure` is null (`present`), outside the bounds, or not `among` the codes break the rule."""

    name: str
    column: str
    """Column of the table, as the report and the rejects name it."""
    policy: Policy
    measure: str
    """Column of the profile."""
    says: str
    """Sentence for a breach; {value} is the measured value, {at} and {letter} the position and the letter."""
    expected: str
    at_least: float | None = None
    at_most: float | None = None
    present: bool = False
    among: tuple[int, ...] | None = None
    names: tuple[str, ...] = ()
    """The names of the codes of `measure`."""
    pattern: str | None = None
    override: str = ""
    """Why the policy differs from the config, if it does."""

    @property
    def rejects(self) -> bool:
        return self.policy in ("reject", "fail")

    def broken_by(self, profile: Profile) -> npt.NDArray[np.bool_]:
        """Mask of the rows that break the rule."""
        values = profile[self.measure]
        if self.present:
            return np.isnan(values)
        if self.among is not None:
            return ~(np.isin(values, self.among) | np.isnan(values))
        broken = np.zeros(len(values), bool)
        if self.at_least is not None:
            broken |= values < self.at_least
        if self.at_most is not None:
            broken |= values > self.at_most
        return broken

    def reasons(self, profile: Profile, rows: npt.NDArray[np.int64]) -> pa.Array:
        """The sentence for each of the given rows."""
        values = profile[self.measure][rows]
        if self.names:
            found = pa.array([self.names[int(value)] for value in values], pa.string())
        else:
            found = pc.cast(pa.array(_short(values)), pa.string())
        ending = f", expected {self.expected}"
        before, mark, after = self.says.partition("{value}")
        if not mark:
            return pa.array([self.says + ending] * len(rows), pa.string())
        after, _, place = after.partition("{place}")
        if not place and "{place}" not in self.says:
            return pc.binary_join_element_wise(before, found, after + ending, "")
        letters = pa.array([_letter(code) for code in profile["foreign_byte"][rows].tolist()], pa.string())
        places = pc.cast(pa.array(profile["foreign_at"][rows]), pa.string())
        return pc.binary_join_element_wise(
            before, found, f"{after}, first ", letters, " at position ", places, ending, ""
        )


def _short(values: Column) -> Column:
    """Short numbers: 512 rather than 512.0, 0.333333 rather than 0.3333333333333333."""
    if (values == np.floor(values)).all() and np.isfinite(values).all():
        return values.astype(np.int64)
    rounded: npt.NDArray[np.float64] = np.round(values, 6)
    return rounded


def _letter(code: int) -> str:
    return repr(chr(code)) if 0x20 <= code < 0x7F else f"byte 0x{code:02X}"
