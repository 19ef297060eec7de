"""The report of a validation, and when it stops the run.

In: counts. Out: `CheckReport`, written as checks.json beside the rows. Promise: it lists every requested rule, and
names rows by file and number, never by value: a row may hold health data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from seqcls.config.rules import Policy
from seqcls.errors import BudgetExceeded, Corrupted, DataRefused
from seqcls.store.artefacts import Ref
from seqcls.validation.look_alikes import look_alikes

CHECKS = "checks.json"
CONFIG = "CONFIG"
SHOWN = 10
# Rule -> the setting that is usually wrong when most rows break the rule.
USUAL_CAUSES = {
    "encoding": 'the files seem to be in another encoding than source.encoding (files from Windows: "cp1252")',
    "missing_label": "source.label (or label_from, label_pattern) seems to name a place where no class stands",
    "unknown_label": "rules.label_set does not name the classes that stand in the files",
    "duplicate_id": "the ids repeat: without source.id, the id is FILE:ROW; in FASTA and FASTQ, (?P<id>...) in "
    "source.label_pattern takes another part of the header",
    "time": "source.time names a column that holds no ISO 8601 time (2026-01-31, 2026-01-31T08:00:00Z)",
    "empty": "source.sequence names a column that is mostly blank",
    "alphabet": "`kind` does not fit the letters of these sequences (dna, protein, text?)",
    "length": "rules.min_length and max_length do not fit the sequences",
}


_LETTERS = {
    "'-'": "'-' is the gap of an alignment: remove the gaps, or use kind = \"tokens\"",
    "'.'": "'.' is the gap of an alignment: remove the gaps, or use kind = \"tokens\"",
    "'*'": "'*' is the stop sign of a translation: remove it from the sequences",
    "' '": "blanks stand among the letters: source.strip = true removes those at the ends; k-mers are read with kind = "
    '"tokens"',
    "byte 0x0A": "line breaks stand within the sequences: write each sequence on one line",
    '"\'"': 'apostrophes stand around the sequences: set source.quote = "\'"',
} | {f"'{digit}'": "numbers stand among the letters: remove them from the sequences" for digit in range(10)}
"""Letter outside the alphabet, as the reason shows it -> what it is."""


class CheckResult(BaseModel):
    """One rule: what was expected and what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    column: str
    policy: Policy
    expected: str
    found: int
    """Rows (for min_class_rows: classes) that break the rule."""
    share: float
    """Share of the rows (classes) that were checked."""
    success: bool
    """Whether the rule passes: "warn" always; "reject" within the budget; "fail" without any breach."""
    examples: tuple[str, ...] = ()
    """file:row of the first breaches (for min_class_rows: classes)."""


YOUNGER = frozenset({"damaged_text"})
"""Rules that earlier reports have not; at their default they are not written where they found nothing, so that a table
without such rows is checked with the same result as before."""


def _is_younger_and_silent(check: Mapping[str, Any]) -> bool:
    return check["rule"] in YOUNGER and check["policy"] == "warn" and not check["found"]


class CheckReport(BaseModel):
    """The row counts and the checks of one table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_in: int
    """Rows of the source."""
    accepted: int
    rejected: int
    rejected_by_source: int
    """Rejected rows that could not be read from the source."""
    checks: tuple[CheckResult, ...]
    classes: dict[str, int]
    """Accepted rows of each class; empty for scoring."""
    warnings: tuple[str, ...]
    stopped: str | None = None
    """Why the run stops here, if it does."""
    similar_label: str = "warn"
    """The policy of rules.similar_label; younger than the other fields, and not written where it is the default."""

    @model_serializer(mode="wrap")
    def _as_earlier(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        written["checks"] = [check for check in written["checks"] if not _is_younger_and_silent(check)]
        return {name: value for name, value in written.items() if (name, value) != ("similar_label", "warn")}

    @property
    def similar_classes(self) -> list[str]:
        """A sentence for each group of classes that look alike, unless the rule is off."""
        return [] if self.similar_label == "off" else look_alikes(self.classes)

    @property
    def damaged_text(self) -> list[str]:
        """A sentence with the count and the first rows, if rows of damaged text are kept."""
        return [
            f"damaged text in {check.found} of {self.rows_in} rows (rules.damaged_text), such as "
            f"{', '.join(check.examples[:3])}: check how the file was exported"
            for check in self.checks if check.rule == "damaged_text" and check.policy == "warn" and check.found
        ]  # fmt: skip


@dataclass(frozen=True)
class Stop:
    """A reason to stop, raised after the rejects are written, so that the message can name them."""

    error: type[DataRefused]
    found: str
    where: str
    expected: str
    advice: str
    others: int | None = None
    """Rejected rows that are not the reason to stop; None if they are."""
    labelled: bool = True
    """False for a file to score, whose rejects `seqcls rejects` does not list."""

    def as_error(self, checked: Path) -> DataRefused:
        """The error, which says how to see the rejects; the stage puts the pipeline file in the place of CONFIG."""
        if self.labelled:
            count = "each rejected row" if self.others is None else f"the {self.others} rejected rows"
            see = f"`seqcls rejects {CONFIG}` lists {count} with all reasons"
        else:
            see = f"each rejected row stands with its reasons in {checked / 'rejects.parquet'}"
        step = self.advice if self.others == 0 else f"{self.advice}; {see}"
        error = self.error(self.found, where=self.where, expected=self.expected, next_step=step)
        error.checked = str(checked)
        return error


def read_checks(ref: Ref) -> CheckReport:
    """The report of a `checked` artefact."""
    path = ref.folder / CHECKS
    try:
        return CheckReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise Corrupted(f"not a readable checks report ({type(error).__name__})", where=str(path),
                        expected="the file as seqcls wrote it", next_step="`seqcls doctor`") from None  # fmt: skip


def find_stop(
    report: CheckReport, reasons: Counter[str], first: list[str], budget: float, labelled: bool, said: dict[str, str]
) -> Stop | None:
    """The first reason to stop. `reasons` counts all rejects by rule, `first` names the first rejected rows, `said` has
    the reason of the first row that breaks each rule."""
    for check in report.checks:
        if check.policy == "fail" and check.found and check.rule not in ("min_class_rows", "min_rows"):
            return Stop(
                DataRefused,
                f"rule {check.rule}, whose policy is fail, is broken by {check.found} rows",
                ", ".join(check.examples),
                check.expected,
                "fix the rows, or set the policy to reject",
                report.rejected,
                labelled,
            )
    share = report.rejected / report.rows_in if report.rows_in else 0.0
    if share > budget:
        rules = ", ".join(f"{name} {count}" for name, count in reasons.most_common(SHOWN))
        [(commonest, _)] = reasons.most_common(1)
        rules += f"; the commonest reason: {said[commonest]}" if commonest in said else ""
        setting = "rules.reject_budget" if labelled else "score.reject_budget"
        return Stop(BudgetExceeded, f"{report.rejected} of {report.rows_in} rows ({share:.2%}) are rejected: {rules}",
                    "first " + ", ".join(first), f"at most {budget:.2%} ({setting})",
                    _advice(reasons, report.rows_in, setting, said), labelled=labelled)  # fmt: skip
    if report.similar_label == "fail" and report.similar_classes:
        return Stop(DataRefused, "; ".join(report.similar_classes), "the classes",
                    "classes that a person can tell apart (rules.similar_label is fail)",
                    "join them as shown, or set rules.similar_label to warn", report.rejected)  # fmt: skip
    return _too_little(report) if labelled else None


def _advice(reasons: Counter[str], rows_in: int, setting: str, said: Mapping[str, str]) -> str:
    """What is usually wrong if most rows break the same rule: a setting rather than the rows."""
    [(rule, count)] = reasons.most_common(1)
    usual = USUAL_CAUSES.get(rule) if 2 * count > rows_in else None
    if usual and rule == "alphabet":
        usual = next((cause for letter, cause in _LETTERS.items() if letter in said.get(rule, "")), usual)
    if usual and rule == "time" and "time_format" in said.get(rule, ""):
        usual = "source.time_format does not fit the times"
    return f"{usual}; fix it, or raise {setting}" if usual else f"fix these rows in the source, or raise {setting}"


def _too_little(report: CheckReport) -> Stop | None:
    where = "the rows that are left"
    if report.accepted == 0:
        return Stop(DataRefused, f"no row is left of {report.rows_in}", where, "rows to train on",
                    "look at the files named in [source]")  # fmt: skip
    if len(report.classes) < 2:
        return Stop(DataRefused, f"one class only: {next(iter(report.classes))!r}, {report.accepted} rows", where,
                    "two classes at least", "look at source.label and rules.label_set", report.rejected)  # fmt: skip
    for check in report.checks:
        if not check.found:
            continue
        if check.rule == "min_rows":
            return Stop(DataRefused, f"{report.accepted} rows are left", where, check.expected,
                        "add rows, or lower rules.min_rows", report.rejected)  # fmt: skip
        if check.rule == "min_class_rows":
            named = ", ".join(f"{name!r} {report.classes[name]}" for name in check.examples)
            more = f" and {check.found - len(check.examples)} more" if check.found > len(check.examples) else ""
            return Stop(
                DataRefused,
                f"classes with too few rows: {named}{more}",
                where,
                check.expected,
                "add rows, name the classes to keep in rules.label_set, or lower rules.min_class_rows"
                + "".join(f"; {line}" for line in report.similar_classes),
                report.rejected,
            )
    return None
