"""Evaluation: real encoding, real training, every file of the artefact; lost and swapped rows are caught."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from seqcls.config import Pipeline, parse_pipeline
from seqcls.encoders.encode import encode
from seqcls.errors import CheckBroken, DataRefused
from seqcls.evaluation.evaluate import Answers, evaluate, predictions_table
from seqcls.evaluation.metrics import compute_metrics
from seqcls.evaluation.probabilities import softmax
from seqcls.evaluation.raw_rows import check_same_rows, read_rows
from seqcls.evaluation.report import Evaluation
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest, verify
from seqcls.store.parquet import ShardWriter, read_parquet, write_parquet
from seqcls.table import reject, rejects_table, table_schema
from seqcls.training.train import train
from tests.seqcls.table_examples import checked_meta, write_splits

WORDS = {"bad": "awful dull weak", "good": "fine bright strong", "mixed": "fine dull so-so"}


def make_table(rows: int) -> pa.Table:
    random = np.random.default_rng(0)
    labels = random.choice(list(WORDS), rows)
    texts = [
        " ".join([*random.permutation(WORDS[label].split()), *random.choice(["a", "the", "film"], 2)])
        for label in labels
    ]
    columns = {
        "id": [f"id-{row}" for row in range(rows)],
        "sequence": texts,
        "label": labels.tolist(),
        "time": [None] * rows,
        "group": [None] * rows,
        "split": [None] * rows,
        "source_file": ["rows.csv"] * rows,
        "source_row": list(range(1, rows + 1)),
    }
    return pa.table(columns, schema=table_schema("text"))


def write_checked(store: ArtefactStore, table: pa.Table) -> Ref:
    """`checked` in two shards, with three rejected rows."""
    with store.write("checked") as draft:
        with ShardWriter(draft.folder / "rows", table.schema, rows_per_shard=table.num_rows // 2) as writer:
            for start in range(0, table.num_rows, 50):
                writer.write(table.slice(start, 50))
        bad = [
            reject("rows.csv", 900 + n, "sequence", rule, "why") for n, rule in enumerate(("empty", "length", "length"))
        ]
        write_parquet(draft.folder / "rejects.parquet", rejects_table(bad))
        draft.describe(checked_meta(table.num_rows).model_copy(update={"rows_in": table.num_rows + 3, "rejected": 3}))
    return draft.ref


def divided(store: ArtefactStore, table: pa.Table, membership: list[str | None]) -> Ref:
    return write_splits(store, membership, table["label"].to_pylist(), leakage={"train_and_test": 2})


def make_pipeline(**changes: object) -> Pipeline:
    document = {
        "name": "films",
        "kind": "text",
        "source": {"format": "csv", "files": ["rows.csv"]},
        "model": {"family": "cnn", "filters": [12], "embedding": 16},
        "train": {"epochs": 2, "threads": 1},
    }
    return parse_pipeline({**document, **changes}, "films.toml")


class Road:
    """All artefacts up to the model."""

    def __init__(self, root: Path, membership: list[str | None], table: pa.Table) -> None:
        self.store, self.pipeline, self.table = ArtefactStore(root), make_pipeline(), table
        self.checked = write_checked(self.store, table)
        self.splits = divided(self.store, table, membership)
        self.encoded = encode(self.checked, self.splits, self.pipeline, self.store)
        self.model = train(self.encoded, self.pipeline, self.store).ref

    def evaluate(self, **options) -> Ref:
        return evaluate(self.model, self.encoded, self.checked, self.splits, self.pipeline, self.store, **options)


def membership(rows: int) -> list[str | None]:
    names: list[str | None] = ["train", "test", "train", "valid", None]
    return [names[row % 5] for row in range(rows)]


@pytest.fixture(scope="module")
def road(tmp_path_factory) -> Road:
    return Road(tmp_path_factory.mktemp("store"), membership(300), make_table(300))


@pytest.fixture(scope="module")
def evaluation(road) -> Ref:
    return road.evaluate()


def read_metrics(ref: Ref) -> dict:
    return json.loads((ref.folder / "metrics.json").read_bytes())


@pytest.mark.slow
def test_every_file_is_there_and_metrics_are_those_of_the_predictions(road, evaluation):
    manifest = verify(evaluation)
    assert {"metrics.json", "predictions.parquet", "report.html", "model_card.md"} <= set(manifest["files"])
    assert set(manifest["inputs"]) == {"model", "encoded", "checked", "splits"}
    metrics = read_metrics(evaluation)
    assert metrics["model"] == road.model.digest
    rows = read_parquet(evaluation.folder / "predictions.parquet")
    names = ["bad", "good", "mixed"]
    labels = np.array([names.index(label) for label in rows["label"].to_pylist()])
    probabilities = np.array(rows["probabilities"].to_pylist())
    again = compute_metrics(labels, probabilities, names)
    assert [list(cell) for cell in again.confusions] == metrics["test"]["confusions"]
    assert again.log_loss == pytest.approx(metrics["test"]["log_loss"], rel=1e-5)
    assert rows["predicted"].to_pylist() == [names[k] for k in probabilities.argmax(axis=1)]
    assert Evaluation.model_validate(metrics).test.rows == manifest["meta"]["rows"] == 60


@pytest.mark.slow
def test_the_test_rows_are_predicted_each_once_and_no_others(road, evaluation):
    rows = read_parquet(evaluation.folder / "predictions.parquet")
    expected = [row for row in range(300) if row % 5 == 1]
    assert rows["id"].to_pylist() == [f"id-{row}" for row in expected]
    assert rows["label"].to_pylist() == road.table["label"].take(expected).to_pylist()
    assert set(rows["split"].to_pylist()) == {"test"}


def test_the_baselines_stand_beside_the_network(evaluation):
    metrics = read_metrics(evaluation)
    trivial, linear = metrics["baselines"]["trivial"], metrics["baselines"]["linear"]
    assert trivial["balanced_accuracy"] == pytest.approx(1 / 3)
    assert linear["accuracy"] == 1.0
    assert metrics["linear_rows"] == 120
    assert metrics["against_linear"]["rows"] == 60
    assert metrics["valid"]["rows"] == 60
    low, high = metrics["intervals"]["accuracy"]
    assert low <= metrics["test"]["accuracy"] <= high


def test_the_report_tells_rejects_leakage_and_epochs(evaluation):
    page = (evaluation.folder / "report.html").read_text(encoding="utf-8")
    for part in (
        "<dt>length</dt><dd>2</dd>",
        "<dt>train and test</dt><dd>2</dd>",
        "2 epochs; lowest",
        "rows in</dt><dd>303",
    ):
        assert part in page, part


@pytest.mark.slow
def test_the_same_inputs_give_the_same_artefact(road, evaluation):
    assert road.evaluate().digest == evaluation.digest


@pytest.mark.slow
def test_facts_of_the_caller_are_on_the_report(road):
    page = (road.evaluate(facts={"ticket": "<A-17>"}).folder / "report.html").read_text(encoding="utf-8")
    assert "&lt;A-17&gt;" in page


@pytest.mark.slow
def test_a_network_that_knows_the_answer_reaches_one_and_beats_nothing_but_chance(road):
    def perfect(model: Ref, encoded: Ref, split: str) -> np.ndarray:
        labels = read_parquet(sorted((encoded.folder / split).glob("*.parquet")), ["label"])["label"].to_numpy()
        return 20.0 * np.eye(3)[labels]

    metrics = read_metrics(road.evaluate(predict=perfect))
    assert metrics["test"]["accuracy"] == metrics["valid"]["accuracy"] == 1.0
    assert metrics["against_linear"]["estimate"] == 0.0


@pytest.mark.slow
def test_without_validation_rows_there_are_no_validation_figures(tmp_path):
    parts: list[str | None] = ["train", "test"]
    road = Road.__new__(Road)
    road.store, road.pipeline, road.table = ArtefactStore(tmp_path), make_pipeline(), make_table(60)
    road.checked = write_checked(road.store, road.table)
    road.splits = divided(road.store, road.table, [parts[row % 2] for row in range(60)])
    road.encoded = encode(road.checked, road.splits, road.pipeline, road.store)
    with road.store.write("model") as draft:
        draft.meta["family"] = "cnn"
        (draft.folder / "history.json").write_text("[]")
        (draft.folder / "model.json").write_text('{"torch": "2", "device": "cpu", "threads": 1}')
    road.model = draft.ref
    metrics = read_metrics(road.evaluate(predict=lambda model, encoded, split: np.zeros((30, 3))))
    assert metrics["valid"] is None
    assert metrics["test"]["rows"] == 30


def test_an_empty_test_split_is_refused_before_anything_is_written(tmp_path, road):
    store = ArtefactStore(tmp_path)
    parts: list[str | None] = ["train", "valid"]
    splits = divided(store, road.table, [parts[row % 2] for row in range(300)])
    encoded = encode(road.checked, splits, road.pipeline, store)
    with pytest.raises(DataRefused, match=r"no test rows; expected .* Next: raise split\.test"):
        evaluate(road.model, encoded, road.checked, splits, road.pipeline, store)
    assert not (tmp_path / "artefacts" / "evaluation").exists()


def test_splits_of_another_encoding_are_a_broken_check(road, tmp_path):
    other = divided(ArtefactStore(tmp_path), road.table, [*membership(300)[1:], "train"])
    with pytest.raises(CheckBroken, match=r"(encoded training rows|not the same rows or classes)"):
        evaluate(road.model, road.encoded, road.checked, other, road.pipeline, road.store)


def test_swapped_rows_and_lost_rows_are_a_broken_check(road):
    raw = read_rows(road.checked, np.array([row % 5 == 1 for row in range(300)]), ["bad", "good", "mixed"])
    check_same_rows(raw, raw.ids, raw.labels, "test")
    order = np.r_[1, 0, 2:60]
    swapped = raw.ids.take(pa.array(order)), raw.labels
    lost = raw.ids.slice(1), raw.labels[1:]
    wrong = raw.ids, (raw.labels + 1) % 3
    for damaged, found in ((swapped, "60 raw and 60"), (lost, "60 raw and 59"), (wrong, "60 raw and 60")):
        with pytest.raises(CheckBroken, match=f"{found} encoded test rows"):
            check_same_rows(raw, *damaged, "test")


def test_fewer_rows_than_the_splits_name_are_a_broken_check(road):
    with pytest.raises(CheckBroken, match=r"300 rows; expected 301, as in splits\.parquet"):
        read_rows(road.checked, np.ones(301, dtype=bool), ["bad", "good", "mixed"])


def test_predictions_keep_probabilities_in_the_order_of_the_classes():
    answers = Answers(pa.chunked_array([["x", "y"]]), np.array([1, 0]), np.array([[0.1, 0.9], [0.2, 0.8]]))
    table = predictions_table(answers, pa.array(["no", "yes"]))
    assert table.to_pylist() == [
        {"id": "x", "split": "test", "label": "yes", "predicted": "yes", "probabilities": pytest.approx([0.1, 0.9])},
        {"id": "y", "split": "test", "label": "no", "predicted": "yes", "probabilities": pytest.approx([0.2, 0.8])},
    ]


def test_softmax_takes_large_logits():
    found = softmax(np.array([[1000.0, 1000.0], [0.0, np.log(3)]]))
    assert found.ravel().tolist() == pytest.approx([0.5, 0.5, 0.25, 0.75])


def test_softmax_gives_nan_and_no_class_where_a_logit_is_not_finite():
    found = softmax(np.array([[0.0, np.nan], [np.inf, 1.0], [1.0, 1.0]], np.float32))
    assert np.isnan(found[:2]).all()
    assert found[2].tolist() == [0.5, 0.5]


def test_the_manifest_carries_the_headline(evaluation):
    meta = read_manifest(evaluation)["meta"]
    assert meta["balanced_accuracy"] == read_metrics(evaluation)["test"]["balanced_accuracy"]
