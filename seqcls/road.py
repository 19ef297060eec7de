"""The whole road in one process, without a server: what `seqcls train` and `seqcls score` run.

The flows chain the same calls as Prefect tasks; this file is the same recipe in plain Python.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.evaluation.tried import Search, read_search
from seqcls.ledger.set_aside import remember_set_aside
from seqcls.ledger.stages import new_run_id, record_run
from seqcls.registry import versions as registry
from seqcls.registry.gate import Decision, read_metrics
from seqcls.scoring import scoring_run
from seqcls.scoring.publish import Published, publish
from seqcls.stages import StageResult, made_of, run_until
from seqcls.store.artefacts import read_manifest
from seqcls.validation.checks import read_checks
from seqcls.validation.look_alikes import look_alikes
from seqcls.workspace import Workspace


class TrainOutcome(BaseModel):
    """What came of a training run; `summary()` is the line of `--json`."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    model: str
    promoted: bool
    champion: bool
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
            "report": self.report,
            **({"auto": {"chosen": self.search.chosen, "why": self.search.why}} if self.search else {}),
        }


class ScoreOutcome(BaseModel):
    """What came of a scoring run; `summary()` is the line of `--json`."""

    model_config = ConfigDict(frozen=True)

    pipeline: str
    discovery: scoring_run.Discovery
    prepared: scoring_run.Prepared
    run: scoring_run.ScoringRun
    files: Published
    output: str

    def summary(self) -> dict[str, Any]:
        rows = self.run.rows
        return {
            "rows": {"in": rows.rows_in, "scored": rows.scored, "rejected": rows.rejected, "abstained": rows.abstained},
            "model": self.run.model,
            "engine": self.run.engine,
            "rows_per_second": round(self.run.rows_per_second, 1),
            "output": self.output,
            "known": len(self.discovery.known),
            "refused": len(self.prepared.refused),
            "set_aside": len(self.prepared.set_aside),
            "waiting": len(self.prepared.waiting),
            "outside": len(self.discovery.outside),
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
    version = registry.register(workspace, model, evaluation, inputs, run_id)
    promotion = registry.consider(workspace, version)
    trained = next(result for result in done if result.stage == "train")
    counts = read_manifest(checked)["meta"]
    outcome = TrainOutcome(
        pipeline=workspace.pipeline.name,
        model=version.name,
        promoted=promotion.promoted,
        champion=registry.is_champion(workspace, version),
        decision=promotion.decision,
        metrics=read_metrics(workspace, version),
        rows={"in": counts["rows_in"], "accepted": counts["accepted"], "rejected": counts["rejected"]},
        seconds={result.stage: result.seconds for result in done} | {"promote": time.perf_counter() - started},
        reused=tuple(result.stage for result in done if result.reused),
        train_rows_per_second=float(trained.facts["rows_per_second"]),
        report=str(evaluation.folder / "report.html"),
        rejects=str(checked.folder / "rejects.parquet"),
        search=read_search(model.folder),
        score_files=bool(workspace.pipeline.score.files),
        warnings=tuple(look_alikes(read_checks(checked).classes)),
    )
    record_run(workspace.ledger, run_id, workspace.pipeline.name, "train", outcome.summary())
    return outcome


def score_pipeline(workspace: Workspace, request: scoring_run.ScoreRequest = scoring_run.EVERYTHING) -> ScoreOutcome:
    """discover -> validate -> score -> publish; refused files are raised after the rest is published."""
    run_id, listener = new_run_id(), workspace.listener
    discovery = scoring_run.discover(workspace, request)
    listener.stage("discover", discovery_line(discovery))
    prepared = scoring_run.prepare(workspace, discovery)
    still = f", {len(prepared.set_aside)} set aside before" if prepared.set_aside else ""
    listener.stage("validate", f"{len(prepared.inputs)} ready, {len(prepared.refused)} refused{still}")
    scored = scoring_run.score_prepared(workspace, prepared, run_id)
    listener.stage("score", f"{scored.rows.scored} rows in {scored.seconds:.1f} s")
    if scored.note:
        listener.note(scored.note)
    prepared = scoring_run.with_refused(prepared, scored)
    files = finish_scoring(workspace, prepared, scored, run_id)
    listener.stage("publish", f"{len(files.scores)} files")
    return ScoreOutcome(
        pipeline=workspace.pipeline.name,
        discovery=discovery,
        prepared=prepared,
        run=scored,
        files=files,
        output=str(workspace.output),
    )


def discovery_line(discovery: scoring_run.Discovery) -> str:
    """What was found, in a line."""
    new = f"{len(discovery.new)} to score again with v{discovery.rescored_with}" if discovery.rescored_with else (
        f"{len(discovery.new)} new"
    )  # fmt: skip
    outside = f", {len(discovery.outside)} of other days" if discovery.outside else ""
    return f"{new}, {len(discovery.known)} known, {len(discovery.waiting)} still being written{outside}"


def finish_scoring(
    workspace: Workspace, prepared: scoring_run.Prepared, run: scoring_run.ScoringRun, run_id: str
) -> Published:  # fmt: skip
    """Publish what is committed, write the run down, and which files it fails for, if they fail one run only."""
    files = publish(workspace)
    record_run(workspace.ledger, run_id, workspace.pipeline.name, "score", asdict(run.rows))
    if prepared.fails_once and prepared.refused:
        told = [(name, item.digest) for item in prepared.refused for name in item.names]
        remember_set_aside(workspace.ledger, workspace.pipeline.name, told)
    return files
