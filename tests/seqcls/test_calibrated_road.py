"""`train.calibrate` and `score.abstain_precision` from the pipeline file to the scores, in one project."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.batches import EncodedSplit
from seqcls.errors import ConfigRefused
from seqcls.evaluation.probabilities import softmax
from seqcls.models.package import load_model, predict_logits
from seqcls.registry.versions import champion
from seqcls.road import score_pipeline, train_pipeline
from seqcls.scoring.abstaining import least_confidence
from seqcls.workspace import open_workspace
from tests.road_data import write_project, write_rows

WANTED = 0.8


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained project whose network is far from perfect, with a file of new rows."""
    folder = tmp_path_factory.mktemp("calibrated")
    config = write_project(folder, rows=600, more=f"abstain_precision = {WANTED}")
    text = config.read_text().replace("epochs = 8", "epochs = 3\ncalibrate = true")
    config.write_text(text + "[split]\nvalid = 0.4\n[promote]\nevery_class_predicted = false\n")
    write_rows(folder / "incoming" / "night.csv", 120, seed=5, labelled=False)
    with open_workspace(config) as workspace:
        outcome = train_pipeline(workspace)
    assert outcome.champion, outcome.decision.refusals
    return config


def test_the_temperature_is_kept_with_the_model_and_used_by_evaluation_and_scores(project: Path) -> None:
    with open_workspace(project) as workspace:
        version = champion(workspace)
        model = workspace.store.ref("model", version.model_digest)
        encoded = workspace.store.ref("encoded", version.inputs["encoded"])
        metrics = json.loads(
            (workspace.store.ref("evaluation", version.evaluation_digest).folder / "metrics.json").read_bytes()
        )
    loaded = load_model(model)
    temperature = loaded.manifest.temperature
    assert temperature != 1.0
    assert metrics["calibration"]["temperature"] == temperature
    test = EncodedSplit.open(encoded, "test")
    logits = predict_logits(loaded, test, 64)
    for figure, by in (("test_before", 1.0), ("test_after", temperature)):
        own = softmax(logits, by)[np.arange(len(test)), test.labels]
        assert metrics["calibration"][figure]["log_loss"] == pytest.approx(-np.log(own).mean(), rel=1e-5)
    assert metrics["test"]["log_loss"] == metrics["calibration"]["test_after"]["log_loss"]


def test_rows_get_a_label_from_the_chosen_confidence_on_and_the_report_says_so(project: Path) -> None:
    with open_workspace(project) as workspace:
        threshold = least_confidence(workspace, champion(workspace))
        outcome = score_pipeline(workspace)
        evaluation = workspace.store.ref("evaluation", champion(workspace).evaluation_digest)
        parts = sorted((workspace.store.root / "artefacts" / "scores").glob("*/scores.parquet"))
    scores = pa.concat_tables(pq.ParquetFile(part).read() for part in parts).to_pandas()
    assert len(scores) == 120
    assert threshold > 0.5
    assert (scores["label"].isna() == (scores["confidence"] < np.float32(threshold))).all()
    assert outcome.night.rows.abstained == scores["label"].isna().sum() > 0
    for name in ("report.html", "model_card.md"):
        assert f"Rows get a label from a confidence of {threshold:.3f} on" in (evaluation.folder / name).read_text()


def test_scoring_for_another_precision_is_refused_until_it_is_evaluated(project: Path) -> None:
    asked = project.with_name("stricter.toml")
    asked.write_text(project.read_text().replace(f"abstain_precision = {WANTED}", "abstain_precision = 0.999"))
    with open_workspace(asked) as workspace:
        expected = r"score\.abstain_precision: 0\.999, but pairs@v1 was evaluated for 0\.8; .*`seqcls train .*stricter"
        with pytest.raises(ConfigRefused, match=expected):
            least_confidence(workspace, champion(workspace))
        outcome = train_pipeline(workspace)
        assert set(outcome.reused) == {"ingest", "validate", "split", "encode", "train"}
        assert not outcome.promoted
        assert "precision of the labels given: no threshold shows it" in " ".join(outcome.decision.refusals)
