"""The second pass: each batch is split into rows kept and rejects, and both are counted.

In: batches of the table in order. Out: (rows kept, rejects) of each, and a `Tally`. Promise: each row of a batch is in
one of the two; the cross-check sees the same profile as the masks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.table import REJECTS, Kind
from seqcls.validation.census import Census
from seqcls.validation.cross_check import CrossCheck
from seqcls.validation.profile import Column, measure
from seqcls.validation.rejecting import Mask, rejected_rows
from seqcls.validation.rules import Rule

EXAMPLES = 3


@dataclass
class Tally:
    """What is counted while the rows are streamed."""

    class_rows: npt.NDArray[np.int64]
    """(K,) rows kept of each class."""
    kept: int = 0
    rejected: int = 0
    """Rejects written, including those of the source."""
    found: Counter[str] = field(default_factory=Counter)
    """Breaches of each rule."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """file:row of the first breaches of each rule."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Reasons of the rejects by rule, including those of the source."""
    first: list[str] = field(default_factory=list)
    """file:row of the first rejects."""
    said: dict[str, str] = field(default_factory=dict)
    """Reason of the first reject by each rule."""

    def note_rejects(self, rejects: pa.Table) -> None:
        self.rejected += rejects.num_rows
        for counted in pc.value_counts(pc.list_flatten(rejects["rules"])).to_pylist():
            self.reasons[counted["values"]] += counted["counts"]
        if any(name not in self.said for name in self.reasons):
            for rules, reasons in zip(rejects["rules"].to_pylist(), rejects["reasons"].to_pylist(), strict=True):
                for rule, reason in zip(rules, reasons, strict=True):
                    self.said.setdefault(rule, reason)
        self.first += _places(rejects.slice(0, EXAMPLES - len(self.first)))

    def note_breaches(self, rule: Rule, mask: Mask, batch: pa.Table) -> None:
        self.found[rule.name] += int(mask.sum())
        seen = self.examples.setdefault(rule.name, [])
        if len(seen) < EXAMPLES:
            seen += _places(batch.take(pa.array(np.flatnonzero(mask)[: EXAMPLES - len(seen)])))


class Sieve:
    """Checks the batches of one table, one after the other."""

    def __init__(self, census: Census, rules: list[Rule], kind: Kind, budget: float) -> None:
        self.census, self.rules, self.kind = census, rules, kind
        self.cross_check = CrossCheck(rules, budget)
        self.tally = Tally(class_rows=np.zeros(len(census.classes), np.int64))
        self._measures = frozenset(rule.measure for rule in rules)
        self._patterns = {rule.measure: rule.pattern for rule in rules if rule.pattern is not None}
        self._start = 0

    def judge(self, batch: pa.Table) -> tuple[pa.Table, pa.Table]:
        """One batch -> the rows kept, the rejects."""
        start, self._start = self._start, self._start + batch.num_rows
        self.census.verify(start, batch)
        profile = measure(batch["sequence"], self.kind, self._measures, self._patterns)
        profile |= self.census.profile(start, batch.num_rows)
        broken = [(rule, mask) for rule in self.rules if (mask := rule.broken_by(profile)).any()]
        self.cross_check.add(profile, {rule.name: int(mask.sum()) for rule, mask in broken})
        bad = np.zeros(batch.num_rows, bool)
        for rule, mask in broken:
            self.tally.note_breaches(rule, mask, batch)
            if rule.rejects:
                bad |= mask
        rejecting = [(rule, mask) for rule, mask in broken if rule.rejects]
        if not rejecting:
            return self._count(profile["label"], batch, REJECTS.empty_table())
        kept, rejects = batch.filter(pa.array(~bad)), rejected_rows(batch, profile, rejecting, bad)
        return self._count(profile["label"][~bad], kept, rejects)

    def _count(self, labels: Column, kept: pa.Table, rejects: pa.Table) -> tuple[pa.Table, pa.Table]:
        """`labels` are the codes of the rows kept, NaN for none."""
        self.tally.kept += kept.num_rows
        codes = labels[~np.isnan(labels)].astype(np.int64)
        self.tally.class_rows += np.bincount(codes, minlength=len(self.census.classes))
        self.tally.note_rejects(rejects)
        return kept, rejects


def _places(rows: pa.Table) -> list[str]:
    pairs = zip(rows["source_file"].to_pylist(), rows["source_row"].to_pylist(), strict=True)
    return [f"{file}:{row}" for file, row in pairs]
