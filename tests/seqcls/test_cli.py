"""The `seqcls` command as a person uses it: a process, its exit code, its words.

Most are forked by the nursery. A Python of its own is started where that matters: what is loaded, which stream has
what, an interrupt; `tests/test_wheel.py` runs the installed command.
"""

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
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seqcls", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def project(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checked, trained and scored once from the command line; what each said is in NAME.txt."""
    folder = tmp_path_factory.mktemp("cli")
    write_project(folder)
    write_rows(folder / "incoming" / "night.csv", 50, seed=1, labelled=False, extra=[["empty", ""]])
    for name in ("check", "train", "score"):
        done = nursery.run(name, folder / "pairs.toml")
        assert done.status == 0, done.text
        (folder / f"{name}.txt").write_text(done.text)
    return folder


@pytest.mark.slow
def test_check_train_score_each_say_what_to_do_next(project: Path) -> None:
    said = {name: (project / f"{name}.txt").read_text() for name in ("check", "train", "score")}
    for words in (
        "242 rows = 240 accepted + 2 rejected",
        "first rows:",
        "parameters, 2 classes",
        "Next: `seqcls train",
    ):
        assert words in said["check"]
    config = project / "pairs.toml"
    for words in (
        "report:",
        f"rejected rows (`seqcls rejects {config}` lists them all)",
        f"pairs@v1 is champion. Next: `seqcls score {config}`",
    ):
        assert words in said["train"]
    for words in ("51 rows in = 50 scored + 1 rejected + 0 abstained", f"Next: `seqcls lineage {config} ID`"):
        assert words in said["score"]


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
def test_models_predict_lineage_doctor_answer(project: Path, nursery: Nursery) -> None:
    config = project / "pairs.toml"
    assert "champion" in nursery.run("models", config).text
    predict = nursery.run("predict", config, "first w1 w2 second", "--json")
    assert json.loads(predict.text)["label"] in ("yes", "no")
    assert "incoming/night.csv:8" in nursery.run("lineage", config, "night-7").text
    doctor = nursery.run("doctor", config)
    assert doctor.status == 0, doctor.text
    assert "all passed" in doctor.text


@pytest.mark.slow
def test_a_damaged_model_is_found_by_doctor_and_not_used(tmp_path: Path, nursery: Nursery) -> None:
    config = write_project(tmp_path)
    assert nursery.run("train", config).status == 0
    (weights,) = (tmp_path / "store" / "artefacts" / "model").glob("*/weights.safetensors")
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    doctor = nursery.run("doctor", config)
    assert doctor.status == 3
    assert "weights.safetensors" in doctor.text
    write_rows(tmp_path / "incoming" / "night.csv", 5, seed=1, labelled=False)
    score = nursery.run("score", config)
    assert score.status == 5
    assert "weights.safetensors" in score.text
    assert "Traceback" not in score.text
    again = nursery.run("train", config)  # the damaged model is set aside and made again, bit for bit
    assert again.status == 0, again.text
    assert nursery.run("score", config).status == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_init_writes_a_file_that_only_lacks_the_data(tmp_path: Path, kind: str, nursery: Nursery) -> None:
    config = tmp_path / "my.toml"
    assert "Next:" in nursery.run("init", "--kind", kind, config).text
    check = nursery.run("check", config)
    assert check.status == 3
    assert "no file" in check.text.lower() or "nothing" in check.text.lower()
    assert "Traceback" not in check.text


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
def test_a_mistake_is_one_message_and_no_traceback(
    tmp_path: Path, arguments: list[str], code: int, words: str, nursery: Nursery
) -> None:
    write_project(tmp_path)
    done = nursery.run(*(tmp_path / word if word.endswith(".toml") else word for word in arguments))
    assert done.status == code
    assert words in done.text
    assert "Traceback" not in done.text


@pytest.mark.slow
def test_a_disk_without_space_is_one_message_and_the_rerun_completes(tmp_path: Path, nursery: Nursery) -> None:
    config = write_project(tmp_path)
    full = nursery.run("train", config, failpoint="artefact_written=raise@3")
    assert full.status == 5
    assert "No space left on device" in full.text
    assert "run the same command again" in full.text
    assert "Traceback" not in full.text
    assert nursery.run("train", config).status == 0


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
