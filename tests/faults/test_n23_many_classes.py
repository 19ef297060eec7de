"""N23: a thousand classes cost a thousand times as much as one, not a million times."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from seqcls.evaluation.baselines import MAX_CLASSES, Skipped, linear
from seqcls.evaluation.calibration import measure_calibration
from seqcls.evaluation.intervals import bootstrap, paired_difference
from seqcls.evaluation.metrics import compute_metrics
from seqcls.evaluation.report import write_report
from seqcls.store.artefacts import write_json
from tests.seqcls.report_examples import example_evaluation, example_facts

MEGABYTE = 1_000_000
CLASSES = 10_000


@pytest.mark.fault("N23", tried="1,000 classes: metrics.json, report, model card", outcome="below 3 MB each")
def test_the_report_of_a_thousand_classes_is_small_and_shows_the_largest(tmp_path: Path) -> None:
    names = [f"class {k:04d}" for k in range(1000)]
    evaluation = example_evaluation(names, rows=1500, linear=False, skill=4.0)
    write_json(tmp_path / "metrics.json", evaluation.model_dump(mode="json"))
    write_report(tmp_path, evaluation, example_facts(names))
    sizes = {path.name: path.stat().st_size for path in tmp_path.rglob("*.*") if path.is_file()}
    assert {name: size for name, size in sizes.items() if size > 3 * MEGABYTE} == {}
    assert sizes["report.html"] < MEGABYTE
    assert max(size for name, size in sizes.items() if name.endswith(".svg")) < 100_000
    page = (tmp_path / "report.html").read_text()
    true, predicted, rows = max((cell for cell in evaluation.test.confusions if cell[0] != cell[1]), key=lambda c: c[2])
    assert f'<td class="name">{names[true]}</td><td class="name">{names[predicted]}</td><td>{rows}</td>' in page
    assert "800 smaller classes stand in metrics.json" in page
    assert "800 smaller classes stand in metrics.json" in (tmp_path / "model_card.md").read_text()


@pytest.mark.fault("N23", tried="10,000 classes: figures, intervals, differences", outcome="no table of all pairs")
def test_no_figure_asks_for_the_square_of_the_classes() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, 300)
    logits = random.normal(size=(300, CLASSES)).astype(np.float32)
    logits[np.arange(300), labels] += 5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [str(k) for k in range(CLASSES)]
    tracemalloc.start()
    compute_metrics(labels, probabilities, names)
    bootstrap(labels, probabilities, names, resamples=50)
    paired_difference(labels, labels, probabilities.argmax(axis=1), resamples=50)
    measure_calibration(1.5, None, (labels, logits))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250 * MEGABYTE < 8 * CLASSES**2


@pytest.mark.fault("N23", tried="a linear baseline of more than 200 classes", outcome="left out, with the reason")
def test_the_linear_baseline_is_left_out_where_it_would_take_minutes() -> None:
    labels = np.repeat(np.arange(MAX_CLASSES + 1), 2)
    sequences = pa.chunked_array([pa.array([f"word{label} x" for label in labels])])
    found = linear("text", sequences, labels, sequences, MAX_CLASSES + 1, 0)
    assert found == Skipped("fitted for at most 200 classes, and there are 201")
