"""The last words of a run: where everything is and what to do next. Plain text for terminals and logs,
Markdown for the UI; names from outside are escaped."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

from seqcls.config.changes import describe_changes
from seqcls.errors import SeqclsError, one_line
from seqcls.pages import render
from seqcls.validation.reasons import reason_lines

if TYPE_CHECKING:
    from seqcls.evaluation.tried import Search
    from seqcls.road import TrainOutcome
    from seqcls.scoring.publish import Published
    from seqcls.scoring.scoring_run import Prepared, ScoringRun
    from seqcls.validation.checks import CheckReport, CheckResult


WAITS = "every check passed; a person decides (promote.approval)"


def plural(count: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def after_training(outcome: TrainOutcome, config: str) -> str:
    """Figures, places, next step."""
    test = outcome.metrics["test"]
    low, high = outcome.metrics["intervals"]["balanced_accuracy"]
    linear = outcome.metrics["baselines"]["linear"]
    beside = (
        f"linear baseline {linear['balanced_accuracy']:.3f}" if "balanced_accuracy" in linear else "no linear baseline"
    )
    lines = [
        f"{outcome.model}: balanced accuracy {test['balanced_accuracy']:.3f} (95 % {low:.3f} to {high:.3f}), "
        f"accuracy {test['accuracy']:.3f}; {beside}",
        f"rows: {outcome.rows['in']} in, {outcome.rows['accepted']} accepted, {outcome.rows['rejected']} rejected",
        *_beside_the_baseline(outcome.metrics.get("against_linear")),
        *([f"set for this run: {describe_changes(outcome.changes)}"] if outcome.changes else []),
        *_what_auto_chose(outcome.search),
        *(f"warning: {warning}" for warning in outcome.warnings),
        f"report:  {outcome.report}",
        *_rejected(outcome, config),
    ]
    if outcome.champion:
        first = f'name new files under [score] in {config}, files = ["incoming/*.csv"], then '
        first = "" if outcome.score_files else first
        lines.append(f"{outcome.model} is champion. Next: {first}`seqcls score {config}`")
    elif outcome.waits:
        lines.append(f"not promoted yet: {WAITS}")
        lines.append(f"Next: read the report, then `seqcls promote {config} --yes --why TEXT`, or --no --why TEXT")
    else:
        lines.append("not promoted: " + "; ".join(outcome.decision.refusals or ["promotion is by hand here"]))
        version = outcome.model.rpartition("v")[2]
        lines.append(
            f"Next: read the report, then `seqcls promote {config} --version {version}` "
            "(--force --why TEXT goes against the gate)"
        )
    return "\n".join(lines)


def _rejected(outcome: TrainOutcome, config: str) -> list[str]:
    """The commonest reasons, with the first rows; nothing where no row was rejected."""
    found = reason_lines(Path(outcome.rejects)) if outcome.rows["rejected"] else []
    return (
        [f"rejected rows (`seqcls rejects {config}` lists them all):", *(f"  {line}" for line in found)]
        if found
        else []
    )


def _what_auto_chose(found: Search | None) -> list[str]:
    """The winner of a search, why, and the lines that train it again without one."""
    if found is None:
        return []
    tried = sum(one.score is not None for one in found.candidates)
    return [
        f"auto chose {found.chosen} of {len(found.candidates)} candidates, {tried} judged in {found.seconds:.0f} s by "
        f"{found.judged}: {found.why}",
        "to keep it without a search, put these lines in the place of yours:",
        *(f"  {line}" for line in found.pin.splitlines()),
    ]


def _beside_the_baseline(found: dict[str, float] | None) -> list[str]:
    """A note when the network earns nothing over word or letter counts; `found` compares them on the same rows."""
    if found is None or found["low"] > 0:
        return []
    worse = found["high"] < 0
    verdict = "does worse than" if worse else "is not shown to do better than"
    advice = "train longer, or use the simpler model" if worse else "the simpler model may be enough here"
    return [
        f"note: the network {verdict} the linear baseline on the test rows "
        f"(difference {found['estimate']:+.3f}): {advice}"
    ]


def after_scoring(
    run: ScoringRun, files: Published, output: Path | str, config: str, prepared: Prepared | None = None
) -> str:
    """Books, places, what waits, next step."""
    rows = run.rows
    lines = [
        f"{rows.rows_in} rows in = {rows.scored} scored + {rows.rejected} rejected + {rows.abstained} abstained, "
        f"by {run.model}",
        f"scores:  {output} ({plural(len(files.scores), 'new file')}, Parquet)",
    ]
    if files.again:
        lines.append(f"published again, missing or changed since: {', '.join(files.again)}")
    lines += [f"warning: {one_line(item.name)}: {item.unlike}" for item in run.inputs if item.unlike]
    lines += [
        f"warning: {one_line(item.name)}: damaged text in {plural(item.damaged, 'row')} (rules.damaged_text): "
        "check how the file was exported" for item in run.inputs if item.damaged
    ]  # fmt: skip
    if files.rejects:
        lines.append(f"rejects: {Path(output) / 'rejects'}; `seqcls rejects {config}` lists them")
    if run.unfinished:
        lines.append(f"held by another run, finished by it or by the next: {', '.join(map(one_line, run.unfinished))}")
    if files.damaged:
        lines += [f"note: damaged, not published: {item}" for item in files.damaged]
    lines += [f"note: {item}" for item in (prepared.made_again if prepared else ())]
    waiting, unusable = (prepared.waiting, prepared.set_aside) if prepared else ((), ())
    lines += [f"left for the next run: {one_line(item)}" for item in waiting]
    lines += [f"set aside since {item.since}, still there: {item.line}" for item in unusable]
    if rows.rows_in:
        lines.append(f"Next: `seqcls lineage {config} ID` follows a score back to its raw row")
    elif prepared and prepared.rescored_with:
        lines.append(f"nothing to score again. Next: `seqcls scores {config}` shows which scores count")
    elif waiting:
        lines.append("nothing new that is whole. Next: run again when the files above are complete")
    elif unusable or (prepared and prepared.refused):
        lines.append("nothing new that can be used. Next: fix or remove the files that are named")
    else:
        lines.append("nothing new: every file was scored before. Next: put new files where score.files points")
    return "\n".join(lines)


def decision_title(outcome: TrainOutcome) -> str:
    """What came of a model, in a line: `ecg@v3 refused: not worse than the champion: 0.861, expected ...`."""
    again = ", nothing had changed" if set(outcome.reused) >= {"ingest", "train", "evaluate"} else ""
    if outcome.champion:
        return f"{outcome.model} is champion{again}"
    if outcome.waits:
        return f"{outcome.model} waits for a person's yes or no{again}"
    why = "; ".join(outcome.decision.refusals) or "promotion is by hand here"
    before = f" (champion: {outcome.decision.champion})" if outcome.decision.champion else ""
    return f"{outcome.model} refused: {one_line(why)}{before}{again}"


def decision_table(outcome: TrainOutcome) -> str:
    """Markdown for the UI: what the gate found, rule by rule."""
    rows = [
        ("yes" if check.passed else "NO", check.rule, check.found, check.expected) for check in outcome.decision.checks
    ]
    return render("decision.md", outcome=outcome, found=outcome.decision.comparison, rows=rows)


def scoring_title(prepared: Prepared, run: ScoringRun) -> str:
    """What came of a scoring run, in a line."""
    rows = run.rows
    refused = f"; {plural(len(prepared.refused), 'file')} refused" if prepared.refused else ""
    refused += f"; {plural(len(prepared.over_budget), 'file')} over score.reject_budget" if prepared.over_budget else ""
    if not rows.rows_in:
        return f"nothing new{refused}"
    counts = f"{rows.scored} scored, {rows.rejected} rejected, {rows.abstained} abstained"
    return f"{plural(rows.rows_in, 'row')}: {counts}, by {run.model}{refused}"


def scoring_page(prepared: Prepared, run: ScoringRun, files: Published, output: Path) -> str:
    """Markdown for the UI: rows by file, refused files with their reasons in full, new score files."""
    return render(
        "scoring_run.md",
        title=scoring_title(prepared, run),
        inputs=[(item.name, *astuple(item.counts), "yes" if item.complete else "no") for item in run.inputs],
        unlike=[(item.name, item.unlike) for item in run.inputs if item.unlike],
        prepared=prepared,
        refused=[(item.names, item.reason) for item in prepared.refused],
        over_budget=[(item.names, item.reason) for item in prepared.over_budget],
        set_aside=[(item.names, f"since {item.since}: {item.reason}") for item in prepared.set_aside],
        files=files,
        output=output,
    )


def failure_page(error: SeqclsError) -> str:
    """Markdown for the UI: what was found, where, what was expected, what to do."""
    found, *more = error.found.strip().splitlines() or ["failed"]
    parts = (("where", error.where), ("expected", error.expected), ("next", error.next_step))
    return render("failure.md", found=found, more=[line.strip() for line in more], parts=parts)


def checks_table(report: CheckReport) -> str:
    """Markdown for the UI: every check asked for, counts and places, never values."""
    rows = [
        (_state(check), check.rule, check.column, check.policy, check.expected, _found(check), f"{check.share:.2%}",
         ", ".join(check.examples[:3]))
        for check in report.checks
    ]  # fmt: skip
    return render("checks.md", report=report, rows=rows, warnings=_other_warnings(report))


def _state(check: CheckResult) -> str:
    if not check.success:
        return "NO"
    return {"warn": "warned", "reject": "set aside"}.get(check.policy, "ok") if check.found else "ok"


def _found(check: CheckResult) -> str:
    """What breaks the rule: of rows, of classes, or of the table as a whole."""
    if check.rule == "min_rows":
        return "fewer" if check.found else "enough"
    if check.rule == "min_class_rows":
        return f"{check.found} of the classes"
    return plural(check.found, "row")


def checks_text(report: CheckReport) -> list[str]:
    """Lines for the terminal: the books, then each rule that found something."""
    lines = [
        f"{report.rows_in} rows = {report.accepted} accepted + {report.rejected} rejected; {len(report.checks)} checks"
    ]
    for check in report.checks:
        if check.found:
            places = ", ".join(map(one_line, check.examples[:3]))
            lines.append(
                f"{check.rule} ({check.policy}): {plural(check.found, 'row')}, expected {check.expected}: {places}"
            )
    return lines + [f"warning: {warning}" for warning in _other_warnings(report)]


def _other_warnings(report: CheckReport) -> list[str]:
    """Those that no line of a rule says already."""
    said = tuple(f"{check.rule}: {check.found} rows (" for check in report.checks if check.found)
    others = [warning for warning in report.warnings if not warning.startswith(said)]
    return others + report.similar_classes
