"""A model on the test split -> the `evaluation` artefact. The test split is opened here and nowhere else.

In: artefacts `model`, `encoded`, `checked`, `splits`. Out: `evaluation`: metrics.json, predictions.parquet (test
rows), report.html, model_card.md, figures/. Promise: encoded and raw rows are the same rows in the same order, or the
run stops; baselines see the test rows only to predict them; the same inputs give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from seqcls.arrays import Floats, Integers
from seqcls.config import Pipeline
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.evaluation import baselines
from seqcls.evaluation.calibration import Abstention, Calibration, choose_abstention, measure_calibration
from seqcls.evaluation.intervals import bootstrap, paired_difference
from seqcls.evaluation.metrics import Metrics, compute_metrics
from seqcls.evaluation.probabilities import softmax
from seqcls.evaluation.raw_rows import Rows, check_same_rows, is_split, read_rows, sample_training
from seqcls.evaluation.report import Evaluation, Facts, gather_facts, write_report
from seqcls.evaluation.report.facts import Baselines, NoBaseline
from seqcls.store.artefacts import ArtefactStore, Draft, Ref, write_json
from seqcls.store.parquet import read_parquet, shards, write_parquet
from seqcls.store.records import EvaluationMeta
from seqcls.table import Split

Predict = Callable[[Ref, Ref, Split], Floats]
"""(model, encoded, split) -> logits (N, K)."""
PREDICTIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("predicted", pa.string(), nullable=False),
        pa.field("probabilities", pa.list_(pa.float32()), nullable=False),
    ]
)


@dataclass(frozen=True)
class Answers:
    """What the network said about one split."""

    ids: pa.ChunkedArray
    labels: Integers
    probabilities: Floats
    logits: Floats | None = None
    """What the probabilities were made of."""


def evaluate(
    model: Ref,
    encoded: Ref,
    checked: Ref,
    splits: Ref,
    pipeline: Pipeline,
    store: ArtefactStore,
    *,
    predict: Predict | None = None,
    facts: dict[str, object] | None = None,
) -> Ref:
    """Predict validation and test, compare with the baselines, write everything down."""
    names = read_names(encoded)
    predict = predict or _predict_with(pipeline.score.batch_size)
    temperature = read_temperature(model)
    test, valid = (_answer(predict, model, encoded, split, len(names), temperature) for split in ("test", "valid"))
    if not len(test.labels):
        raise DataRefused(
            "no test rows",
            where=encoded.path,
            expected="at least one row in the test split",
            next_step="raise split.test, or name test files under [source]",
        )
    membership = read_parquet(splits.folder / "splits.parquet", ["split"])["split"].cast(pa.string())
    train_labels = _encoded_column(encoded, "train", "label").to_numpy()
    train = sample_training(checked, membership, train_labels, names, pipeline.seed)
    raw_test = read_rows(checked, is_split(membership, "test"), names)
    check_same_rows(raw_test, test.ids, test.labels, "test")
    evaluation = build_evaluation(model.digest, test, valid, train, raw_test.sequences, train_labels, names, pipeline)
    evaluation = evaluation.model_copy(update=judge_confidence(test, valid, temperature, pipeline))
    inputs = {"model": model, "encoded": encoded, "checked": checked, "splits": splits}
    known = gather_facts(model, encoded, checked, splits, pipeline, facts)
    with store.write("evaluation") as draft:
        draft.inputs |= {name: ref.digest for name, ref in inputs.items()}
        write_evaluation(draft, evaluation, test, known)
    return draft.ref


def build_evaluation(
    model: str,
    test: Answers,
    valid: Answers,
    train: Rows,
    test_sequences: pa.ChunkedArray,
    train_labels: Integers,
    names: list[str],
    pipeline: Pipeline,
) -> Evaluation:
    """Every figure, from probabilities; `train` is the linear baseline's sample of the training rows."""
    trivial = baselines.trivial(train_labels, test.labels, len(names))
    linear = baselines.linear(pipeline.kind, train.sequences, train.labels, test_sequences, len(names), pipeline.seed)
    fitted = not isinstance(linear, baselines.Skipped)
    return Evaluation(
        model=model,
        valid=compute_metrics(valid.labels, valid.probabilities, names) if len(valid.labels) else None,
        test=compute_metrics(test.labels, test.probabilities, names),
        intervals=bootstrap(test.labels, test.probabilities, names, seed=pipeline.seed),
        baselines=Baselines(
            trivial=compute_metrics(test.labels, trivial, names), linear=_linear_figures(test.labels, linear, names)
        ),
        linear_rows=len(train.labels) if fitted else 0,
        against_linear=paired_difference(
            test.labels, linear.argmax(axis=1), test.probabilities.argmax(axis=1), seed=pipeline.seed
        )
        if not isinstance(linear, baselines.Skipped)
        else None,
    )


def judge_confidence(
    test: Answers, valid: Answers, temperature: float, pipeline: Pipeline
) -> dict[str, Calibration | Abstention | None]:
    """What the temperature changed, and the threshold of `score.abstain_precision`: None where not asked for."""
    wanted = pipeline.score.abstain_precision
    if wanted is not None and not len(valid.labels):
        raise ConfigRefused(
            "no validation rows to choose a threshold on",
            where="score.abstain_precision",
            expected="a validation split",
            next_step="set split.valid = 0.1, or choose score.abstain_below yourself",
        )
    kept = [(one.labels, one.probabilities) for one in (valid, test)]
    known = [(one.labels, one.logits) if len(one.labels) and one.logits is not None else None for one in (valid, test)]
    return {
        "calibration": measure_calibration(temperature, known[0], known[1]) if known[1] else None,
        "abstention": None if wanted is None else choose_abstention(kept[0], kept[1], wanted),
    }


def write_evaluation(draft: Draft, evaluation: Evaluation, test: Answers, facts: Facts) -> None:
    """All files of the artefact."""
    names = pa.array([one.name for one in evaluation.test.classes], pa.string())
    write_json(draft.folder / "metrics.json", evaluation.model_dump(mode="json"))
    write_parquet(draft.folder / "predictions.parquet", predictions_table(test, names))
    write_report(draft.folder, evaluation, facts)
    draft.describe(EvaluationMeta(**{name: getattr(evaluation.test, name) for name in EvaluationMeta.model_fields}))


def predictions_table(test: Answers, names: pa.Array) -> pa.Table:
    """One row a test row: id, split, label, predicted, probabilities in the order of the classes."""
    rows, classes = test.probabilities.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * classes)
    flat = pa.array(test.probabilities.astype(np.float32).ravel())
    columns = [
        test.ids,
        pa.repeat("test", rows),
        names.take(pa.array(test.labels)),
        names.take(pa.array(test.probabilities.argmax(axis=1))),
        pa.ListArray.from_arrays(offsets, flat),
    ]
    return pa.table(columns, schema=PREDICTIONS)


def read_temperature(model: Ref) -> float:
    """What the model's logits are divided by; 1 for artefacts that do not say."""
    manifest = json.loads((model.folder / "model.json").read_bytes())
    return float(manifest.get("temperature", 1.0))


def read_names(encoded: Ref) -> list[str]:
    """Names of the classes: index k is logit k."""
    encoder = json.loads((encoded.folder / "encoder.json").read_bytes())
    return [str(name) for name in encoder["labels"]]


def _encoded_column(encoded: Ref, split: Split, column: str) -> pa.ChunkedArray:
    return read_parquet(shards(encoded.folder / split), [column])[column]


def _answer(predict: Predict, model: Ref, encoded: Ref, split: Split, classes: int, temperature: float) -> Answers:
    table = read_parquet(shards(encoded.folder / split), ["id", "label"])
    labels = table["label"].to_numpy().astype(np.int64)
    logits = predict(model, encoded, split) if len(labels) else np.zeros((0, classes))
    return Answers(table["id"], labels, softmax(logits, temperature), logits)


def _predict_with(batch_size: int) -> Predict:
    def predict(model: Ref, encoded: Ref, split: Split) -> Floats:
        from seqcls.data.encoded_split import EncodedSplit
        from seqcls.models.package import load_model, predict_logits

        loaded = load_model(model)
        return predict_logits(loaded, EncodedSplit.open(encoded, split), batch_size)

    return predict


def _linear_figures(labels: Integers, linear: Any, names: list[str]) -> Metrics | NoBaseline:
    if isinstance(linear, baselines.Skipped):
        return NoBaseline(skipped=linear.reason)
    return compute_metrics(labels, linear, names)
