"""The `seqcls` command as a person uses it: a real process, its exit code, its words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqcls.cli import build_parser
from seqcls.table import KINDS
from tests.road_data import write_project, write_rows


def run(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seqcls", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained and scored once from the command line."""
    folder = tmp_path_factory.mktemp("cli")
    write_project(folder)
    write_rows(folder / "incoming" / "night.csv", 50, seed=1, labelled=False, extra=[["empty", ""]])
    return folder


@pytest.mark.slow
def test_check_train_score_each_say_what_to_do_next(project: Path) -> None:
    check = run("check", "pairs.toml", cwd=project)
    assert check.returncode == 0, check.stderr
    for words in (
        "242 rows = 240 accepted + 2 rejected",
        "first rows:",
        "parameters, 2 classes",
        "Next: `seqcls train",
    ):
        assert words in check.stdout
    train = run("train", "pairs.toml", cwd=project)
    assert train.returncode == 0, train.stderr
    for words in ("report:", "rejects:", "pairs@v1 is champion. Next: `seqcls score pairs.toml`"):
        assert words in train.stdout
    score = run("score", "pairs.toml", cwd=project)
    assert score.returncode == 0, score.stderr
    for words in ("51 rows in = 50 scored + 1 rejected + 0 abstained", "Next: `seqcls lineage pairs.toml ID`"):
        assert words in score.stdout


@pytest.mark.slow
def test_json_is_one_line(project: Path) -> None:
    train = run("train", "pairs.toml", "--json", cwd=project)
    assert train.returncode == 0, train.stderr
    (line,) = train.stdout.splitlines()
    assert set(json.loads(line)["rows"]) == {"in", "accepted", "rejected"}
    score = run("score", "pairs.toml", "--json", cwd=project)
    (line,) = score.stdout.splitlines()
    assert json.loads(line)["rows"] == {"in": 0, "scored": 0, "rejected": 0, "abstained": 0}


@pytest.mark.slow
def test_nothing_new_loads_neither_torch_nor_great_expectations(project: Path) -> None:
    code = (
        "import sys; from seqcls.cli import main; code = main(sys.argv[1:]);"
        "sys.exit(code or 10 * ('torch' in sys.modules) + 20 * ('great_expectations' in sys.modules))"
    )
    for command in ("train", "score"):
        done = subprocess.run([sys.executable, "-c", code, command, "pairs.toml"], cwd=project, capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_models_predict_lineage_doctor_answer(project: Path) -> None:
    models = run("models", "pairs.toml", cwd=project)
    assert "champion" in models.stdout
    predict = run("predict", "pairs.toml", "first w1 w2 second", "--json", cwd=project)
    assert json.loads(predict.stdout)["label"] in ("yes", "no")
    lineage = run("lineage", "pairs.toml", "night-7", cwd=project)
    assert "incoming/night.csv:8" in lineage.stdout
    doctor = run("doctor", "pairs.toml", cwd=project)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert "all passed" in doctor.stdout


@pytest.mark.slow
def test_a_damaged_model_is_found_by_doctor_and_not_used(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert run("train", "pairs.toml", cwd=tmp_path).returncode == 0
    (weights,) = (tmp_path / "store" / "artefacts" / "model").glob("*/weights.safetensors")
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    doctor = run("doctor", "pairs.toml", cwd=tmp_path)
    assert doctor.returncode == 3
    assert "weights.safetensors" in doctor.stdout
    write_rows(tmp_path / "incoming" / "night.csv", 5, seed=1, labelled=False)
    score = run("score", "pairs.toml", cwd=tmp_path)
    assert score.returncode == 5
    assert "weights.safetensors" in score.stderr
    assert "Traceback" not in score.stderr
    again = run("train", "pairs.toml", cwd=tmp_path)  # the damaged model is set aside and made again, bit for bit
    assert again.returncode == 0, again.stderr
    assert run("score", "pairs.toml", cwd=tmp_path).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_init_writes_a_file_that_only_lacks_the_data(tmp_path: Path, kind: str) -> None:
    assert "Next:" in run("init", "--kind", kind, "my.toml", cwd=tmp_path).stdout
    check = run("check", "my.toml", cwd=tmp_path)
    assert check.returncode == 3
    assert "no file" in check.stderr.lower() or "nothing" in check.stderr.lower()
    assert "Traceback" not in check.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["train", "none.toml"], 2, "cannot read the file"),
        (["init", "--kind", "text", "pairs.toml"], 2, "exists already"),
        (["score", "pairs.toml"], 2, "no model is champion yet"),
        (["promote", "pairs.toml"], 2, "there is no version"),
        (["promote", "pairs.toml", "--force"], 2, "--force needs --why"),
        (["rollback", "pairs.toml"], 2, "no earlier champion"),
        (["lineage", "pairs.toml", "x"], 3, "no row with id 'x'"),
        (["predict", "pairs.toml", ""], 2, "no model is champion yet"),
        (["train", "pairs.toml", "--jsno"], 2, "unrecognized arguments"),
        (["trian", "pairs.toml"], 2, "invalid choice"),
    ],
)
def test_a_mistake_is_one_message_and_no_traceback(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    write_project(tmp_path)
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_disk_without_space_is_one_message_and_the_rerun_completes(tmp_path: Path) -> None:
    write_project(tmp_path)
    full = run("train", "pairs.toml", cwd=tmp_path, env={"SEQCLS_FAILPOINT": "artefact_written=raise@3"})
    assert full.returncode == 5
    assert "No space left on device" in full.stderr
    assert "run the same command again" in full.stderr
    assert "Traceback" not in full.stderr
    assert run("train", "pairs.toml", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_ctrl_c_ends_with_one_line_and_the_rerun_goes_on(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 500\npatience = 500"))
    command = [sys.executable, "-m", "seqcls", "train", "pairs.toml"]
    # Where the tests run in the background of a shell, SIGINT is ignored, and a child inherits that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "store").glob("checkpoints/**/*.json")):
        assert time.monotonic() < deadline
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "interrupted; run the same command again" in err
    assert "Traceback" not in err


def test_a_series_may_begin_with_a_minus() -> None:
    assert build_parser().parse_args(["predict", "my.toml", "-0.4,1.2,?"]).sequence == "-0.4,1.2,?"
