"""Flow: files -> scores, every row accounted for: new files on a schedule, past days or all history from the UI."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from seqcls.ledger.stages import new_run_id
from seqcls.messages import after_scoring, plural
from seqcls.scoring.scoring_run import require_published, require_usable, with_refused
from seqcls.workspace import output_folder
from seqcls_flows.job import job
from seqcls_flows.parameters import ScoreParams
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.score import discover, plan, publish_scores, score_new, validate_new
from seqcls_tasks.show import log_last_words
from seqcls_tasks.zombies import end_dead_runs


@job("score")
def score_flow(params: ScoreParams) -> dict[str, Any]:
    """discover -> validate -> score -> publish; files that cannot be used fail the run at its end."""
    config = params.config
    if params.dry_run:
        return plan(config, params.request).model_dump(mode="json")
    run_id = new_run_id()
    end_dead_runs(return_state=True)  # its failure is seen in the UI, and stops nothing

    discovery = discover(config, params.request)
    prepared = validate_new(config, discovery)
    run = score_new(config, prepared, run_id)
    prepared = with_refused(prepared, run)
    files = publish_scores(config, prepared, run, run_id)

    log_last_words(lambda: after_scoring(run, files, output_folder(config), config, prepared))
    name_outcome(config, plural(run.rows.rows_in, "row"))
    require_usable(prepared)
    require_published(files)
    return asdict(run.rows)
