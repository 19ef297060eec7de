"""table -> checked: rows that break a rule are set aside with their reasons; a breach of the budget stops the run.

In: a `table` artefact and the [rules]. Out: a `checked` artefact: the rows kept, all rejects, checks.json. Promises:
rows in = rows kept + rejects; every rule asked for is in the report; our masks and Great Expectations count the same;
two passes over the table, so that a row more costs a few bytes more. On a stop the artefact is written first, so
that the rejects and the report can be read; its meta says `stopped` and no later stage takes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls import parquet
from seqcls.artefacts import ArtefactStore, Ref, read_manifest, write_json
from seqcls.config.pipeline import Pipeline
from seqcls.errors import CheckBroken
from seqcls.table import REJECTS, Counts, Kind, table_schema
from seqcls.validation.census import Census, take_census
from seqcls.validation.checks import CHECKS, SHOWN, CheckReport, CheckResult, find_stop, read_checks
from seqcls.validation.expectations import count_breaches
from seqcls.validation.profile import Profile, measure
from seqcls.validation.rejecting import rejected_rows
from seqcls.validation.repeats import Collision
from seqcls.validation.rules import Rule, build_class_rule, build_rules, build_size_rule

__all__ = ["CheckReport", "CheckResult", "read_checks", "validate"]

# A call of Great Expectations costs 0.09 s and copies its columns; 131,072 rows a call is the measured middle between
# time and memory (docs/decisions/0003). Batches of 4 MiB keep the peak of a pass near that of a small table.
ROWS_PER_GATE = 131_072
BYTES_PER_BATCH = 4 * 1024 * 1024
EXAMPLES = 3
SEEDS = ("validate 0", "validate 1", "validate 2")


def validate(
    table: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    *,
    labelled: bool,
    budget: float | None = None,
    labels: list[str] | None = None,
) -> Ref:
    """Check every row of a table.

    labelled: False for scoring: no rule about classes, and nothing left is no fault. budget: instead of
    [rules].reject_budget. labels: the classes that may stand, instead of [rules].label_set.
    """
    asked = _Asked(
        pipeline=pipeline,
        labelled=labelled,
        budget=pipeline.rules.reject_budget if budget is None else budget,
        allowed=tuple(pipeline.rules.label_set if labels is None else labels),
    )
    for seed in SEEDS:
        try:
            return _validate(table, asked, store, seed)
        except Collision:  # two different rows with one 64-bit fingerprint: another seed tells them apart
            continue
    raise CheckBroken(
        "fingerprints collide under three seeds", where=table.path, expected="less than once in 10^20 runs"
    )


@dataclass(frozen=True)
class _Asked:
    pipeline: Pipeline
    labelled: bool
    budget: float
    allowed: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        return self.pipeline.kind


@dataclass
class _Tally:
    """What is counted while the rows stream past."""

    kept: int = 0
    found: Counter[str] = field(default_factory=Counter)
    """Breaches of each rule."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    """Reasons of the rejects by rule, those of the source included."""
    first: list[str] = field(default_factory=list)
    """file:row of the first rejects."""
    class_rows: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def _validate(table: Ref, asked: _Asked, store: ArtefactStore, seed: str) -> Ref:
    parts = parquet.shards(table.folder / "rows")
    manifest = read_manifest(table)
    meta = manifest["meta"]
    books = Counts(meta["rows_in"], meta["accepted"], meta["rejected"])
    rows = parquet.count_rows(parts)
    if not books.balanced or rows != books.accepted:
        raise CheckBroken(f"{rows} rows, and the books say {books}", where=table.path, expected="equal numbers")
    batch_rows = parquet.rows_of(parts, BYTES_PER_BATCH)
    census, rules = _prepare(parts, rows, asked, seed, batch_rows)
    with store.write("checked") as (draft, done):
        tally = _Tally(class_rows=np.zeros(len(census.classes), np.int64))
        rejected = _write_rejects(
            draft.folder, parts, table.folder / "rejects.parquet", census, rules, asked, tally, batch_rows
        )
        if rejected != books.rejected + rows - tally.kept:
            raise CheckBroken(
                f"{rejected} rejects", where=table.path, expected=f"{books.rejected} + {rows} - {tally.kept}"
            )
        report = _report(books, census, rules, asked, tally)
        stop = find_stop(report, tally.reasons, tally.first, asked.budget, asked.labelled)
        report = report.model_copy(update={"stopped": stop and f"{stop.found}; expected {stop.expected}"})
        write_json(draft.folder / CHECKS, report.model_dump(mode="json"))
        draft.inputs["table"] = table.digest
        draft.meta |= {**_meta(report), "sources": manifest["inputs"]}
    if stop:
        raise stop.as_error(done[0].folder / "rejects.parquet")
    return done[0]


def _prepare(parts: list[Path], rows: int, asked: _Asked, seed: str, batch_rows: int) -> tuple[Census, list[Rule]]:
    """The first pass needs to know which columns are judged, the rules need what it finds: the policies tell."""
    wanted = _measures(
        build_rules(asked.pipeline, labelled=asked.labelled, classes=(), allowed=asked.allowed, channels=0)
    )
    census = take_census(parts, rows, asked.kind, wanted, seed, batch_rows)
    rules = build_rules(
        asked.pipeline, labelled=asked.labelled, classes=census.classes, allowed=asked.allowed, channels=census.channels
    )
    return census, rules


def _measures(rules: list[Rule]) -> frozenset[str]:
    return frozenset(rule.measure for rule in rules)


def _write_rejects(
    folder: Path,
    parts: list[Path],
    source: Path,
    census: Census,
    rules: list[Rule],
    asked: _Asked,
    tally: _Tally,
    batch_rows: int,
) -> int:
    """The second pass: rows and rejects into the folder; returns the number of rejects."""
    gate = _Gate(rules, asked.budget)
    with (
        parquet.ShardWriter(folder / "rejects", REJECTS, rows_per_shard=2**62) as rejects,
        parquet.ShardWriter(folder / "rows", table_schema(asked.kind)) as kept,
    ):
        for own in parquet.iterate([source]):
            _note_rejects(own, tally)
            rejects.write(own)
        start = 0
        for batch in parquet.iterate(parts, rows=batch_rows):
            good, bad = _judge(batch, start, census, rules, asked.kind, tally, gate)
            start += batch.num_rows
            kept.write(good)
            if bad is not None:
                _note_rejects(bad, tally)
                rejects.write(bad)
        gate.close()
    tally.kept = kept.rows
    (folder / "rejects" / "part-00000.parquet").rename(folder / "rejects.parquet")
    (folder / "rejects").rmdir()
    return rejects.rows


def _judge(
    batch: pa.Table, start: int, census: Census, rules: list[Rule], kind: Kind, tally: _Tally, gate: _Gate
) -> tuple[pa.Table, pa.Table | None]:
    """One batch -> the rows kept, and the rejects if there are any."""
    census.verify(start, batch)
    patterns = {rule.measure: rule.pattern for rule in rules if rule.pattern is not None}
    profile = measure(batch["sequence"], kind, _measures(rules), patterns) | census.profile(start, batch.num_rows)
    broken = [(rule, mask) for rule in rules if (mask := rule.broken_by(profile)).any()]
    gate.add(profile, {rule.name: int(mask.sum()) for rule, mask in broken})
    bad = np.zeros(batch.num_rows, bool)
    for rule, mask in broken:
        tally.found[rule.name] += int(mask.sum())
        _note_examples(rule, mask, batch, tally)
        if rule.rejects:
            bad |= mask
    label = profile["label"][~bad]
    tally.class_rows += np.bincount(label[~np.isnan(label)].astype(np.int64), minlength=len(census.classes))
    if not bad.any():
        return batch, None
    rejecting = [(rule, mask) for rule, mask in broken if rule.rejects]
    return batch.filter(pa.array(~bad)), rejected_rows(batch, profile, rejecting, bad)


class _Gate:
    """Puts the profile to Great Expectations, ROWS_PER_GATE rows at a time, and compares its counts with the masks'."""

    def __init__(self, rules: list[Rule], budget: float) -> None:
        self.rules, self.budget = rules, budget
        self._profiles: list[Profile] = []
        self._ours: Counter[str] = Counter()
        self._rows = 0

    def add(self, profile: Profile, ours: dict[str, int]) -> None:
        if self._rows and self._rows + len(profile["label"]) > ROWS_PER_GATE:
            self.close()
        self._profiles.append({name: profile[name] for name in _measures(self.rules)})
        self._ours.update(ours)
        self._rows += len(profile["label"])

    def close(self) -> None:
        """Ask about the rows gathered so far."""
        if self._rows:
            joined = {name: np.concatenate([part[name] for part in self._profiles]) for name in self._profiles[0]}
            _agree(joined, self.rules, self.budget, self._ours)
        self._profiles, self._ours, self._rows = [], Counter(), 0


def _agree(profile: Profile, rules: list[Rule], budget: float, ours: Counter[str]) -> None:
    for name, theirs in count_breaches(profile, rules, budget).items():
        if theirs != ours[name]:
            raise CheckBroken(
                f"rule {name}: the mask finds {ours[name]} rows, Great Expectations {theirs}", expected="equal numbers",
                next_step="report it with the config: no data was let through",
            )  # fmt: skip


def _report(books: Counts, census: Census, rules: list[Rule], asked: _Asked, tally: _Tally) -> CheckReport:
    judged = [
        _result(
            rule, tally.found[rule.name], books.accepted, books.rows_in, asked.budget, tally.examples.get(rule.name, [])
        )
        for rule in rules
    ]
    classes: dict[str, int] = {}
    if asked.labelled:
        classes = {name: int(count) for name, count in zip(census.classes, tally.class_rows, strict=True) if count}
        judged += _judge_sizes(classes, tally.kept, asked)
    warnings = [rule.override for rule in rules if rule.override]
    warnings += [f"{check.rule}: {check.found} rows ({check.share:.2%}), expected {check.expected}"
                 for check in judged if check.policy == "warn" and check.found]  # fmt: skip
    gone = sorted(set(census.classes) - set(classes)) if asked.labelled else []
    if gone:
        warnings.append(f"{len(gone)} classes of the table have no accepted row")
    return CheckReport(
        rows_in=books.rows_in,
        accepted=tally.kept,
        rejected=books.rows_in - tally.kept,
        rejected_by_source=books.rejected,
        checks=tuple(judged),
        classes=classes,
        warnings=tuple(warnings),
    )


def _judge_sizes(classes: dict[str, int], kept: int, asked: _Asked) -> list[CheckResult]:
    """The rules about the rows that are left, put to both engines like the others."""
    size, least = build_size_rule(asked.pipeline.rules), build_class_rule(asked.pipeline.rules)
    results = []
    for rule, column, names in ((size, [kept], []), (least, list(classes.values()), list(classes))):
        profile: Profile = {rule.measure: np.array(column, np.int64)}
        mask = rule.broken_by(profile)
        if len(mask):
            _agree(profile, [rule], asked.budget, Counter({rule.name: int(mask.sum())}))
        small = [names[place] for place in np.flatnonzero(mask)[:SHOWN]] if names else []
        results.append(_result(rule, int(mask.sum()), len(mask), len(mask), asked.budget, small))
    return results


def _result(rule: Rule, found: int, judged: int, rows_in: int, budget: float, examples: list[str]) -> CheckResult:
    within = {"warn": True, "reject": found <= budget * rows_in, "fail": found == 0}[rule.policy]
    return CheckResult(rule=rule.name, column=rule.column, policy=rule.policy, expected=rule.expected, found=found,
                       share=found / judged if judged else 0.0, success=within, examples=tuple(examples))  # fmt: skip


def _meta(report: CheckReport) -> dict[str, object]:
    return {
        "rows_in": report.rows_in,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "labels": report.classes,
        "checks": {check.rule: check.found for check in report.checks},
        **({"stopped": report.stopped} if report.stopped else {}),
    }


def _note_rejects(rejects: pa.Table, tally: _Tally) -> None:
    for counted in pc.value_counts(pc.list_flatten(rejects["rules"])).to_pylist():
        tally.reasons[counted["values"]] += counted["counts"]
    tally.first += _places(rejects.slice(0, EXAMPLES - len(tally.first)))


def _note_examples(rule: Rule, mask: npt.NDArray[np.bool_], batch: pa.Table, tally: _Tally) -> None:
    seen = tally.examples.setdefault(rule.name, [])
    if len(seen) < EXAMPLES:
        seen += _places(batch.take(pa.array(np.flatnonzero(mask)[: EXAMPLES - len(seen)])))


def _places(rows: pa.Table) -> list[str]:
    pairs: Iterator[tuple[str, int]] = zip(rows["source_file"].to_pylist(), rows["source_row"].to_pylist(), strict=True)
    return [f"{file}:{row}" for file, row in pairs]
