"""`train.calibrate` and `score.abstain_precision` from the pipeline file to the scores, in one project."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused
from seqcls.evaluation.probabilities import softmax
from seqcls.models.package import load_model, predict_logits
from seqcls.registry.versions import champion
from seqcls.road import score_pipeline, train_pipeline
from seqcls.scoring.abstaining import least_confidence
from seqcls.scoring.predict import predict_one
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert outcome.run.rows.abstained == scores["label"].isna().sum() > 0
    for name in ("report.html", "model_card.md"):
        assert f"Rows get a label from a confidence of {threshold:.3f} on" in (evaluation.folder / name).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("setting", [f"abstain_precision = {WANTED}", "abstain_below = 0.9"])
def test_one_sequence_abstains_where_its_row_of_the_scores_does(project: Path, tmp_path: Path, setting: str) -> None:
    config = Path(shutil.copytree(project.parent, tmp_path / "project")) / project.name
    shutil.rmtree(config.parent / "scores", ignore_errors=True)
    config.write_text(config.read_text().replace(f"abstain_precision = {WANTED}", setting))
    write_rows(config.parent / "incoming" / "next.csv", 120, seed=5, labelled=False)
    with open(config.parent / "incoming" / "next.csv", newline="") as file:
        sequences = {row["id"]: row["sequence"] for row in csv.DictReader(file)}
    with open_workspace(config) as workspace:
        parts = [workspace.output / name for name in score_pipeline(workspace).files.scores]
        rows = [row for part in parts for row in pq.ParquetFile(part).read().to_pylist() if row["id"] in sequences]
        rows.sort(key=lambda row: row["confidence"])
        kept = [rows[0], rows[-1]]
        answers = [predict_one(workspace, champion(workspace), sequences[row["id"]]) for row in kept]
        least = least_confidence(workspace, champion(workspace))
    assert [answer["label"] for answer in answers] == [row["label"] for row in kept]
    assert [answer["flags"] for answer in answers] == [row["flags"] for row in kept]
    assert [answer["confidence"] for answer in answers] == pytest.approx([row["confidence"] for row in kept], abs=1e-5)
    assert [answer["label"] is None for answer in answers] == [True, False]
    assert {answer["least_confidence"] for answer in answers} == {least}


@pytest.mark.slow
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
