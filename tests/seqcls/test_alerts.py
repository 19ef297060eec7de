"""[alert]: a real web server on loopback hears each fault once, with what to do next, and never sees a secret leak."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seqcls.alerts.send import Message, send
from seqcls.cli import main
from seqcls.config.alert import AlertConfig
from seqcls.road.watching import check_night
from seqcls.workspace import open_workspace
from tests.road_data import write_rows

SECRET = "s3cr3t-t0ken"
ALERT = '\n[alert]\nto_env = ["ALERT_URL"]\nfile = "alerts.jsonl"\n'
HELLO = Message("pairs", "test", "title", "text", "do this")


class Receiver(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:  # the name that http.server asks for
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("ALERT_URL", server.address)
        yield server
        server.shutdown()


@pytest.fixture
def config(trained: Path, copy: Callable[[Path], Path]) -> Path:
    config = copy(trained)
    config.write_text(config.read_text() + ALERT)
    return config


def test_a_refused_file_is_told_once_and_again_when_it_is_another(
    config: Path, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "incoming" / "bad.csv").write_bytes(b"\x00\x01 no table")
    assert main(["score", str(config)]) == 3
    assert main(["score", str(config)]) == 3
    (message,) = receiver.heard
    assert (message["pipeline"], message["about"]) == ("pairs", "refused_files")
    assert message["text"].startswith("seqcls: pairs: score: files were refused\n")
    assert "bad.csv" in message["text"]
    assert "Next: fix or remove these files" in message["text"]
    lines = (config.parent / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["about"] for line in lines] == ["refused_files"]
    (config.parent / "incoming" / "bad.csv").unlink()
    assert main(["score", str(config)]) == 0  # the night is well: what was told is over
    (config.parent / "incoming" / "worse.csv").write_bytes(b"\x00\x01 no table")
    assert main(["score", str(config)]) == 3
    assert len(receiver.heard) == 2
    assert SECRET not in "".join(capfd.readouterr()) + (config.parent / "alerts.jsonl").read_text()


def test_a_failed_training_is_told_and_the_error_is_raised_as_it_was(config: Path, receiver: Receiver) -> None:
    for path in (config.parent / "data").glob("*"):
        path.unlink()
    assert main(["train", str(config)]) in (2, 3, 5)
    (message,) = receiver.heard
    assert (message["about"], "train failed" in message["title"]) == ("failed", True)
    assert "Next: " in message["text"]


def test_many_rejected_rows_and_a_refusal_of_the_gate_are_told(config: Path, receiver: Receiver) -> None:
    write_rows(config.parent / "incoming" / "late.csv", 30, seed=3, labelled=False,
               extra=[[f"empty-{row}", ""] for row in range(20)])  # fmt: skip
    assert main(["score", str(config)]) == 0
    floors = '[promote]\nfloors = [{ metric = "accuracy", at_least = 1.01 }]\n'
    text = config.read_text().replace("epochs = 3", "epochs = 1").replace("[alert]", f"{floors}[alert]")
    config.write_text(text)
    assert main(["train", str(config)]) == 0
    assert main(["train", str(config)]) == 0
    assert [message["about"] for message in receiver.heard] == ["rejects", "gate"]
    assert "floor of accuracy" in receiver.heard[1]["text"]


def test_a_file_unlike_the_training_rows_is_told_once(config: Path, receiver: Receiver) -> None:
    rows = [[f"odd-{row}", "совсем другое письмо " * 40] for row in range(20)]
    write_rows(config.parent / "incoming" / "odd.csv", 2, seed=3, labelled=False, extra=rows)
    assert main(["score", str(config)]) == 0
    assert main(["score", str(config)]) == 0
    (message,) = receiver.heard
    assert (message["about"], "unlike_training" in message["text"]) == ("unlike_training", True)
    assert "odd.csv is unlike the training rows" in message["title"]


def test_a_question_is_told_when_it_is_asked(config: Path, receiver: Receiver) -> None:
    rules = '[promote]\napproval = "person"\ntolerance = 1.0\nevery_class_predicted = false\n'
    config.write_text(config.read_text().replace("epochs = 3", "epochs = 2").replace("[alert]", f"{rules}[alert]"))
    assert main(["train", str(config)]) == 0
    assert main(["models", str(config)]) == 0
    (message,) = receiver.heard
    assert message["about"] == "approval"
    assert "--yes --why TEXT` promotes it" in message["text"]


def test_a_missing_night_is_told_once_a_day(config: Path, receiver: Receiver) -> None:
    config.write_text(config.read_text() + 'night_by = "06:00"\ntime_zone = "Europe/Berlin"\n')
    noon = 1796209200.0  # 2026-12-02 12:00 in Berlin
    with open_workspace(config) as workspace:
        check_night(workspace, noon)
        check_night(workspace, noon + 3600)
        assert len(receiver.heard) == 1
        check_night(workspace, noon + 86400)
    assert [message["title"] for message in receiver.heard] == [
        "seqcls: pairs: no night by 2026-12-02 06:00", "seqcls: pairs: no night by 2026-12-03 06:00",
    ]  # fmt: skip


@pytest.mark.parametrize("status", [302, 403, 500])
def test_an_address_that_takes_nothing_is_named_by_its_variable_only(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert send(AlertConfig(to_env=["ALERT_URL"]), Path(), HELLO) == [
        f"the address in ALERT_URL answered with status {status}"
    ]


@pytest.mark.slow
def test_faults_of_addresses_never_hold_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    alert = AlertConfig(to_env=["ALERT_URL"])
    for address in (
        f"http://127.0.0.1:1/{SECRET}",
        f"https://{SECRET}:x@[bad/",
        f"nonsense://{SECRET}",
        f"json://127.0.0.1:1/{SECRET}",
    ):
        monkeypatch.setenv("ALERT_URL", address)
        (fault,) = send(alert, Path(), HELLO)
        assert "ALERT_URL" in fault
        assert SECRET not in fault
    monkeypatch.delenv("ALERT_URL")
    (fault,) = send(alert, Path(), HELLO)
    assert "ALERT_URL of alert.to_env is not set" in fault


@pytest.mark.slow
def test_apprise_reaches_other_addresses(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("ALERT_URL", f"json://127.0.0.1:{receiver.server_port}/hook")
    assert send(AlertConfig(to_env=["ALERT_URL"]), Path(), HELLO) == []
    assert "do this" in receiver.heard[0]["message"]


def test_doctor_sends_a_test_message(config: Path, receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    main(["doctor", str(config), "--alert"])
    out = capfd.readouterr().out
    assert "ok  alert to ALERT_URL: sent" in out
    assert "ok  alert to alerts.jsonl: sent" in out
    assert receiver.heard[0]["title"] == "seqcls: pairs: test message"


@pytest.mark.parametrize(
    ("keys", "said"),
    [({"night_by": "06:00"}, "night_by has no effect without to_env or file"),
     ({"file": "a", "time_zone": "Europe/Berlin"}, "time_zone is that of night_by"),
     ({"file": "a", "night_by": "06:00", "time_zone": "Mars/Base"}, "not a time zone"),
     ({"to_env": ["https://example.org/x"]}, "not the name of an environment variable")],
)  # fmt: skip
def test_settings_without_effect_and_addresses_in_the_file_are_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AlertConfig(**keys)
