"""Job: raw files -> a promoted model. Runs weekly, or by hand from the UI."""

from __future__ import annotations

from typing import Any

from seqcls.messages import after_training
from seqcls_flows.job import job
from seqcls_flows.parameters import RunParams
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.encode import encode, split
from seqcls_tasks.evaluate import evaluate
from seqcls_tasks.ingest import ingest
from seqcls_tasks.promote import promote
from seqcls_tasks.show import log_last_words
from seqcls_tasks.train import train
from seqcls_tasks.validate import validate
from seqcls_tasks.zombies import end_dead_runs


@job("train")
def train_flow(params: RunParams) -> dict[str, Any]:
    """ingest -> validate -> split -> encode -> train -> evaluate -> promote."""
    config = params.config
    end_dead_runs(return_state=True)  # its failure is seen in the UI, and stops nothing

    table = ingest(config)
    checked = validate(config, table.ref)
    splits = split(config, checked.ref)
    encoded = encode(config, checked.ref, splits.ref)
    model = train(config, encoded.ref)
    evaluation = evaluate(config, model.ref, checked.ref)

    done = [table, checked, splits, encoded, model, evaluation]
    inputs = {"table": table.ref, "checked": checked.ref}
    outcome = promote(config, done, inputs, model.ref, evaluation.ref)

    log_last_words(lambda: after_training(outcome, config))
    name_outcome(config, outcome.model.rpartition("@")[2])
    return outcome.summary()
