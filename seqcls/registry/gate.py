"""The promotion gate. In: a registered model, the champion. Out: `Decision`: yes or no, with every number.

Rules: each floor of [promote] is reached; every class has test rows and is predicted (unless switched off); the
baselines are beaten and answers stay the same under changes, if asked; measured now on the same test rows, the model is
not worse than the champion, or better, as `promote.rule` says (comparison.py).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from seqcls.config.promote import PromoteConfig
from seqcls.errors import Corrupted, DataRefused, one_line
from seqcls.ledger.models import ModelVersion
from seqcls.registry.behaviour import Answer, behaviour_checks
from seqcls.store.artefacts import read_json
from seqcls.store.records import Check, Comparison
from seqcls.workspace import Workspace

__all__ = ["Check", "Comparison", "Decision", "decide", "read_metrics"]


class Decision(BaseModel):
    model_config = ConfigDict(frozen=True)

    model: str
    champion: str | None
    checks: tuple[Check, ...]
    comparison: Comparison | None = None
    """None without another champion, and if there was nothing to compare with."""

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def refusals(self) -> list[str]:
        return [f"{check.rule}: {check.found}, expected {check.expected}" for check in self.checks if not check.passed]


def decide(workspace: Workspace, challenger: ModelVersion, champion: ModelVersion | None) -> Decision:
    """Run every rule; nothing is changed."""
    rules = workspace.pipeline.promote
    metrics = read_metrics(workspace, challenger)
    checks = [*floor_checks(rules, metrics), *class_checks(rules, metrics)]
    if rules.beat_baseline:
        checks += baseline_checks(rules, metrics)
    checks += abstention_checks(metrics)
    against = None if champion is None or champion.model_digest == challenger.model_digest else champion
    comparison = None
    if against is not None or rules.behaviour:
        judged, comparison = _answer_again(workspace, rules, challenger, against)
        checks += judged
    return Decision(
        model=challenger.name, champion=champion.name if champion else None, checks=tuple(checks), comparison=comparison
    )


def read_metrics(workspace: Workspace, version: ModelVersion) -> dict[str, Any]:
    """metrics.json of a version's evaluation, which decides over promotion and abstaining: verified first."""
    return read_json(workspace.store.whole("evaluation", version.evaluation_digest), "metrics.json")


def floor_checks(rules: PromoteConfig, metrics: dict[str, Any]) -> list[Check]:
    checks = []
    for floor in rules.floors:
        found = metrics["test"][floor.metric]
        passed = found is not None and found >= floor.at_least
        checks.append(
            Check(
                rule=f"floor of {floor.metric}",
                passed=passed,
                found=_number(found),
                expected=f"at least {floor.at_least:.4f}",
            )
        )
    if rules.most_ece is not None:
        found = metrics["test"]["ece"]
        checks.append(
            Check(
                rule="calibration error (ECE)",
                passed=found is not None and found <= rules.most_ece,
                found=_number(found),
                expected=f"at most {rules.most_ece:.4f}",
            )
        )
    if rules.min_test_rows:
        rows = sum(item["support"] for item in metrics["test"]["classes"])
        checks.append(_enough("test rows", rows, rules))
    return checks


def _enough(what: str, rows: int, rules: PromoteConfig) -> Check:
    passed = rows >= max(1, rules.min_test_rows)
    return Check(rule=what, passed=passed, found=str(rows), expected=f"at least {max(1, rules.min_test_rows)}")


def class_checks(rules: PromoteConfig, metrics: dict[str, Any]) -> list[Check]:
    classes = metrics["test"]["classes"]
    absent = [item["name"] for item in classes if not item["support"]]
    silent = [item["name"] for item in classes if not item["predicted"]]
    found = f"none of {_listed(absent)}" if absent else "all"
    checks = [Check(rule="every class has test rows", passed=not absent, found=found, expected="all")]
    if rules.every_class_predicted:
        found = f"never {_listed(silent)}" if silent else "all"
        checks.append(Check(rule="every class is predicted", passed=not silent, found=found, expected="all"))
    if rules.class_recall:
        worst = min((item for item in classes if item["support"]), key=lambda item: item["recall"])
        checks.append(
            Check(
                rule="recall of every class",
                passed=worst["recall"] >= rules.class_recall,
                found=f"{worst['recall']:.4f} of {one_line(worst['name'])}",
                expected=f"at least {rules.class_recall:.4f}",
            )
        )
    return checks


def baseline_checks(rules: PromoteConfig, metrics: dict[str, Any]) -> list[Check]:
    """Better than the trivial baseline, and not shown to be worse than the linear one."""
    found, trivial = metrics["test"][rules.compare], metrics["baselines"]["trivial"][rules.compare]
    checks = [
        Check(
            rule=f"beats the trivial baseline on {rules.compare}",
            passed=found > trivial,
            found=_number(found),
            expected=f"more than {trivial:.4f}",
        )
    ]
    linear = metrics.get("against_linear")
    if linear is not None:  # a baseline that was skipped says nothing
        checks.append(
            Check(
                rule=f"not shown to be worse than the linear baseline on {linear['metric']}",
                passed=linear["high"] >= 0,
                found=f"{linear['estimate']:+.4f} (95 % {linear['low']:+.4f} to {linear['high']:+.4f})",
                expected="an interval that reaches 0",
            )
        )
    return checks


def abstention_checks(metrics: dict[str, Any]) -> list[Check]:
    """With `score.abstain_precision`: some labels can be given at that precision."""
    found = metrics.get("abstention")
    if found is None:
        return []
    kept = f"{found['kept']} of {found['rows']} validation rows get a label, {found['right']} of them rightly"
    return [
        Check(
            rule="precision of the labels given",
            passed=found["threshold"] is not None,
            found="no threshold shows it on validation" if found["threshold"] is None else kept,
            expected=f"at least {found['wanted']:g} from some confidence on",
        )
    ]


def _answer_again(
    workspace: Workspace, rules: PromoteConfig, challenger: ModelVersion, champion: ModelVersion | None
) -> tuple[list[Check], Comparison | None]:
    """The rules for which the test rows are scored now, as they stand in the checked table."""
    from seqcls.registry.comparison import compare, comparison_check, not_learned, read_split

    rows = read_split(workspace, challenger, ("test",))
    ours = _open_answers(workspace, challenger)
    checks = behaviour_checks(rules.behaviour, workspace.pipeline.kind, rows, ours)
    if champion is None:
        return checks, None
    try:
        theirs = _open_answers(workspace, champion)
        fresh = rows.filter(pa.array(not_learned(workspace, rows, champion)))
        left_out = rows.num_rows - fresh.num_rows
        enough = _enough(f"test rows from which {champion.name} did not learn", fresh.num_rows, rules)
        if not enough.passed:
            return [*checks, enough], None
        found = compare(fresh, left_out, rules.compare, theirs, ours)
    except (DataRefused, Corrupted) as error:  # it does not score either; a person's word can put it aside
        return [*checks, _not_opened(champion, error)], None
    return [*checks, comparison_check(rules, found, champion.name)], found


def _not_opened(champion: ModelVersion, error: DataRefused | Corrupted) -> Check:
    return Check(
        rule=f"not worse than {champion.name}",
        passed=False,
        found=f"{champion.name} cannot be opened ({error.where}: {error.found})",
        expected="a champion to compare with, or --force",
    )


def _open_answers(workspace: Workspace, version: ModelVersion) -> Answer:
    from seqcls.engines.scorer import open_scorer

    scorer = open_scorer(workspace, version, "torch")  # both alike, whatever engine the champion scores with
    return lambda rows: [scorer.labels[position] for position in scorer.probabilities(rows).argmax(axis=1)]


def _listed(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(one_line, names[:most])) + more


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
