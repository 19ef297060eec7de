"""A failing world is tried again, with growing waits; bad data, a wrong config and a bug are not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH

from seqcls.errors import (
    BudgetExceeded,
    CheckBroken,
    ConfigRefused,
    Corrupted,
    DataRefused,
    GateRefused,
    SeqclsError,
    WorldFailed,
)
from seqcls.stages import StageResult
from seqcls.store.artefacts import Ref
from seqcls_tasks import encode, evaluate, ingest, promote, score, train, validate
from seqcls_tasks.policy import STAGE

pytestmark = pytest.mark.server
FAST = {**STAGE, "retry_delay_seconds": 0.01}
TASKS = [
    ingest.ingest, validate.validate, encode.split, encode.encode, train.train, evaluate.evaluate, promote.promote,
    score.discover, score.plan, score.validate_new, score.score_new, score.publish_scores,
]  # fmt: skip


def attempts(error: Exception, failures: int) -> tuple[int, State[Any]]:
    """How often a task runs that fails so many times, and how its flow ends."""
    runs: list[int] = []

    @task(**FAST)
    def stage() -> str:
        runs.append(1)
        if len(runs) <= failures:
            raise error
        return "done"

    @flow
    def job() -> str:
        return stage()

    state = job(return_state=True)
    return len(runs), state


@pytest.mark.parametrize("error", [WorldFailed("disk full"), ConnectionError("reset"), OSError(28, "No space left")])
def test_a_failing_world_is_tried_again_until_it_works(error: Exception) -> None:
    count, state = attempts(error, failures=2)
    assert count == 3
    assert state.is_completed()


def test_a_world_that_stays_broken_ends_after_three_retries() -> None:
    count, state = attempts(WorldFailed("disk full", next_step="free space"), failures=99)
    assert count == 4
    assert state.is_failed()
    assert "free space" in str(state.message)


@pytest.mark.parametrize("kind", [DataRefused, BudgetExceeded, GateRefused, ConfigRefused, CheckBroken, Corrupted])
def test_what_would_fail_again_is_not_tried_again(kind: type[SeqclsError]) -> None:
    count, state = attempts(kind("row 7 is bad", next_step="fix it"), failures=1)
    assert count == 1
    assert state.is_failed()
    assert "row 7 is bad" in str(state.message)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), TypeError("x"), AssertionError("x")])
def test_a_bug_is_not_tried_again(error: Exception) -> None:
    assert attempts(error, failures=1)[0] == 1


@pytest.mark.parametrize("stage", TASKS, ids=lambda stage: stage.name)
def test_each_stage_is_a_task_with_retries_backoff_jitter_timeout_and_json(stage: Any) -> None:
    assert stage.retries == 3
    delays = stage.retry_delay_seconds
    assert delays == sorted(delays)
    assert delays[-1] >= 2 * delays[0]
    assert stage.retry_jitter_factor == 0.5
    assert stage.timeout_seconds >= 3600
    assert stage.result_serializer == "json"
    assert stage.cache_policy == STAGE["cache_policy"]


def test_results_are_json_and_a_tampered_one_is_never_read() -> None:
    runs: list[int] = []

    @task(**FAST)
    def stage() -> StageResult:
        runs.append(1)
        ref = Ref(kind="table", digest="abc", path="/p")
        return StageResult(stage="ingest", ref=ref, reused=False, seconds=0.5)

    @flow
    def job() -> str:
        storage = PREFECT_RESULTS_LOCAL_STORAGE_PATH.value()
        earlier = set(storage.iterdir()) if storage.exists() else set()  # results of other tests
        first = stage()
        for path in set(storage.iterdir()) - earlier:
            stored = json.loads(path.read_text())
            assert stored["metadata"]["serializer"]["type"] == "json"
            if isinstance(stored["result"], str) and '"digest":"abc"' in stored["result"].replace(" ", ""):
                stored["metadata"]["serializer"] = {"type": "pickle"}
                path.write_text(json.dumps({**stored, "result": "gASVKAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOU"}))
                runs.append(100)
        return stage().ref.digest if first else ""

    assert job() == "abc"
    assert runs == [1, 100, 1]
