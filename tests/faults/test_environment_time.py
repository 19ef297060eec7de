"""Clocks that jump, databases of others that break, artefacts that rot, versions that drift."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from seqcls.errors import Corrupted, SeqclsError
from seqcls.maintenance.doctor import examine
from seqcls.road import score_pipeline
from seqcls.store.artefacts import ArtefactStore, Ref, verify
from seqcls.workspace import open_workspace
from tests.faults.broken_world import BrokenWorld
from tests.faults.failing_calls import add_night, published
from tests.reliability.invariants import Books, count_final, count_visible, model_digests
from tests.reliability.processes import Nursery

DAY = 24 * 3600


def dates_of_scores(config: Path) -> set[str]:
    return {path.name.partition("=")[2] for path in (config.parent / "scores").glob("model=*/scored_on=*")}


def change_ledger(config: Path, statement: str) -> None:
    with closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger, ledger:
        assert ledger.execute(statement).rowcount == 1


@pytest.mark.fault(
    "F67",
    tried="a clock that jumps a day ahead, or back, between the runs of a night",
    outcome="each row is scored once; score folders carry the dates of those clocks; earlier files do not change",
)
@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_jumps_scores_nothing_twice(
    jump: int, trained: Path, world: BrokenWorld, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    today = datetime.now(UTC)
    assert nursery.run("score", config, failpoint="scores_published=kill").status == -signal.SIGKILL
    before = published(config)
    assert before
    world.move_clock(jump)
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    world.fix()
    add_night(config)
    assert nursery.run("score", config).status == 0
    assert published(config).items() >= before.items()
    assert count_final(config) == Books()
    near = {f"{today + timedelta(seconds=jump * times, days=late):%Y-%m-%d}" for times in (0, 1) for late in (0, 1)}
    assert dates_of_scores(config) <= near
    assert len(dates_of_scores(config)) >= 1


@pytest.mark.fault(
    "F67",
    tried="a lease taken on another machine while the clock was a day ahead, and the clock set right again",
    outcome="the lease counts as over at once, not after a day; each row is scored once",
)
def test_a_lease_from_a_clock_that_was_ahead_is_not_waited_for(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    assert nursery.run("score", config, failpoint="chunk_claimed=kill").status == -signal.SIGKILL
    change_ledger(config, "UPDATE chunks SET owner = 'elsewhere:77:5'")
    held = nursery.run("score", config)
    assert "held by another run" in held.text, "a lease of now is waited for"
    change_ledger(config, f"UPDATE chunks SET lease_until = {time.time() + DAY} WHERE state = 'claimed'")
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert "held by another run" not in done.text
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F67",
    tried="scoring under time zones 26 hours apart",
    outcome="the same UTC date in the names of the folders and UTC times in the rows",
)
def test_the_time_zone_of_the_machine_changes_nothing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set[str]()
    days = [f"{datetime.now(UTC):%Y-%m-%d}"]
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        config = Path(shutil.copytree(trained, tmp_path / zone)) / "pairs.toml"
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        with open_workspace(config) as workspace:
            score_pipeline(workspace)
        found |= dates_of_scores(config)
    monkeypatch.delenv("TZ")
    time.tzset()
    days.append(f"{datetime.now(UTC):%Y-%m-%d}")  # it may have become midnight
    assert found <= set(days)


def overwrite_page(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 2048)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.fault(
    "F65",
    tried="a Prefect database that is damaged or cut, and a server that does not answer",
    outcome="scoring from the command line is not affected; doctor names the file, the server and what to do",
)
@pytest.mark.parametrize("damage", [overwrite_page, cut])
def test_a_damaged_prefect_database_is_named_by_doctor(
    damage: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_prefect_database(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    assert finding("prefect database") == (True, f"{path}: ok", "")
    damage(path)
    healthy, found, remedy = finding("prefect database")
    assert not healthy
    assert str(path) in found
    assert "btreeInitPage" in found or "malformed" in found or "not a database" in found
    assert "\n" not in found
    assert "models and scores are not" in remedy


@pytest.mark.fault(
    "F65",
    tried="a Prefect database that another process has locked",
    outcome="doctor says within seconds that it is locked and what to stop",
)
def test_a_locked_prefect_database_is_named_by_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_prefect_database(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        healthy, found, remedy = finding("prefect database")
    assert (healthy, found) == (False, f"{path}: database is locked")
    assert remedy == "stop the server and the workers"


@pytest.mark.fault(
    "O17",
    tried="doctor without PREFECT_API_URL beside a server of `make server`, and after it died",
    outcome="doctor knows its address and asks it; dead, it names the address and advises `make server`",
)
def test_doctor_knows_the_server_of_make_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / ".prefect"
    home.mkdir()
    assert finding("prefect server") == (True, "none was started (`make server` starts one)", "")
    assert finding("prefect database")[1] == f"none yet ({home / 'prefect.db'})"
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        url = f"http://127.0.0.1:{server.server_port}/api"
        (home / "server.url").write_text(f"{url}\n")
        threading.Thread(target=server.handle_request).start()
        assert finding("prefect server") == (True, f"{url} answers 200", "")
    healthy, found, remedy = finding("prefect server")
    assert (healthy, found.startswith(f"{url} does not answer")) == (False, True)
    assert remedy == f"`make server`; where no server is wanted any more, remove {home / 'server.url'}"
    (home / "server.url").unlink()
    assert finding("prefect server")[0]


class Healthy(BaseHTTPRequestHandler):
    """Answers as /api/health does."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 401)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Nothing on standard error."""


def make_prefect_database(home: Path) -> Path:
    path = home / "prefect.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE flow_run (id TEXT PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO flow_run VALUES (?, ?)", [(f"{n:04}", "x" * 200) for n in range(100)])
    return path


def finding(what: str) -> tuple[bool, str, str]:
    found = next(item for item in examine(None) if item.what == what)
    return found.healthy, found.found, "" if found.healthy else found.remedy


@pytest.mark.fault(
    "F65",
    tried="scoring with a cut Prefect database in PREFECT_HOME and a server address where nobody answers",
    outcome="exit code 0, every row accounted for",
)
def test_scoring_needs_neither_prefects_database_nor_its_server(
    trained: Path, tmp_path: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    home = tmp_path / "home"
    home.mkdir()
    cut(make_prefect_database(home))
    more = {"PREFECT_HOME": str(home), "PREFECT_API_URL": "http://127.0.0.1:9/api", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "seqcls", "score", str(config)]
    done = subprocess.run(command, env={**os.environ, **more}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F68",
    tried="a bit flipped in the champion's weights, or the weights deleted",
    outcome="scoring refuses with the file and what to do, exit code 5; training makes the same model again, and the "
    "scoring then completes",
)
@pytest.mark.parametrize("how", ["flipped", "deleted"])
def test_a_champion_that_rots_is_refused_and_made_again(
    how: str, scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    add_night(config)
    digests = model_digests(config)
    (weights,) = (config.parent / "store" / "artefacts" / "model").rglob("weights.safetensors")
    data = weights.read_bytes()
    weights.unlink()
    if how == "flipped":
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused = nursery.run("score", config)
    assert refused.status == 5, refused.text
    assert str(weights) in refused.text
    assert "`seqcls train CONFIG` makes it again" in refused.text
    assert count_visible(config).duplicated == 0
    done = nursery.run("train", config)
    assert done.status == 0, done.text
    assert nursery.run("score", config).status == 0
    assert model_digests(config) == digests
    assert count_final(config) == Books()


def rewritten(ref: Ref, store: ArtefactStore, name: str, change: Callable[[dict[str, object]], None]) -> Ref:
    """The artefact with one JSON file changed, as another version of seqcls might have written it: whole, and sound."""
    with store.write(ref.kind) as draft:
        manifest = json.loads((ref.folder / "manifest.json").read_text())
        for file in manifest["files"]:
            (draft.folder / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(ref.folder / file, draft.folder / file)
        data = json.loads((draft.folder / name).read_text())
        change(data)
        (draft.folder / name).write_text(json.dumps(data))
        draft.meta |= manifest["meta"]
        draft.inputs |= manifest["inputs"]
    return draft.ref


@pytest.mark.fault(
    "F69",
    tried="a model of a later format, with keys of a later version, or with the encoder of another model",
    outcome="refused; the message names what was found, what this version reads, and what to do",
)
@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("model.json", {"format": 99}, ["model format 99", "expected format ", "use the seqcls that wrote it"]),
        ("model.json", {"quantum": 1}, ["not readable", "expected the facts of a model, format ", "that wrote it"]),
        ("encoder.json", {"labels": ["a", "b"]}, ["disagree", "expected the encoder that the model was trained with"]),
    ],
)
def test_a_model_of_another_version_is_refused_naming_both(
    name: str, changes: dict[str, object], words: list[str], trained: Path, tmp_path: Path
) -> None:
    from seqcls.models.package import load_model

    model = next(ref for ref in ArtefactStore(trained / "store").all() if ref.kind == "model")
    ref = rewritten(model, ArtefactStore(tmp_path), name, lambda data: data.update(changes))
    with pytest.raises(SeqclsError) as caught:
        load_model(ref)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.fault(
    "F69",
    tried="an artefact whose manifest has a later format",
    outcome="refused, naming both formats; a stage makes it again",
)
def test_an_artefact_of_another_format_is_refused_naming_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ArtefactStore(tmp_path)
    monkeypatch.setattr("seqcls.store.manifest.FORMAT_VERSION", 7)
    with store.write("table") as draft:
        (draft.folder / "a.txt").write_text("a")
    verify(draft.ref)
    monkeypatch.undo()
    with pytest.raises(Corrupted, match="an artefact of format 7; expected format 1"):
        verify(draft.ref)
