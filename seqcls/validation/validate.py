"""table -> checked: rows that break a rule are rejected with their reasons; a breach of the budget stops the run.

In: a `table` artefact and the [rules]. Out: a `checked` artefact: the rows kept, all rejects, checks.json. Promises:
rows in = rows kept + rejects; every rule asked for is in the report; our masks and Great Expectations count the same;
two passes over the table, so that a row more costs a few bytes more. On a stop the artefact is written first, so
that the rejects and the report can be read; its meta says `stopped` and no later stage takes it.
"""

from __future__ import annotations

from pathlib import Path

from seqcls.config.pipeline import Pipeline
from seqcls.errors import CheckBroken
from seqcls.store import parquet
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest, read_meta, write_json
from seqcls.store.records import CheckedMeta, TableMeta
from seqcls.table import REJECTS, Kind, Layout, TableCounts, table_schema
from seqcls.validation.census import Census, take_census
from seqcls.validation.checks import CHECKS, YOUNGER, CheckReport, CheckResult, find_stop, read_checks
from seqcls.validation.repeats import Collision
from seqcls.validation.report import build_report
from seqcls.validation.rulebook import Asked, build_rules
from seqcls.validation.rules import Rule
from seqcls.validation.sieve import Sieve

__all__ = ["CheckReport", "CheckResult", "read_checks", "validate"]

BYTES_PER_BATCH = 4 * 1024 * 1024  # keeps the peak of a pass near that of a small table
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
    asked = Asked(
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


def _validate(table: Ref, asked: Asked, store: ArtefactStore, seed: str) -> Ref:
    parts = parquet.shards(table.folder / "rows")
    inputs, layout = read_manifest(table)["inputs"], read_meta(table, TableMeta).layout
    books = _read_books(table, parts)
    batch_rows = parquet.rows_of(parts, BYTES_PER_BATCH)
    census, rules = _prepare(parts, books.accepted, asked, seed, batch_rows)
    sieve = Sieve(census, rules, asked.pipeline.kind, asked.budget)
    tally = sieve.tally
    with store.write("checked") as draft:
        _pass_rows(draft.folder, parts, table.folder / "rejects.parquet", sieve, asked.pipeline.kind, batch_rows)
        TableCounts(books.rows_in, tally.kept, tally.rejected).require_balance(table.path)
        report = build_report(books, census.classes, rules, asked, tally)
        stop = find_stop(report, tally.reasons, tally.first, asked.budget, asked.labelled, tally.said)
        report = report.model_copy(update={"stopped": stop and f"{stop.found}; expected {stop.expected}"})
        write_json(draft.folder / CHECKS, report.model_dump(mode="json"))
        draft.inputs["table"] = table.digest
        draft.describe(_meta(report, inputs, layout))
    if stop:
        raise stop.as_error(draft.ref.folder)
    return draft.ref


def _read_books(table: Ref, parts: list[Path]) -> TableCounts:
    """What ingest wrote down, compared with the rows that are there."""
    meta = read_meta(table, TableMeta)
    books = TableCounts(meta.rows_in, parquet.count_rows(parts), meta.rejected)
    books.require_balance(table.path)
    return books


def _prepare(parts: list[Path], rows: int, asked: Asked, seed: str, batch_rows: int) -> tuple[Census, list[Rule]]:
    """The first pass needs to know which columns are judged, the rules need what it finds: the policies tell."""
    wanted = frozenset(rule.measure for rule in build_rules(asked, classes=(), channels=0))
    census = take_census(parts, rows, asked.pipeline.kind, wanted, seed, batch_rows)
    return census, build_rules(asked, classes=census.classes, channels=census.channels)


def _pass_rows(folder: Path, parts: list[Path], source: Path, sieve: Sieve, kind: Kind, batch_rows: int) -> None:
    """The second pass: rows and rejects into the folder, the rejects of the source first."""
    with (
        parquet.ShardWriter(folder / "rejects", REJECTS, rows_per_shard=2**62) as rejects,
        parquet.ShardWriter(folder / "rows", table_schema(kind)) as kept,
    ):
        for own in parquet.iterate([source]):
            sieve.tally.note_rejects(own)
            rejects.write(own)
        for batch in parquet.iterate(parts, rows=batch_rows):
            good, bad = sieve.judge(batch)
            kept.write(good)
            rejects.write(bad)
        sieve.cross_check.close()
    if (kept.rows, rejects.rows) != (sieve.tally.kept, sieve.tally.rejected):
        raise CheckBroken(
            f"{kept.rows} rows and {rejects.rows} rejects written",
            where=str(folder),
            expected=f"{sieve.tally.kept} and {sieve.tally.rejected}, as counted",
        )
    (folder / "rejects" / "part-00000.parquet").rename(folder / "rejects.parquet")
    (folder / "rejects").rmdir()


def _meta(report: CheckReport, sources: dict[str, str], layout: Layout | None) -> CheckedMeta:
    checks = {check.rule: check.found for check in report.checks if check.rule not in YOUNGER or check.found}
    found = {"stopped": report.stopped, "layout": layout}
    return CheckedMeta(
        rows_in=report.rows_in, accepted=report.accepted, rejected=report.rejected, labels=report.classes,
        checks=checks, sources=sources, **{name: value for name, value in found.items() if value},
    )  # fmt: skip
