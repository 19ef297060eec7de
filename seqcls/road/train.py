"""A training run in one process: the stages in their order, then the gate."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.encoders.encode import unit_hints
from seqcls.evaluation.tried import Search, read_search
from seqcls.ledger.stages import new_run_id, record_run
from seqcls.listener import SILENT
from seqcls.registry import versions as registry
from seqcls.registry.gate import Decision, read_metrics
from seqcls.road.watching import tell_decision
from seqcls.stages import REFERENCE, StageResult, made_of, run_on, run_until
from seqcls.store.artefacts import read_meta
from seqcls.store.records import CheckedMeta, EncodedMeta
from seqcls.validation.checks import read_checks
from seqcls.workspace import Workspace


class TrainOutcome(BaseModel):
    """What came of a training run; `summary()` is the line of `--json`."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    model: str
    promoted: bool
    champion: bool
    waits: bool = False
    """Whether it waits for a person's yes."""
    decision: Decision
    metrics: dict[str, Any]
    rows: dict[str, int]
    seconds: dict[str, float]
    reused: tuple[str, ...]
    train_rows_per_second: float
    report: str
    rejects: str
    score_files: bool = True
    """Whether the config names files to score."""
    warnings: tuple[str, ...] = ()
    """What a person should look at in the data."""
    changes: dict[str, Any] = {}
    """What was different in this run from the pipeline file, by key."""
    search: Search | None = None
    """With `family = "auto"`: what was tried and why this model was chosen."""

    def summary(self) -> dict[str, Any]:
        names = ("accuracy", "balanced_accuracy", "macro_f1", "mcc")
        return {
            "pipeline": self.pipeline,
            "model": self.model,
            "metrics": {"test": {name: self.metrics["test"][name] for name in names}},
            "rows": self.rows,
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "train_rows_per_second": round(self.train_rows_per_second, 1),
            "promoted": self.promoted,
            "champion": self.champion,
            **({"waits": True} if self.waits else {}),
            "report": self.report,
            **({"changes": self.changes} if self.changes else {}),
            **({"auto": {"chosen": self.search.chosen, "why": self.search.why}} if self.search else {}),
        }


def train_pipeline(workspace: Workspace) -> TrainOutcome:
    """Run the stages of training in their order, then promote: the run of `seqcls train` and of `seqcls.train`."""
    run_id = new_run_id()
    return finish_training(workspace, run_until(workspace), run_id)


def finish_training(workspace: Workspace, done: list[StageResult], run_id: str) -> TrainOutcome:
    """Register the model, ask the gate, promote when the config says so; gather the figures."""
    started = time.perf_counter()
    refs = {result.ref.kind: result.ref for result in done}
    model, evaluation, checked = refs["model"], refs["evaluation"], refs["checked"]
    encoded = made_of(workspace.store, model, "encoded")
    inputs = {
        "table": refs["table"], "checked": checked,
        "encoded": encoded, "splits": made_of(workspace.store, encoded, "splits"),
    }  # fmt: skip
    inputs["reference"] = run_on(workspace.with_listener(SILENT), REFERENCE, checked, inputs["splits"]).ref
    version = registry.register(workspace, model, evaluation, inputs, run_id)
    promotion = registry.consider(workspace, version)
    tell_decision(workspace, promotion)
    trained = next(result for result in done if result.stage == "train")
    counts = read_meta(checked, CheckedMeta)
    outcome = TrainOutcome(
        pipeline=workspace.pipeline.name,
        model=version.name,
        promoted=promotion.promoted,
        champion=registry.is_champion(workspace, version),
        waits=promotion.waits,
        decision=promotion.decision,
        metrics=read_metrics(workspace, version),
        rows={"in": counts.rows_in, "accepted": counts.accepted, "rejected": counts.rejected},
        seconds={result.stage: result.seconds for result in done} | {"promote": time.perf_counter() - started},
        reused=tuple(result.stage for result in done if result.reused),
        train_rows_per_second=float(trained.facts["rows_per_second"]),
        report=str(evaluation.folder / "report.html"),
        rejects=str(checked.folder / "rejects.parquet"),
        changes=workspace.loaded.changes,
        search=read_search(model.folder),
        score_files=bool(workspace.pipeline.score.files),
        warnings=(
            *(report := read_checks(checked)).similar_classes,
            *report.damaged_text,
            *unit_hints(workspace.pipeline, read_meta(encoded, EncodedMeta)),
        ),
    )
    record_run(workspace.ledger, run_id, workspace.pipeline.name, "train", outcome.summary())
    return outcome
