"""Encoded data -> a model artefact, in this process or in several.

In: an encoded artefact and a pipeline. Out: a `TrainResult`. The work is in alone.py; together.py has the processes.
"""

from __future__ import annotations

from collections.abc import Mapping

from seqcls.config.pipeline import Pipeline
from seqcls.distributed.ranks import check_processes
from seqcls.listener import SILENT, Listener
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training.alone import TrainResult, train_here
from seqcls.training.together import train_together


def train(
    encoded: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    *,
    listener: Listener = SILENT,
    attached: Mapping[str, object] | None = None,
) -> TrainResult:
    """Train, or go on training, the network of a pipeline; the caller clears the checkpoints once it is recorded.

    `attached` are records to keep beside the weights: JSON by the names of their files. `listener` hears what was
    chosen, where a resumed training goes on, and the progress.
    """
    check_processes(pipeline.train)
    if pipeline.train.processes > 1:
        return train_together(encoded, pipeline, store, listener, attached or {})
    return train_here(encoded, pipeline, store, listener, attached or {})
