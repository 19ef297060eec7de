"""What the network must beat: the class shares, and a linear model on counted n-grams or summary features.

In: raw sequences of the training and test rows (column `sequence` of the table), labels as class indices.
Out: probabilities (N, K) of the test rows, or `Skipped` with the reason. Promise: nothing of the test rows is used
in fitting; the same seed gives the same numbers; the fit stays near 20 seconds on two cores whatever comes in,
and predicting takes about two seconds a million letters of test rows.
What the linear model sees stands in `baseline_features.py`.
"""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from seqcls.arrays import Floats, Integers
from seqcls.evaluation.baseline_features import (
    LETTERS,
    Indices,
    ResidueFeatures,
    SeriesFeatures,
    TextFeatures,
    as_numbers,
)
from seqcls.table import Kind

MAX_TRAIN_ROWS = 20_000
MAX_TRAIN_POSITIONS = 5_000_000
"""Letters, tokens or values that are fitted on: rows of long sequences are fewer."""
TEST_POSITIONS_PER_STEP = 2_000_000
MAX_ITERATIONS = 2_000
MAX_CLASSES = 200
"""A thousand classes take the fit minutes and gigabytes: it is as wide as classes times n-grams."""


@dataclass(frozen=True)
class Skipped:
    """No baseline, and why."""

    reason: str


def trivial(train_labels: Integers, test_labels: Integers, classes: int) -> Floats:
    """The class shares of the training split for every test row."""
    shares = np.bincount(train_labels, minlength=classes) / len(train_labels)
    return np.tile(shares, (len(test_labels), 1))


def linear(
    kind: Kind,
    train_sequences: pa.ChunkedArray,
    train_labels: Integers,
    test_sequences: pa.ChunkedArray,
    classes: int,
    seed: int,
) -> Floats | Skipped:
    """Fit on the rows that `sample_rows` picks, predict every test row."""
    if kind == "series" and pc.count_distinct(_channels(train_sequences, test_sequences)).as_py() > 1:
        return Skipped("the rows have different numbers of channels")
    rows = sample_rows(sequence_sizes(train_sequences), seed)
    train, labels = train_sequences.take(pa.array(rows)), train_labels[rows]
    seen = np.unique(labels)
    if len(seen) > MAX_CLASSES:
        return Skipped(f"fitted for at most {MAX_CLASSES} classes, and there are {len(seen):,}")
    if len(seen) < 2:
        return Skipped(f"the {len(rows)} training rows sampled for it hold fewer than two classes")
    features = features_of(kind, train)
    model = LogisticRegression(C=features.regularisation, max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(features.transform(train), labels)
        except ConvergenceWarning:
            return Skipped(f"the logistic regression did not settle in {MAX_ITERATIONS} steps")
    probabilities = np.zeros((len(test_sequences), classes))
    for start, end in _steps(sequence_sizes(test_sequences)):
        part = test_sequences.slice(start, end - start)
        probabilities[start:end, seen] = model.predict_proba(features.transform(part))
    return probabilities


def features_of(kind: Kind, train: pa.ChunkedArray) -> SeriesFeatures | ResidueFeatures | TextFeatures:
    """Fitted to the training rows."""
    if kind == "series":
        return SeriesFeatures(train)
    return ResidueFeatures(kind, train) if kind in LETTERS else TextFeatures(kind, train)


def sample_rows(sizes: Integers, seed: int) -> Indices:
    """Rows to fit on, ascending: all, or a seeded sample of MAX_TRAIN_ROWS rows and MAX_TRAIN_POSITIONS positions."""
    order = np.random.default_rng(seed).permutation(len(sizes))[:MAX_TRAIN_ROWS]
    return np.sort(order[np.cumsum(sizes[order]) <= MAX_TRAIN_POSITIONS]).astype(np.int64)


def sequence_sizes(sequences: pa.ChunkedArray) -> Indices:
    """(N,): letters, tokens, or values of all channels of each sequence."""
    if pa.types.is_string(sequences.type):
        return as_numbers(pc.binary_length(sequences))
    counts = as_numbers(pc.list_value_length(sequences))
    if not pa.types.is_list(sequences.type.value_type):
        return counts
    lengths = as_numbers(pc.list_value_length(pc.list_flatten(sequences)))
    ends = np.concatenate([[0], np.cumsum(lengths)])  # of channels
    sizes: Indices = np.diff(ends[np.concatenate([[0], np.cumsum(counts)])])
    return sizes


def _channels(train: pa.ChunkedArray, test: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array(pc.list_value_length(train).chunks + pc.list_value_length(test).chunks)


def _steps(sizes: Integers) -> list[tuple[int, int]]:
    """Consecutive runs of rows of about TEST_POSITIONS_PER_STEP positions, so that memory does not grow."""
    step = np.cumsum(sizes) // TEST_POSITIONS_PER_STEP
    bounds = [0, *(np.flatnonzero(np.diff(step)) + 1).tolist(), len(sizes)]
    return list(itertools.pairwise(bounds))
