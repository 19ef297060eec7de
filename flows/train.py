"""Flow: raw files -> a promoted model. Runs weekly, or by hand from the UI."""

from __future__ import annotations

from typing import Any

from seqcls.config import load_pipeline
from seqcls.messages import after_training
from seqcls.stages import run_in_order
from seqcls_flows.job import job
from seqcls_flows.parameters import TrainParams
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.encode import encode, split
from seqcls_tasks.evaluate import evaluate
from seqcls_tasks.ingest import ingest
from seqcls_tasks.promote import promote
from seqcls_tasks.show import log_last_words
from seqcls_tasks.train import train
from seqcls_tasks.validate import validate
from seqcls_tasks.zombies import end_dead_runs

TASKS = {"ingest": ingest, "validate": validate, "split": split, "encode": encode, "train": train, "evaluate": evaluate}
"""The task of each stage, by the stage's name."""


@job("train")
def train_flow(params: TrainParams) -> dict[str, Any]:
    """The stages of training in their order (seqcls/stages/training.py), each as a task, then promote."""
    chosen, config = params.chosen, params.config
    load_pipeline(chosen)  # what does not fit together fails at once, with its message
    end_dead_runs(return_state=True)  # its failure is seen in the UI, and stops nothing

    done = run_in_order(lambda stage, made: TASKS[stage.name](chosen, made))
    outcome = promote(chosen, done)

    log_last_words(lambda: after_training(outcome, config))
    name_outcome(config, outcome.model.rpartition("@")[2])
    return outcome.summary()
