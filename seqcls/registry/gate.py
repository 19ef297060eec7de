"""The promotion gate. In: a registered model, the champion. Out: `Decision`: yes or no, with every number.

Rules: each floor of [promote] is reached; every class has test rows and is predicted (unless switched off); not worse
than the champion, measured now on the same test rows, by more than the tolerance; the trivial baseline is
beaten when asked. The difference comes with a paired bootstrap interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from seqcls.config.train import PromoteConfig
from seqcls.errors import Corrupted, DataRefused, one_line
from seqcls.ledger.models import ModelVersion
from seqcls.store.artefacts import read_json
from seqcls.store.parquet import iterate, read_parquet, shards
from seqcls.workspace import Workspace


class Check(BaseModel):
    """One rule of the gate and what it found."""

    model_config = ConfigDict(frozen=True)

    rule: str
    passed: bool
    found: str
    expected: str


class Decision(BaseModel):
    model_config = ConfigDict(frozen=True)

    model: str
    champion: str | None
    checks: tuple[Check, ...]

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
        checks.append(baseline_check(rules, metrics))
    checks += abstention_checks(metrics)
    if champion is not None and champion.model_digest != challenger.model_digest:
        checks.append(_compare(workspace, rules, challenger, champion))
    return Decision(model=challenger.name, champion=champion.name if champion else None, checks=tuple(checks))


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
    return checks


def class_checks(rules: PromoteConfig, metrics: dict[str, Any]) -> list[Check]:
    classes = metrics["test"]["classes"]
    absent = [item["name"] for item in classes if not item["support"]]
    silent = [item["name"] for item in classes if not item["predicted"]]
    found = f"none of {_listed(absent)}" if absent else "all"
    checks = [Check(rule="every class has test rows", passed=not absent, found=found, expected="all")]
    if rules.every_class_predicted:
        found = f"never {_listed(silent)}" if silent else "all"
        checks.append(Check(rule="every class is predicted", passed=not silent, found=found, expected="all"))
    return checks


def baseline_check(rules: PromoteConfig, metrics: dict[str, Any]) -> Check:
    found, trivial = metrics["test"][rules.compare], metrics["baselines"]["trivial"][rules.compare]
    return Check(
        rule=f"beats the trivial baseline on {rules.compare}",
        passed=found > trivial,
        found=_number(found),
        expected=f"more than {trivial:.4f}",
    )


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


def _compare(workspace: Workspace, rules: PromoteConfig, challenger: ModelVersion, champion: ModelVersion) -> Check:
    """Both models on the challenger's test rows, as they stand in the checked table."""
    from seqcls.evaluation.intervals import paired_difference

    rows = _test_rows(workspace, challenger)
    ours = _predict_labels(workspace, challenger, rows)
    try:
        theirs = _predict_labels(workspace, champion, rows)
    except (DataRefused, Corrupted) as error:  # it does not score either; a person's word can put it aside
        return Check(
            rule=f"not worse than {champion.name}",
            passed=False,
            found=f"{champion.name} cannot be opened ({error.where}: {error.found})",
            expected="a champion to compare with, or --force",
        )
    truth = rows["label"].to_pylist()
    names = sorted({*truth, *ours, *theirs})
    index = {name: position for position, name in enumerate(names)}
    codes = [np.array([index[name] for name in column]) for column in (truth, ours, theirs)]
    labels, new, old = codes
    difference = paired_difference(labels, old, new, rules.compare)
    return Check(
        rule=f"not worse than {champion.name} on {rules.compare}, {len(truth)} test rows",
        passed=difference.estimate >= -rules.tolerance,
        found=f"{difference.estimate:+.4f} (95 % {difference.low:+.4f} to {difference.high:+.4f})",
        expected=f"at least {0.0 - rules.tolerance:+.4f}",
    )


def _test_rows(workspace: Workspace, version: ModelVersion) -> pa.Table:
    """sequence and label of the test split of the data that a version was evaluated on."""
    checked = workspace.store.whole("checked", version.inputs["checked"]).folder / "rows"
    splits = workspace.store.whole("splits", version.inputs["splits"]).folder / "splits.parquet"
    is_test = pc.fill_null(pc.equal(read_parquet(splits, ["split"])["split"].cast(pa.string()), "test"), False)
    parts, start = [], 0
    for table in iterate(shards(checked), ["id", "sequence", "label", "source_file", "source_row"]):
        parts.append(table.filter(is_test.slice(start, table.num_rows)))
        start += table.num_rows
    return pa.concat_tables(parts)


def _predict_labels(workspace: Workspace, version: ModelVersion, rows: pa.Table) -> list[str]:
    from seqcls.engines.scorer import open_scorer

    scorer = open_scorer(workspace, version, "torch")  # both alike, whatever engine the champion scores with
    best = scorer.probabilities(rows).argmax(axis=1)
    return [scorer.labels[position] for position in best]


def _listed(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(one_line, names[:most])) + more


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
