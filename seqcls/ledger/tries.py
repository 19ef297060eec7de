"""Which new files a run has begun to read, and did not live to tell what came of it.

In: digests of inputs. Out: those whose reader is gone. Promise: a file that ends the process itself (the kernel ends it
for lack of memory, say) is known by the next run; one that ended in a message, or that another run reads now, is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, and_, select, update

from seqcls.ledger.database import Database
from seqcls.ledger.schema import inputs

BEGUN = "being read by "


@contextmanager
def trying(database: Database, pipeline: str, digest: str, owner: str) -> Iterator[None]:
    """Written down before the first row is read; what is made of the file, or an error, ends it."""
    _note(database, pipeline, digest, f"{BEGUN}{owner}")
    try:
        yield
    except BaseException:  # also when interrupted: it was no fault of the file
        _note(database, pipeline, digest, "")
        raise


def _note(database: Database, pipeline: str, digest: str, detail: str) -> None:
    mine = and_(inputs.c.pipeline == pipeline, inputs.c.input_digest == digest, inputs.c.rescored_with == 0)
    unread = and_(mine, inputs.c.state != "done")
    database.transact(lambda connection: connection.execute(update(inputs).where(unread).values(detail=detail)))


def cut_off(database: Database, pipeline: str, is_gone: Callable[[str], bool]) -> set[str]:
    """Inputs whose reading was begun by a process that is gone, and that have no rows."""
    begun = and_(inputs.c.pipeline == pipeline, inputs.c.rescored_with == 0, inputs.c.detail.startswith(BEGUN))

    def work(connection: Connection) -> set[str]:
        rows = connection.execute(select(inputs).where(begun, inputs.c.checked_digest.is_(None))).all()
        return {row.input_digest for row in rows if is_gone(row.detail.removeprefix(BEGUN))}

    return database.transact(work)
