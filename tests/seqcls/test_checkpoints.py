"""A killed training goes on bit for bit; damaged checkpoints are passed over; models are read only when whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from seqcls.data.encoded_split import EncodedSplit
from seqcls.errors import Corrupted, DataRefused
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore, Ref, file_digest, write_json
from seqcls.training import checkpoints
from seqcls.training.checkpoints import TrainingState
from tests.seqcls.training_examples import FAMILIES, make_encoded, make_pipeline, train_example

ROOT = Path(__file__).resolve().parents[2]
EVERY_STEP = {"checkpoint_seconds": 1e-9}


def run_child(
    store: Path, model: dict[str, object], train: dict[str, object], failpoint: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "tests.seqcls.training_examples",
        str(store),
        json.dumps({"model": model, "train": train}),
    ]
    environment = {**os.environ, "SEQCLS_FAILPOINT": failpoint, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "failpoint"),
    [
        pytest.param("cnn", "step_ended=kill@14", id="cnn-killed-within-an-epoch"),
        pytest.param("lstm", "checkpoint_written=kill@16", id="lstm-killed-after-a-checkpoint-within-an-epoch"),
        pytest.param("hybrid", "epoch_ended=kill@2", id="hybrid-killed-at-the-end-of-an-epoch"),
    ],
)
def test_a_killed_training_ends_with_the_artefact_of_an_undisturbed_one(
    tmp_path: Path, family: str, failpoint: str
) -> None:
    undisturbed = train_example(tmp_path / "undisturbed", FAMILIES[family], EVERY_STEP)
    killed = run_child(tmp_path / "killed", FAMILIES[family], EVERY_STEP, failpoint)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = train_example(tmp_path / "killed", FAMILIES[family], EVERY_STEP)
    assert 0 < resumed.rows < undisturbed.rows, "it went on from a checkpoint"
    assert resumed.ref.digest == undisturbed.ref.digest


@pytest.mark.slow
def test_a_training_killed_before_its_artefact_only_writes_the_artefact(tmp_path: Path) -> None:
    undisturbed = train_example(tmp_path, FAMILIES["cnn"])
    shutil.rmtree(undisturbed.ref.folder)  # the checkpoints stay until the caller clears them
    resumed = train_example(tmp_path, FAMILIES["cnn"])
    assert resumed.rows == 0
    assert resumed.ref.digest == undisturbed.ref.digest
    assert resumed.ref.folder.is_dir()


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "checkpoints"
    for epoch in (1, 2):
        checkpoints.write(folder, TrainingState(epoch=epoch), {"weights/a": torch.full((3,), float(epoch))})
    newest = checkpoints.read_newest(folder)
    assert newest is not None
    assert newest.state.epoch == 2
    path = next(folder.glob("000002-*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    before = checkpoints.read_newest(folder)
    assert before is not None
    assert before.state.epoch == 1
    assert before.part("weights")["a"].tolist() == [1.0, 1.0, 1.0]
    assert "000002-" in caplog.text
    assert "digest" in caplog.text


@pytest.mark.parametrize("damage", ["cut", "edited", "emptied"])
def test_a_damaged_json_is_passed_over(tmp_path: Path, damage: str) -> None:
    for epoch in (1, 2):
        checkpoints.write(tmp_path, TrainingState(epoch=epoch, best=0.5), {"weights/a": torch.zeros(1)})
    path = next(tmp_path.glob("000002-*.json"))
    text = path.read_text()
    path.write_text({"cut": text[:40], "edited": text.replace('"best": 0.5', '"best": 0.4'), "emptied": ""}[damage])
    found = checkpoints.read_newest(tmp_path)
    assert found is not None
    assert found.state.epoch == 1


def test_only_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    (tmp_path / f".tmp-{socket.gethostname()}~1~0~dead").write_text("left by a killed run")
    for step in range(5):
        checkpoints.write(tmp_path, TrainingState(step=step), {"weights/a": torch.full((1,), float(step))})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split(".")[0][:16] for name in names] == ["000000-000000003"] * 2 + ["000000-000000004"] * 2
    assert checkpoints.read_newest(tmp_path / "nothing") is None


def test_a_folder_that_another_run_of_the_same_training_cleared_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended first, recorded the model and removed the checkpoints, while this one was writing."""
    folder = tmp_path / "checkpoints"
    reached = []

    def other_run_ends(point: str) -> None:
        reached.append(point)
        for path in folder.glob("*"):
            path.unlink()

    monkeypatch.setattr(checkpoints, "failpoint", other_run_ends)
    checkpoints.write(folder, TrainingState(), {"w": torch.zeros(2)})
    assert "checkpoint_tensors_written" in reached
    checkpoints._forget_old(tmp_path / "gone")


def test_the_key_follows_all_that_decides_the_weights(tmp_path: Path) -> None:
    store, encoded = ArtefactStore(tmp_path), make_encoded(tmp_path)
    other = encoded.model_copy(update={"digest": "0" * 64})
    cnn, lstm = FAMILIES["cnn"], FAMILIES["lstm"]
    cases = [
        (encoded, make_pipeline(cnn, {})),
        (other, make_pipeline(cnn, {})),
        (encoded, make_pipeline(lstm, {})),
        (encoded, make_pipeline(cnn, {"label_smoothing": 0.1})),
        (encoded, make_pipeline(cnn, {}, seed=1)),
        (encoded, make_pipeline(cnn, {"threads": 2})),
    ]
    folders = {checkpoints.folder_of(store, ref, pipeline) for ref, pipeline in cases}
    assert len(folders) == len(cases)
    for folder in folders:
        folder.mkdir(parents=True)
    checkpoints.clear(store, *cases[0])
    assert sum(folder.exists() for folder in folders) == len(cases) - 1


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Ref:
    return train_example(tmp_path_factory.mktemp("store"), FAMILIES["cnn"], {"epochs": 1}).ref


def forge(model: Ref, store: Path, weights: bytes | None = None, **facts: object) -> Ref:
    """The model with other weights or facts, under digests that agree: what only a reader's own care can refuse."""
    with ArtefactStore(store).write("model") as draft:
        shutil.copytree(model.folder, draft.folder, dirs_exist_ok=True)
        (draft.folder / "manifest.json").unlink()
        if weights is not None:
            (draft.folder / "weights.safetensors").write_bytes(weights)
        manifest = json.loads((draft.folder / "model.json").read_text())
        manifest |= {"weights_sha256": file_digest(draft.folder / "weights.safetensors"), **facts}
        write_json(draft.folder / "model.json", manifest)
    return draft.ref


def test_a_changed_byte_of_the_weights_is_found(model: Ref, tmp_path: Path) -> None:
    copy = tmp_path / model.digest
    shutil.copytree(model.folder, copy)
    path = copy / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupted, match=r"weights\.safetensors"):
        load_model(model.model_copy(update={"path": str(copy)}))


def test_a_pickle_under_the_name_of_weights_is_never_read(model: Ref, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(load_model(model).model.state_dict(), path)
    for number, data in enumerate((path.read_bytes(), b"\x80\x04\x95evil.")):
        with pytest.raises(DataRefused, match="a pickle under the name of weights"):
            load_model(forge(model, tmp_path / str(number), weights=data))


def test_weights_of_another_shape_or_name_are_refused_naming_both(model: Ref, tmp_path: Path) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_model(model).model.state_dict().items()}
    tensors["classes.weight"] = torch.zeros(3, 5)
    tensors["stranger"] = tensors.pop("classes.bias")
    save_file(tensors, tmp_path / "weights.safetensors")
    with pytest.raises(DataRefused) as caught:
        load_model(forge(model, tmp_path, weights=(tmp_path / "weights.safetensors").read_bytes()))
    message = str(caught.value)
    assert "classes.weight: the file has (3, 5) float32, the network (3, 8) float32" in message
    assert "classes.bias: not in the file" in message
    assert "stranger: not in the network" in message


@pytest.mark.slow
@pytest.mark.parametrize(("dense", "members"), [(0, 1), (5, 1), (5, 2)])
def test_a_model_of_format_1_had_its_flattened_positions_by_filter_and_answers_as_it_did(
    tmp_path: Path, dense: int, members: int
) -> None:
    settings = {"family": "cnn", "filters": [3, 4], "pooling": "flatten", "dense": dense, "members": members}
    now = train_example(tmp_path, settings, {"epochs": 1}).ref
    weights, flattened = dict(load_model(now).model.state_dict()), "dense.weight" if dense else "classes.weight"
    for name in [name for name in weights if name.endswith(flattened)]:
        by_position, positions = weights[name], weights[name].shape[1] // 4
        by_filter = torch.empty_like(by_position)
        for place in range(positions):
            for number in range(4):
                by_filter[:, number * positions + place] = by_position[:, place * 4 + number]
        weights[name] = by_filter
    save_file(weights, tmp_path / "old.safetensors")
    before = forge(now, tmp_path / "old", weights=(tmp_path / "old.safetensors").read_bytes(), format=1)
    valid = EncodedSplit.open(make_encoded(tmp_path), "valid")
    answers = [predict_logits(load_model(ref), valid, batch_size=8) for ref in (now, before)]
    np.testing.assert_array_equal(*answers)
    assert np.ptp(answers[0], axis=0).max() > 0.01, "rows differ"


def test_rubbish_weights_and_other_formats_are_refused(model: Ref, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="not safetensors"):
        load_model(forge(model, tmp_path / "a", weights=b"\xff" * 64))
    with pytest.raises(DataRefused, match="model format 3; expected format 1 or 2"):
        load_model(forge(model, tmp_path / "b", format=3))
    with pytest.raises(Corrupted, match=r"model\.json"):
        load_model(forge(model, tmp_path / "c", surprise=1))
    with pytest.raises(Corrupted, match="disagree on inputs or labels"):
        load_model(forge(model, tmp_path / "d", labels=["a", "b", "x"]))
