"""Evaluations and facts to write reports from, of any number of classes."""

from __future__ import annotations

import numpy as np

from seqcls.evaluation.baselines import trivial
from seqcls.evaluation.intervals import bootstrap, paired_difference
from seqcls.evaluation.metrics import compute_metrics
from seqcls.evaluation.probabilities import softmax
from seqcls.evaluation.report import Evaluation, Facts
from seqcls.evaluation.report.facts import Baselines, NoBaseline


def example_evaluation(names: list[str], rows: int = 300, *, linear: bool = True, skill: float = 2.0) -> Evaluation:
    """A network of some skill, a linear baseline of less."""
    random = np.random.default_rng(len(names))
    classes = len(names)
    labels = random.integers(0, classes, rows)
    own = softmax(random.normal(size=(rows, classes)) + skill * np.eye(classes)[labels])
    simple = softmax(random.normal(size=(rows, classes)) + np.eye(classes)[labels])
    test = compute_metrics(labels, own, names)
    return Evaluation(
        model="ab" * 32,
        valid=compute_metrics(labels[: rows // 2], own[: rows // 2], names),
        test=test,
        intervals=bootstrap(labels, own, names),
        baselines=Baselines(
            trivial=compute_metrics(labels, trivial(labels, labels, classes), names),
            linear=compute_metrics(labels, simple, names) if linear else NoBaseline(skipped="no <reason>"),
        ),
        linear_rows=1234 if linear else 0,
        against_linear=paired_difference(labels, simple.argmax(axis=1), own.argmax(axis=1)) if linear else None,
    )


def example_facts(names: list[str], *, history: bool = True) -> Facts:
    curve = [
        {"epoch": e, "train_loss": 1 / e, "valid_loss": abs(e - 4) + 0.5, "accuracy": 0.5, "balanced_accuracy": 0.4,
         "macro_f1": 0.3, "learning_rate": 0.001}
        for e in range(1, 7)
    ]  # fmt: skip
    return Facts(
        pipeline="example",
        kind="text",
        family="cnn",
        model={"parameters": "1234"},
        rows={"rows_in": 1010, "accepted": 1000, "rejected": 10},
        class_rows={split: dict.fromkeys(names, 7) for split in ("train", "valid", "test")},
        rejects={"length": 8, "duplicate_id": 2},
        found={"length": 8, "control_characters": 5},
        encoding={"truncated.test": "3", "unknown_share": "0.0213"},
        alike=[],
        leakage={"train_and_test": "2"},
        inputs={"checked": "c" * 64, "model": "ab" * 32},
        settings={"train.epochs": "6"},
        more={"note": "<b>from outside</b>"},
        history=curve if history else [],
    )
