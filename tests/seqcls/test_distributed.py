"""Training by processes that torchrun starts: shares, exchange, gradients; the model of one; killed and resumed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.loading import parse_pipeline
from seqcls.config.model import families_trained
from seqcls.config.train import TrainConfig
from seqcls.data.encoded_split import EncodedSplit
from seqcls.distributed.process_group import ALONE, IGNORED, ProcessGroup
from seqcls.distributed.ranks import launched_ranks
from seqcls.errors import ConfigRefused
from seqcls.ledger.models import list_models
from seqcls.models.package import load_model, predict_logits
from seqcls.processors import allowed
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.training.optimisation import Objective
from seqcls.training.seeding import seed_of, threads_of
from seqcls.training.train import train
from seqcls.workspace import open_workspace
from tests.processor import CPU
from tests.seqcls.encoded_examples import SPECS
from tests.seqcls.launched import CNN, GRU, launch, launch_here, write_rows
from tests.seqcls.test_models import batch_of
from tests.seqcls.training_examples import make_encoded, make_pipeline

LAUNCHED = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1"}
ALIKE = {"rel": 1e-4, "abs": 1e-6}
COMMAND = """name = "example"
kind = "dna"
source = { format = "csv", files = ["rows.csv"], id = "id", sequence = "sequence", label = "label" }
store = "command"
[model]
family = "cnn"
filters = [8]
dropout = 0.3
[train]
epochs = 2
average = "ema"
checkpoint_seconds = 1e-9
[promote]
every_class_predicted = false
"""


@pytest.mark.slow
@settings(deadline=None)
@given(size=st.integers(2, 5), rows=st.integers(1, 11), form=st.sampled_from(sorted(SPECS)))
def test_the_shares_of_a_batch_are_the_batch(size: int, rows: int, form: str) -> None:
    batch = batch_of(SPECS[form], rows)
    shares = [ProcessGroup(rank, size).share(batch) for rank in range(size)]
    assert all(len(share) > 0 for share in shares), "an empty batch would be no step"
    ignored = [share for share in shares if (share.labels == IGNORED).all()]
    assert len(ignored) == max(size - rows, 0)
    shares = shares[: min(size, rows)]
    order = np.argsort(torch.cat([share.rows for share in shares]).numpy(), kind="stable")
    for name in ("rows", "tokens", "values", "observed", "lengths", "labels"):
        parts, whole = [getattr(share, name) for share in shares], getattr(batch, name)
        if whole is None:
            assert parts == [None] * len(shares)
        else:
            assert torch.equal(torch.cat(parts)[torch.from_numpy(order)], whole)
            assert all(part.is_contiguous() for part in parts)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_row_of_another_process_has_no_loss_and_no_gradient(smoothing: float) -> None:
    logits = torch.randn(1, 3, requires_grad=True)
    loss = Objective(smoothing, np.array([1.0, 2.0, 3.0]), CPU)(logits, torch.tensor([IGNORED]))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_a_process_alone_keeps_its_batch_and_its_numbers() -> None:
    batch, numbers = batch_of(SPECS["tokens"]), torch.tensor([1.5])
    assert ALONE.share(batch) is batch
    assert ALONE.total(numbers) is numbers
    assert ALONE.texts("a") == ["a"]
    assert [ALONE.agreed(wish) for wish in (True, False)] == [True, False]
    model = torch.nn.Linear(1, 1)
    assert ALONE.wrap(model) is model


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Where three processes worked, and what each of them found."""
    folder = tmp_path_factory.mktemp("launched")
    return folder, launch_here("everything", 3, folder)


@pytest.mark.slow
def test_processes_exchange_the_same_numbers_over_loopback_and_find_the_gradients_of_one(
    launched: tuple[Path, list[dict[str, Any]]],
) -> None:
    found = [one["exchange"] for one in launched[1]]
    gradients = found[0].pop("gradients")
    assert len(gradients) == 2 * len(families_trained("epochs")) - 1
    for family, (size, from_one, between) in gradients.items():
        assert between == 0, family
        assert size > 1e-3, family
        # Batch normalisation takes the mean and variance of each process's rows: then the gradient is another.
        if family.split()[1] not in ("cnn", "hybrid", "inception", "lite", "resnet", "attention"):
            assert from_one < 1e-5 * max(size, 1), family
    for one in found[1:]:
        one.pop("gradients")
    assert {address for one in found for address in one.pop("listens")} <= {"127.0.0.1", "::1"}
    for one in found:
        assert re.search(r"weights \w{12} in process 1, \w{12} in process 2; expected", one.pop("weights"))
        assert one == {
            "total": [1.5, 3.0], "largest": [2, 0], "agreed": [True, False], "gathered": [[0], [10], [20]],
            "texts": ["größer", "", ""], "mean": [1.0, 1.0],
        }  # fmt: skip


@pytest.mark.slow
def test_processes_reach_the_losses_figures_and_answers_of_one(
    launched: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, (three, *others) = launched[0], [one["trainings"] for one in launched[1]]
    assert [three, three] == others, "every process names the same model, and the same fault"
    assert re.match(r"epoch 1, step 1: the loss is (nan|inf); .*train\.learning_rate", three["not finite"])
    encoded, store = write_rows(tmp_path / "one"), ArtefactStore(tmp_path / "one")
    test = EncodedSplit.open(encoded, "test")
    for name, model in {"cnn": CNN, "gru": GRU}.items():
        one, (digest, rows) = train(encoded, make_pipeline(model, {"epochs": 4}), store), three[name]
        shared = ArtefactStore(folder).ref("model", digest)
        for alone, together in zip(history_of(one.ref), history_of(shared), strict=True):
            assert together == {name: pytest.approx(value, **ALIKE) for name, value in alone.items()}
        logits = [predict_logits(load_model(ref), test, 32) for ref in (one.ref, shared)]
        np.testing.assert_allclose(logits[1], logits[0], rtol=1e-3, atol=1e-4)
        assert (logits[0].argmax(1) == logits[1].argmax(1)).all()
        assert (logits[0].argmax(1) == test.labels).mean() > 0.5, "there was something to learn"
        assert [load_model(ref).manifest.processes for ref in (one.ref, shared)] == [1, 3]
        assert rows == one.rows == 4 * 161


def history_of(ref: Ref) -> list[dict[str, float]]:
    history: list[dict[str, float]] = json.loads((ref.folder / "history.json").read_bytes())
    return history


@pytest.mark.slow
def test_a_launched_training_that_was_killed_goes_on_bit_for_bit_as_the_launched_command(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    bases = ["".join(random.choice(list("ACGT"), 20)) + ("CCGG", "TATA")[row % 2] for row in range(150)]
    lines = [f"r{row},{sequence},{row % 2}" for row, sequence in enumerate(bases)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,sequence,label", *lines]) + "\n")
    config = tmp_path / "pipeline.toml"
    config.write_text(COMMAND)
    done = launch(2, "seqcls", "train", config)
    assert done.returncode == 0, done.stderr
    with open_workspace(config) as workspace:
        (version,) = list_models(workspace.ledger, "example")  # one version of two processes
        undisturbed = workspace.store.ref("model", version.model_digest).folder
    again = ("tests.seqcls.launched", "continued", tmp_path)
    assert launch(2, *again, SEQCLS_FAILPOINT="checkpoint_written=kill@4").returncode != 0
    assert not (tmp_path / "killed" / "artefacts" / "model").exists()
    first, other = launch_here("continued", 2, tmp_path)
    assert any("goes on from epoch" in note for note in first["notes"])
    assert first["folder"] == other["folder"]
    for name in ("weights.safetensors", "history.json"):
        assert (Path(first["folder"]) / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_process_takes_its_part_of_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    monkeypatch.setattr(allowed, "quota", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads_of(TrainConfig()) == 7
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    assert threads_of(TrainConfig()) == 3, "two of the four processes are on this machine"
    assert threads_of(TrainConfig(threads=5)) == 5


def test_processes_draw_different_dropout_from_one_seed() -> None:
    assert seed_of(5, 0) == 5
    assert len({seed_of(5, rank) for rank in range(8)}) == 8


def test_ranks_are_read_as_the_launcher_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launched_ranks() is None
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    ranks = launched_ranks()
    assert ranks is not None
    assert (ranks.rank, ranks.size, ranks.local_rank, ranks.local_size) == (1, 4, 1, 2)
    monkeypatch.setenv("WORLD_SIZE", "many")
    with pytest.raises(ConfigRefused, match=r"environment variable WORLD_SIZE: 'many'; expected a whole number"):
        launched_ranks()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched_ranks() is None


def test_families_that_are_not_trained_in_steps_refuse_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    source = {"format": "csv", "files": ["rows.csv"]}
    ngrams = {"name": "example", "kind": "tokens", "source": source, "model": {"family": "ngrams"}}
    with pytest.raises(ConfigRefused, match=r'4 processes were launched .*"ngrams" trains in one.*without torchrun'):
        train(make_encoded(tmp_path), parse_pipeline(ngrams, "example.toml"), ArtefactStore(tmp_path))


def test_the_setting_of_earlier_versions_is_refused_with_the_command() -> None:
    message = r"train\.processes = 2: was removed; leave it out.*torchrun --nproc-per-node N -m seqcls train CONFIG"
    with pytest.raises(ConfigRefused, match=message):
        make_pipeline(GRU, {"processes": 2})
