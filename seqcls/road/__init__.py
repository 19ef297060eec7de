"""Whole runs in one process, without a server: what `seqcls train`, `seqcls score` and the Python API do.

The flows do the same, with each step as a Prefect task.
"""

from seqcls.road.score import ScoreOutcome, finish_scoring, score_pipeline
from seqcls.road.train import TrainOutcome, finish_training, train_pipeline
from seqcls.road.watching import watching

__all__ = [
    "ScoreOutcome", "TrainOutcome", "finish_scoring", "finish_training", "score_pipeline", "train_pipeline", "watching",
]  # fmt: skip
