"""What a server answers to somebody without its password: every call of its API, every stream."""

from __future__ import annotations

import json
import re

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

STREAMS = ("/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled",
           "/api/work_pools/seqcls/workers/connect")  # fmt: skip
OPEN = {("get", "/api/health"), ("get", "/api/ready")}
"""For supervisors that ask whether it lives."""


def answered_calls(server: str, headers: dict[str, str]) -> tuple[int, set[tuple[str, str]]]:
    """How many calls the API has, and which of them are not refused."""
    with httpx.Client(base_url=server, timeout=60, headers=headers) as client:
        paths = client.get("/openapi.json").json()["paths"]  # without the "/api" before each
        calls = [(method, f"/api{path}") for path, methods in paths.items() for method in methods]
        answered = set()
        for method, path in calls:
            code = client.request(method, re.sub(r"\{[^}]*\}", "x", path), json={}).status_code
            if code not in (401, 403):  # who are you? where is your token (which only the password opens)?
                answered.add((method, path))
    return len(calls), answered


def opened_streams(server: str, password: str, origin: str | None = None) -> set[str]:
    """The streams that let somebody in who says this password."""
    opened = set()
    for path in STREAMS:
        try:
            with connect(
                server.replace("http", "ws") + path, subprotocols=[Subprotocol("prefect")], origin=origin, proxy=None
            ) as stream:  # type: ignore[arg-type]
                stream.send(json.dumps({"type": "auth", "token": password}))
                if json.loads(stream.recv(timeout=30))["type"] == "auth_success":
                    opened.add(path)
        except (ConnectionClosed, InvalidStatus):
            continue  # refused
    return opened
