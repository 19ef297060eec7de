"""Opening the ledger: SQLite in the store by default, PostgreSQL by URL.

Promise: every transaction is all or nothing and on disk when it ends (SQLite: WAL, synchronous=FULL, one
BEGIN IMMEDIATE each: a deferred one fails at once when two writers upgrade). A busy database is waited for.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, SQLAlchemyError

from seqcls.errors import ConfigRefused, Corrupted, SeqclsError, WorldFailed
from seqcls.ledger.migrate import OLDEST, migrate
from seqcls.ledger.schema import SCHEMA_VERSION, metadata, settings
from seqcls.store.durable import make_folder

LEDGER = "ledger.db"
BUSY_SECONDS = 30.0
ATTEMPTS = 8
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "lustre", "gpfs"}
)
T = TypeVar("T")


class Database:
    """An engine and the two things done with it: read and write in one transaction."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name
        self.is_sqlite = engine.dialect.name == "sqlite"

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction; repeated when the database is busy, so it must only touch the database."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.engine.begin() as connection:
                    return work(connection)
            except IntegrityError:
                # On PostgreSQL two may look before either has written: who is late looks again, and finds the row.
                if self.is_sqlite or attempt == ATTEMPTS:
                    raise
            except DatabaseError as error:
                if not _is_busy(error) or attempt == ATTEMPTS:
                    raise self._translate(error) from error
                _pause(attempt)
        raise AssertionError("unreachable")

    def transact_once(self, work: Callable[[Connection], T]) -> T:
        """Run `work` at most once, in one transaction: for work that also writes an artefact. In a busy database
        only the beginning of the transaction is repeated; a later failure is an error."""
        try:
            with self._begin() as connection:
                return work(connection)
        except DatabaseError as error:
            raise self._translate(error) from error

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """A transaction that has begun; in SQLite it has the right to write."""
        with ExitStack() as stack:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    connection = stack.enter_context(self.engine.begin())
                    break
                except DatabaseError as error:
                    if not _is_busy(error) or attempt == ATTEMPTS:
                        raise
                    _pause(attempt)
            yield connection

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the database's clock: leases are compared on one clock only."""
        query = (
            "SELECT (julianday('now') - 2440587.5) * 86400.0"
            if self.is_sqlite
            else "SELECT extract(epoch from clock_timestamp())"
        )
        return float(connection.execute(text(query)).scalar_one())

    def _translate(self, error: SQLAlchemyError) -> Exception:
        cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
        if "malformed" in cause or "not a database" in cause:
            return Corrupted(
                f"the ledger is damaged ({cause})",
                where=self.name,
                next_step="put a backup in its place, or rebuild it with `seqcls doctor CONFIG --repair`",
            )
        # SQLite on a full disk says "disk is full", or "disk I/O error" when its shared memory cannot grow
        step = (
            "free space on that disk, then run the same command again"
            if "disk" in cause
            else "run the same command again"
        )
        return WorldFailed(f"the ledger did not answer ({cause})", where=self.name, next_step=step)

    def close(self) -> None:
        self.engine.dispose()


def _pause(attempt: int) -> None:
    """Longer after each attempt; the jitter keeps two writers from meeting again."""
    time.sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)  # noqa: S311 (jitter)


def open_database(store: Path, url_env: str | None = None, *, rebuild: bool = False) -> Database:
    """The ledger of a store; makes its tables when they are not there.

    A new ledger beside models and scores means that the old one is gone: refused, or all would be scored again.
    """
    database = _open_postgres(url_env) if url_env else _open_sqlite(store / LEDGER)
    precious = [name for kind in ("model", "scores") for name in (store / "artefacts" / kind).glob("[!.]*")]
    try:
        database.transact(_prepare(database, rebuild or not precious))
    except SeqclsError:
        database.close()
        raise
    return database


def open_file(path: Path) -> Database:
    """A ledger in a file of its own, for rebuilding."""
    database = _open_sqlite(path)
    database.transact(_prepare(database, True))
    return database


def _prepare(database: Database, may_be_new: bool) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        if not database.is_sqlite:  # two first users at once: one of them makes the tables
            connection.execute(text("SELECT pg_advisory_xact_lock(7355608)"))
        metadata.create_all(connection)
        found = connection.execute(select(settings.c.value).where(settings.c.name == "schema")).scalar()
        if found is None and not may_be_new:
            raise Corrupted(
                "the ledger is empty, but the store holds models or scores: it was lost",
                where=database.name,
                next_step="put a backup in its place, or rebuild it with `seqcls doctor CONFIG --repair`",
            )
        if found is None:
            connection.execute(insert(settings).values(name="schema", value=str(SCHEMA_VERSION)))
        elif OLDEST <= int(found) < SCHEMA_VERSION:
            migrate(connection, int(found))
        elif int(found) != SCHEMA_VERSION:
            raise ConfigRefused(
                f"the ledger has schema {found}",
                where=database.name,
                expected=f"schema {SCHEMA_VERSION}",
                next_step="use the version of seqcls that wrote it, or `seqcls doctor` to rebuild it",
            )

    return work


def _open_sqlite(path: Path) -> Database:
    _refuse_network_file_system(path.parent)
    try:
        make_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise WorldFailed(
            f"cannot open the ledger ({error.strerror})",
            where=str(path),
            next_step="fix the permissions or free space",
        ) from None
    url = URL.create("sqlite", database=str(path))  # written as text, what follows a ? would be no part of the name
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return Database(engine, str(path))


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _open_postgres(url_env: str) -> Database:
    value = os.environ.get(url_env)
    if not value:
        raise ConfigRefused(
            f"the environment variable {url_env} is empty",
            where="ledger_env",
            expected="a URL such as postgresql://user@host/name",
            next_step=f"export {url_env}=..., or leave ledger_env out for SQLite",
        )
    try:
        url = make_url(value)
    except SQLAlchemyError:
        raise ConfigRefused(
            "not a database URL",
            where=url_env,
            expected="postgresql://user:password@host/name",
            next_step="correct the environment variable",
        ) from None
    if url.get_backend_name() != "postgresql":
        raise ConfigRefused(f"{url.drivername!r} is not supported", where=url_env, expected="postgresql://...",
                            next_step="name a PostgreSQL database, or leave ledger_env out for SQLite")  # fmt: skip
    try:
        engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except ModuleNotFoundError:
        raise ConfigRefused(
            "psycopg is not installed", where=url_env, next_step="pip install 'seqcls[postgres]'"
        ) from None
    return Database(engine, url.render_as_string(hide_password=True))


def _refuse_network_file_system(folder: Path) -> None:
    """SQLite's locks do not hold on network file systems (sqlite.org/wal.html)."""
    kind = _file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise ConfigRefused(
            f"the store is on {kind}",
            where=str(folder),
            expected="a local disk for the SQLite ledger",
            next_step="move the store, or set ledger_env to the name of a variable with a PostgreSQL URL",
        )


def _file_system(folder: Path) -> str:
    """The type of the mount that holds a folder ('' where /proc is not there)."""
    mounts = Path("/proc/self/mounts")
    if not mounts.is_file():
        return ""
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _device, place, name, *_rest = line.split(" ")
        place = place.replace("\\040", " ")
        if (str(folder.absolute()) + "/").startswith(place.rstrip("/") + "/") and len(place) >= len(best):
            best, kind = place, name
    return kind


def _is_busy(error: DatabaseError) -> bool:
    cause = str(getattr(error, "orig", error)).lower()
    busy = (
        "locked",
        "busy",
        "deadlock",
        "could not serialize",
        "connection refused",
        "server closed",
        "terminating connection",
    )
    return isinstance(error, OperationalError | DatabaseError) and any(word in cause for word in busy)


@contextmanager
def closing(database: Database) -> Iterator[Database]:
    try:
        yield database
    finally:
        database.close()
