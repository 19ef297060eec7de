"""The package from Python: what `seqcls train`, `score` and `predict` do, with typed results.

In: a pipeline file. Out: records. Promise: the same road as the command and the flows, in this process; nothing is
printed. Everything that cannot be used raises a `SeqclsError`, whose text says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcls.workspace import open_workspace

if TYPE_CHECKING:
    from seqcls.road import ScoreOutcome, TrainOutcome
    from seqcls.scoring.predict import Prediction


def train(config: Path | str) -> TrainOutcome:
    """Train, evaluate, register, and promote if the gate agrees; stages whose inputs are unchanged are reused.

    Raises ConfigRefused, DataRefused (the data or the config is wrong) or WorldFailed (worth another try).
    """
    from seqcls.road import train_pipeline

    with open_workspace(config) as workspace:
        return train_pipeline(workspace)


def score(
    config: Path | str,
    *,
    rescore: bool = False,
    since: date | None = None,
    until: date | None = None,
    model: str | None = None,
) -> ScoreOutcome:
    """Score the new files of `score.files` and publish the scores; with `rescore`, again what was scored before.

    `since` and `until` are the first and last day (included); `model`, such as "v2", is for `rescore` only. Files that
    cannot be used stop no other: they are in the result's `prepared.refused`. Raises as `train` does.
    """
    from seqcls.road import score_pipeline
    from seqcls.scoring.request import ScoreRequest

    with open_workspace(config) as workspace:
        return score_pipeline(workspace, ScoreRequest(rescore=rescore, since=since, until=until, model=model))


def predict(config: Path | str, sequences: Sequence[Any], *, version: int | None = None) -> list[Prediction]:
    """Classify sequences from memory with the champion, or with a version; a `Prediction` each, in their order.

    text, dna and protein: strings. tokens: lists of strings. series: (T,) numbers, or (C, T) for C channels, as lists
    or NumPy arrays, None or NaN for missing values. The rules of [rules] are not applied.
    Raises DataRefused, which names the first sequence that has another form, and as `train` does.
    """
    from seqcls.registry.versions import champion, take_version
    from seqcls.scoring.predict import predict_sequences

    if isinstance(sequences, str):
        sequences = [sequences]
    with open_workspace(config) as workspace:
        chosen = champion(workspace) if version is None else take_version(workspace, version)
        return predict_sequences(workspace, chosen, sequences) if len(sequences) else []
