"""One counter a pipeline: what comes first and what later, whatever the clocks say.

In: a transaction. Out: the next number. Promise: numbers are given in the order of the commits: the row of the counter
is locked until the transaction ends. (Lamport, "Time, clocks, and the ordering of events", 1978.)
"""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from seqcls.ledger.schema import counters


def next_number(connection: Connection, pipeline: str) -> int:
    """Larger than all that the pipeline gave before."""
    mine = counters.c.pipeline == pipeline
    one_more = update(counters).where(mine).values(value=counters.c.value + 1)
    if not connection.execute(one_more).rowcount:
        try:  # to look first would not do: on PostgreSQL two may look at once, and both see nothing
            with connection.begin_nested():
                connection.execute(insert(counters).values(pipeline=pipeline, value=1))
        except IntegrityError:
            connection.execute(one_more)
    return int(connection.execute(select(counters.c.value).where(mine)).scalar_one())


def reach_number(connection: Connection, pipeline: str, number: int) -> None:
    """Numbers that are given from now on are larger than this one: for a ledger that is rebuilt."""
    mine = counters.c.pipeline == pipeline
    found = connection.execute(select(counters.c.value).where(mine)).scalar()
    if found is None:
        connection.execute(insert(counters).values(pipeline=pipeline, value=number))
    elif found < number:
        connection.execute(update(counters).where(mine).values(value=number))
