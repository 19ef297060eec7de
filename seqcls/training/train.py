"""Encoded data -> a model artefact, in this process or in several.

In: an encoded artefact and a pipeline. Out: a `TrainResult`. The work is in alone.py; together.py has the processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqcls.config.pipeline import Pipeline
from seqcls.distributed.ranks import check_processes
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training.alone import TrainResult, train_here
from seqcls.training.monitor import ProgressCall
from seqcls.training.together import train_together


def train(
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    *,
    progress: ProgressCall | None = None,
    attached: Mapping[str, object] | None = None,
    tell: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train, or go on training, the network of a pipeline; the caller clears the checkpoints once it is recorded.

    `attached` are records to keep beside the weights: JSON by the names of their files. `tell` hears what was chosen.
    """
    check_processes(pipeline.train)
    if pipeline.train.processes > 1:
        return train_together(encoded, pipeline, store, progress, attached or {}, tell)
    return train_here(encoded, pipeline, store, progress, attached or {}, tell)
