"""Tampered results and planted secrets in a real Prefect: none of its files is read back, no password is written."""

from __future__ import annotations

import base64
import json
import os
import pickle  # noqa: TID251 (the attack)
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect import flow, settings, task
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.results import ResultRecord
from prefect.states import AwaitingRetry

from seqcls.errors import WorldFailed
from seqcls.stages import StageResult
from seqcls.store.artefacts import Ref
from seqcls_flows.train import train_flow
from seqcls_tasks.ingest import ingest
from seqcls_tasks.policy import STAGE
from tests.road_data import write_project

pytestmark = pytest.mark.server
PASSWORD = "canary-4f1d-password"


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def storage() -> Path:
    return Path(settings.PREFECT_RESULTS_LOCAL_STORAGE_PATH.value())


def tamper(canary: Path, earlier: set[Path]) -> list[Path]:
    """Every new file becomes a record that names the pickle serializer, and holds code.

    Results of tasks are such records; that of a flow is bare JSON, which names nothing: it is made one, too.
    """
    changed = sorted(set(storage().iterdir()) - earlier)
    found = [json.loads(path.read_text()) for path in changed]
    example = next(record for record in found if "metadata" in record)
    text = base64.encodebytes(pickle.dumps(Payload(canary))).decode()
    for path, record in zip(changed, found, strict=True):
        metadata = {**record.get("metadata", example["metadata"]), "serializer": {"type": "pickle"}}
        path.write_text(json.dumps({"metadata": metadata, "result": text}))
    return changed


@pytest.mark.fault(
    "A02",
    tried="every result file of Prefect replaced by one that names the pickle serializer and holds code, before the "
    "flow retries by itself, and before the same run is retried as the user interface does",
    outcome="no task or flow of ours reads one back: all run again; the canary is untouched, and sings in the control",
)
def test_no_tampered_result_is_read_back(tmp_path: Path) -> None:
    canary, runs, found = tmp_path / "canary", list[str](), list[Path]()
    storage().mkdir(parents=True, exist_ok=True)
    earlier = set(storage().iterdir())

    @task(**STAGE)
    def stage(name: str) -> StageResult:
        runs.append(name)
        ref = Ref(kind="table", digest=name, path="/p")
        return StageResult(stage="ingest", ref=ref, reused=False, seconds=0.5)

    @flow(name="tampered", persist_result=True, result_serializer="json", retries=1)
    def job() -> dict[str, str]:
        digests = {name: stage(name).ref.digest for name in ("one", "two")}
        if runs == ["one", "two"]:
            found.extend(tamper(canary, earlier))
            raise WorldFailed("so that the flow is retried", where="here", next_step="wait")
        return digests

    state = job(return_state=True)
    assert state.is_completed()
    assert runs == ["one", "two"] * 2
    assert len(found) >= 2, "results are written, and were tampered with"
    found.extend(tamper(canary, earlier))
    with get_client(sync_client=True) as client:
        run_id = state.state_details.flow_run_id
        assert run_id is not None
        client.set_flow_run_state(run_id, AwaitingRetry(), force=True)
        again = run_flow(job, flow_run=client.read_flow_run(run_id), return_type="result")
    assert again == {"one": "one", "two": "two"}
    assert runs == ["one", "two"] * 3
    assert not canary.exists()
    tampered = tamper(canary, earlier)[0]
    ResultRecord.deserialize(tampered.read_bytes())
    assert canary.exists()


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def prefect_files() -> list[Path]:
    url = settings.PREFECT_API_DATABASE_CONNECTION_URL.value()
    place = str(getattr(url, "get_secret_value", lambda: url)()).partition("///")[2]
    database = Path(place)
    return [*database.parent.glob(database.name + "*"), *(path for path in storage().rglob("*") if path.is_file())]


@pytest.mark.fault(
    "A09",
    tried="a database address with a password in the environment; a flow that fails because the database is not there",
    outcome="the state's message names the database and the next step; the password is in no file of Prefect's and "
    "in no log line",
)
def test_a_password_is_in_nothing_that_prefect_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LEDGER_URL", f"postgresql://someone:{PASSWORD}@127.0.0.1:{closed_port()}/none")
    monkeypatch.setattr("seqcls.ledger.database.ATTEMPTS", 1)
    config = write_project(tmp_path, rows=20)
    config.write_text('ledger_env = "LEDGER_URL"\n' + config.read_text())
    monkeypatch.setattr("seqcls_flows.train.ingest", ingest.with_options(retries=0))
    caplog.set_level("DEBUG")
    state = train_flow(config=str(config), return_state=True)
    assert state.is_failed()
    assert "the ledger did not answer" in str(state.message)
    assert "someone:***@127.0.0.1" in str(state.message)
    assert PASSWORD not in str(state.message)
    assert PASSWORD not in caplog.text
    files = prefect_files()
    assert any(path.stat().st_size > 10_000 for path in files), "the database was found"
    assert [path for path in files if PASSWORD.encode() in path.read_bytes()] == []
