"""bfloat16 in training: it learns, resumes bit for bit, and is used only where there are instructions for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from seqcls.config.loading import parse_pipeline
from seqcls.config.model import families_trained
from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import ConfigRefused
from seqcls.listener import Listener, Progress
from seqcls.models.building import build_model
from seqcls.models.layers import MaskedBatchNorm
from seqcls.models.package import ModelManifest, load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.checkpoints import TrainingState
from seqcls.training.precision import in_precision
from seqcls.training.run import Run
from seqcls.training.train import train
from tests.processor import CPU, SMALL, needs_bf16
from tests.recorder import Recorder
from tests.seqcls.encoded_examples import SPECS
from tests.seqcls.test_checkpoints import EVERY_STEP
from tests.seqcls.test_models import batch_of, config_of, fits
from tests.seqcls.training_examples import FAMILIES, make_encoded, make_pipeline, train_example

LSTM = {"family": "lstm", "width": 16, "embedding": 16, "dropout": 0.1, "bidirectional": True}


@needs_bf16
@pytest.mark.parametrize(
    ("family", "form"),
    [(name, form) for name in families_trained("epochs") for form in ("tokens", "missing") if fits(name, form)],
)
def test_every_family_has_nearly_the_gradient_of_float32(family: str, form: str) -> None:
    torch.manual_seed(0)
    model = build_model(config_of(family, "mean"), SPECS[form], 3).train()
    batch = batch_of(SPECS[form], 16)
    gradients = []
    for used in ("float32", "bfloat16"):
        model.zero_grad()
        logits = in_precision(model, used, CPU)(batch)
        assert logits.dtype == torch.float32
        torch.nn.functional.cross_entropy(logits, batch.labels).backward()
        parts = [weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]
        assert len(parts) == len(list(model.parameters()))
        gradients.append(torch.cat(parts))
    assert all(part.dtype == torch.float32 for part in gradients)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.95
    assert not torch.equal(*gradients) or family in ("gru", "rnn"), "nothing was computed in bfloat16"


def test_statistics_of_normalisation_count_beyond_256_positions() -> None:
    # 8 bits cannot tell 297 from 296: sums in bfloat16 would give 892 / 296 instead of 891 / 297.
    norm, mask = MaskedBatchNorm(1).train(), torch.ones(1, 1, 300, dtype=torch.bfloat16)
    mask[..., 297:] = 0
    x = torch.full((1, 1, 300), 3.0, dtype=torch.bfloat16) * mask
    norm(x, mask)
    assert norm.running_mean.item() == pytest.approx(0.3, rel=1e-6)
    assert norm.running_mean.dtype == torch.float32


@pytest.mark.slow
@needs_bf16
def test_a_network_learns_in_bfloat16_and_its_artefact_is_float32(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path)
    accuracies = {}
    for precision in ("float32", "bfloat16"):
        pipeline = make_pipeline(LSTM, {"epochs": 6, "precision": precision})
        loaded = load_model(train(encoded, pipeline, ArtefactStore(tmp_path)).ref)
        assert loaded.manifest.precision == precision
        assert all(weight.dtype == torch.float32 for weight in loaded.model.parameters())
        test = EncodedSplit.open(encoded, "test")
        accuracies[precision] = (predict_logits(loaded, test, 32).argmax(1) == test.labels).mean()
    assert accuracies["bfloat16"] > 0.9
    assert abs(accuracies["bfloat16"] - accuracies["float32"]) <= 0.05


@pytest.mark.slow
@needs_bf16
def test_the_validation_loss_of_a_training_in_bfloat16_is_that_of_the_artefact(tmp_path: Path) -> None:
    ref = train_example(tmp_path, LSTM, {"precision": "bfloat16"}).ref
    history, loaded = json.loads((ref.folder / "history.json").read_bytes()), load_model(ref)
    valid = EncodedSplit.open(make_encoded(tmp_path), "valid")
    logits = torch.from_numpy(predict_logits(loaded, valid, 64))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(valid.labels)).item()
    assert loss == pytest.approx(history[loaded.manifest.best_epoch - 1]["valid_loss"], rel=1e-5)


@pytest.mark.slow
@needs_bf16
def test_an_interrupted_training_in_bfloat16_goes_on_bit_for_bit(tmp_path: Path) -> None:
    settings = {**EVERY_STEP, "precision": "bfloat16"}
    undisturbed = train_example(tmp_path / "undisturbed", FAMILIES["cnn"], settings)

    class StopAtThe14th(Listener):
        steps = 0

        def progress(self, at: Progress) -> None:
            self.steps += 1
            if self.steps == 14:
                raise KeyboardInterrupt

    encoded, store = make_encoded(tmp_path / "stopped"), ArtefactStore(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        train(encoded, make_pipeline(FAMILIES["cnn"], settings), store, listener=StopAtThe14th())
    resumed = train(encoded, make_pipeline(FAMILIES["cnn"], settings), store)
    assert 0 < resumed.rows < undisturbed.rows
    assert resumed.ref.digest == undisturbed.ref.digest


@pytest.mark.fault(
    "M01",
    tried="a training in bfloat16, killed, goes on on a processor without instructions for it",
    outcome="it goes on in float32 and says so; bfloat16 is never imitated",
)
def test_a_training_that_moves_to_a_small_processor_goes_on_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = make_encoded(tmp_path)
    pipeline = make_pipeline(LSTM, {"epochs": 2, "precision": "bfloat16"})
    Run(encoded, pipeline, CPU, tmp_path / "run").save()
    monkeypatch.setenv(*SMALL)
    again = Run(encoded, pipeline, CPU, tmp_path / "run")
    assert again.learner.network is again.model, "products would be in bfloat16"
    assert again.precision.used == "float32"
    assert re.fullmatch("float32: .* no instructions for bfloat16", again.precision.why)
    again.next_epoch()


@pytest.mark.slow
@pytest.mark.fault(
    "M01",
    tried='train.precision = "bfloat16" on a processor without instructions for it',
    outcome="trained in float32, to the same weights; a line, the log and model.json say so and why",
)
@pytest.mark.parametrize("family", ["lstm", "cnn"])
def test_without_instructions_every_family_trains_in_float32_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setenv(*SMALL)
    encoded, store, heard = make_encoded(tmp_path), ArtefactStore(tmp_path), Recorder()
    plain, lower = (
        load_model(train(encoded, pipeline, store, listener=heard).ref).manifest
        for pipeline in (
            make_pipeline(FAMILIES[family], {"epochs": 2, "precision": precision})
            for precision in ("float32", "bfloat16")
        )
    )
    assert (plain.precision, plain.precision_choice) == ("float32", "")
    assert lower.precision == "float32"
    assert re.fullmatch("float32: .* no instructions for bfloat16", lower.precision_choice)
    assert [line for line in heard.notes if "busy" not in line] == [f"train.precision: {lower.precision_choice}"]
    assert lower.weights_sha256 == plain.weights_sha256


NEWER = ("processes", "precision", "precision_choice", "threads_choice")


def test_a_model_of_before_there_was_a_choice_is_of_one_process_and_float32(tmp_path: Path) -> None:
    data = json.loads((train_example(tmp_path, LSTM, {"epochs": 1}).ref.folder / "model.json").read_bytes())
    older = {name: value for name, value in data.items() if name not in NEWER}
    assert len(older) == len(data) - len(NEWER)
    manifest = ModelManifest.model_validate(older)
    assert (manifest.processes, manifest.precision, manifest.precision_choice) == (1, "float32", "")


@pytest.mark.parametrize("family", ["ngrams", "auto"])
def test_families_that_do_not_train_in_steps_refuse_a_precision(family: str) -> None:
    data: dict[str, Any] = {"name": "example", "kind": "text", "source": {"format": "csv", "files": ["rows.csv"]}}
    with pytest.raises(ConfigRefused, match=r"train\.precision is for .*famil.*remove it"):
        parse_pipeline({**data, "model": {"family": family}, "train": {"precision": "bfloat16"}}, "example.toml")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"threads": "auto"}, r'train\.threads = "auto": was removed.*leave train\.threads out .* or set a number'),
        ({"precision": "auto"}, r'train\.precision = "auto": was removed; set "bfloat16"'),
        ({"threads": -1}, r"train\.threads: -1: input should be greater than or equal to 0"),
        ({"threads": True}, r"train\.threads: True: input should be a valid integer"),
    ],
)
def test_what_threads_and_precision_may_be(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigRefused, match=message):
        make_pipeline(LSTM, setting)


def test_a_checkpoint_of_a_version_that_made_trials_is_read() -> None:
    trial = {"threads": {"used": 1, "why": "1: faster"}, "precision": {"used": "bfloat16", "why": ""}}
    assert TrainingState.model_validate({"epoch": 3, "step": 2, **trial}) == TrainingState(epoch=3, step=2)
