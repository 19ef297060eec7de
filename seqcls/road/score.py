"""A scoring run in one process: discover, validate, score, publish."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqcls.ledger.set_aside import remember_set_aside
from seqcls.ledger.stages import new_run_id, record_run
from seqcls.road.watching import tell_rejects, tell_unlike
from seqcls.scoring import scoring_run
from seqcls.scoring.publish import Published, publish
from seqcls.workspace import Workspace


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
    tell_rejects(workspace, run.rows, run_id)
    tell_unlike(workspace, run)
    if prepared.fails_once and prepared.refused:
        told = [(name, item.digest) for item in prepared.refused for name in item.names]
        remember_set_aside(workspace.ledger, workspace.pipeline.name, told)
    return files
