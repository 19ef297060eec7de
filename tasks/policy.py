"""How tasks are retried: three times, with exponential back-off and jitter, and only when the world failed.

Wrong data, a wrong config and a broken check give the same answer again; a full disk, a locked database or a
dropped connection may not.
"""

from __future__ import annotations

from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from seqcls.errors import SeqclsError

# Python's own errors that mean a bug or bad input; any other OSError-like failure is the world's.
FINAL = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, NotImplementedError, ImportError)


def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether the error that ended a task run may be gone at the next try."""
    try:
        state.result()
    except SeqclsError as error:
        return error.retryable
    except FINAL:
        return False
    except Exception:
        return True
    return False


# Prefect's cache is off: our own content keys decide what is skipped, so a retried run finds finished stages in
# the ledger, and no stored result is ever read back. Results are small records in JSON.
STAGE: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": worth_retrying,
    "cache_policy": NO_CACHE,
    "persist_result": True,
    "result_serializer": "json",
}
HOUR = 3600
