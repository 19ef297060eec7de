"""How tasks are retried: three times, with exponential back-off and jitter, and only for errors of the machine.

Wrong data, a wrong config and a broken check would fail again; a full disk, a locked database or a dropped connection
may not.
"""

from __future__ import annotations

from typing import Any

from prefect import Task
from prefect.cache_policies import DEFAULT
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from seqcls.errors import SeqclsError

# Python errors that mean a bug or bad input; any other OSError-like failure comes from the machine.
FINAL = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, NotImplementedError, ImportError)


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the error that ended a task run may be gone at the next attempt."""
    try:
        state.result()
    except SeqclsError as error:
        return error.retryable
    except FINAL:
        return False
    except Exception:
        return True
    return False


# Our own content keys decide what is skipped, so Prefect's cache only writes: results are small records in JSON, for
# people, and refresh_cache sees to it that none is read back: a tampered file could name a serializer that runs code.
STAGE: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": worth_retrying,
    "cache_policy": DEFAULT,
    "refresh_cache": True,
    "persist_result": True,
    "result_serializer": "json",
}
HOUR = 3600
