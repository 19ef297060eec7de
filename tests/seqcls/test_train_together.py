"""Training with two processes: the losses, figures and answers of one; killed and resumed; batch norm; refusals."""

from __future__ import annotations

import json
import multiprocessing
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcls.config.loading import parse_pipeline
from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused, DataRefused, WorldFailed
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training.processes import PRELOADED
from seqcls.training.train import TrainResult, train
from tests.seqcls.encoded_examples import SPECS, encoded_table, random_table, write_encoded
from tests.seqcls.team_examples import train_launched
from tests.seqcls.training_examples import LABELS, make_encoded, make_pipeline

CNN = {"family": "cnn", "filters": [8, 8], "normalise": "none", "dropout": 0.0, "embedding": 8}
GRU = {"family": "gru", "width": 8, "dropout": 0.0, "embedding": 8}
ALIKE = {"rel": 1e-4, "abs": 1e-6}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Ref:
    """The last batch of training (16 a batch) and of validation (128) is one row: a process has none of it."""
    rows = {"train": 161, "valid": 129, "test": 60}
    splits = {name: random_table(SPECS["tokens"], rows[name], 3, seed) for seed, name in enumerate(rows)}
    return write_encoded(tmp_path_factory.mktemp("encoded"), SPECS["tokens"], splits, LABELS)


def train_with(processes: int, encoded: Ref, store: Path, model: dict[str, Any], **settings: Any) -> TrainResult:
    settings = {"epochs": 4, "processes": processes, **settings}
    return train(encoded, make_pipeline(model, settings), ArtefactStore(store))


def history_of(result: TrainResult) -> list[dict[str, float]]:
    history: list[dict[str, float]] = json.loads((result.ref.folder / "history.json").read_bytes())
    return history


@pytest.mark.parametrize("model", [CNN, GRU], ids=["cnn", "gru"])
def test_two_processes_reach_the_losses_figures_and_answers_of_one(
    tmp_path: Path, encoded: Ref, model: dict[str, Any]
) -> None:
    one, two = (train_with(n, encoded, tmp_path / str(n), model) for n in (1, 2))
    assert len(history_of(one)) == len(history_of(two)) == 4
    for alone, together in zip(history_of(one), history_of(two), strict=True):
        assert together == {name: pytest.approx(value, **ALIKE) for name, value in alone.items()}
        figures = ("accuracy", "balanced_accuracy", "macro_f1")
        assert [together[name] for name in figures] == [alone[name] for name in figures]
    test = EncodedSplit.open(encoded, "test")
    logits = [predict_logits(load_model(result.ref), test, 32) for result in (one, two)]
    np.testing.assert_allclose(logits[1], logits[0], rtol=1e-3, atol=1e-4)
    assert (logits[0].argmax(1) == logits[1].argmax(1)).all()
    assert (logits[0].argmax(1) == test.labels).mean() > 0.5, "there was something to learn"
    assert [load_model(result.ref).manifest.processes for result in (one, two)] == [1, 2]
    assert two.rows == one.rows == 4 * 161


def test_a_training_with_a_killed_process_goes_on_bit_for_bit(
    tmp_path: Path, encoded: Ref, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dropout: what each of the two draws next must have been kept as well.
    settings = {"checkpoint_seconds": 1e-9, "epochs": 2, "average": "ema"}
    model = {**CNN, "dropout": 0.3, "normalise": "batch"}
    undisturbed = train_with(2, encoded, tmp_path / "undisturbed", model, **settings)
    monkeypatch.setenv("SEQCLS_FAILPOINT", "checkpoint_written=kill@6")  # rank 0 writes them, and falls
    with pytest.raises(
        WorldFailed, match=r"process 1 of the training was ended by SIGKILL.*run the same command again"
    ):
        train_with(2, encoded, tmp_path / "killed", model, **settings)
    monkeypatch.delenv("SEQCLS_FAILPOINT")
    resumed = train_with(2, encoded, tmp_path / "killed", model, **settings)
    assert resumed.rows == 2 * 161 - 6 * 16, "it went on from the sixth step"
    assert resumed.ref.digest == undisturbed.ref.digest
    # Batch normalisation has the statistics of rank 0 everywhere: what was measured is what was kept.
    loaded, valid = load_model(resumed.ref), EncodedSplit.open(encoded, "valid")
    logits = torch.from_numpy(predict_logits(loaded, valid, 64))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(valid.labels)).item()
    assert loss == pytest.approx(history_of(resumed)[loaded.manifest.best_epoch - 1]["valid_loss"], rel=1e-5)


def test_a_loss_that_is_not_finite_in_one_process_is_the_message_of_one(tmp_path: Path) -> None:
    rows = [[0.5, 1.0]] * 20
    rows[7] = [3e38, 3e38]
    table = encoded_table(rows, [row % 3 for row in range(20)], SPECS["values"])
    encoded = write_encoded(tmp_path, SPECS["values"], {"train": table, "valid": table}, LABELS)
    pipeline = make_pipeline({**CNN, "normalise": "batch"}, {"batch_size": 20, "processes": 2})
    with pytest.raises(DataRefused, match=r"epoch 1, step 1: the loss is (nan|inf); .*train\.learning_rate"):
        train(encoded, pipeline, ArtefactStore(tmp_path))
    assert not list((tmp_path / "artefacts").glob("model/*"))


def test_processes_of_a_launcher_train_as_those_started_here(tmp_path: Path) -> None:
    train_settings = {"processes": 2, "epochs": 1}
    settings = json.dumps({"model": GRU, "train": train_settings})
    launcher = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    context = multiprocessing.get_context("forkserver")  # quicker than two new interpreters
    context.set_forkserver_preload(PRELOADED)
    launched = [
        context.Process(target=train_launched, args=({**launcher, "RANK": r, "LOCAL_RANK": r}, str(tmp_path), settings))
        for r in "01"
    ]
    for process in launched:
        process.start()
    for process in launched:
        process.join(120)
    assert [process.exitcode for process in launched] == [0, 0]
    digests = {(tmp_path / f"{rank}.digest").read_text() for rank in "01"}
    assert len(digests) == 1
    here = train(make_encoded(tmp_path), make_pipeline(GRU, train_settings), ArtefactStore(tmp_path / "here"))
    assert here.ref.digest in digests


@pytest.mark.parametrize("family", ["ngrams", "auto"])
def test_families_that_do_not_train_in_steps_refuse_several_processes(family: str) -> None:
    data: dict[str, Any] = {"name": "example", "kind": "text", "source": {"format": "csv", "files": ["rows.csv"]}}
    with pytest.raises(ConfigRefused, match=r"train\.processes is for .*famil.*remove it"):
        parse_pipeline({**data, "model": {"family": family}, "train": {"processes": 2}}, "example.toml")


def free_port() -> str:
    """Of the loopback interface, free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])
