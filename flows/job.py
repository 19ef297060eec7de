"""`@job("train")`: one of our flows, and what all of them share.

A run has our tag, sends heartbeats, and keeps a name that a person typed; if it fails for a known reason, its page
shows one message with what to do instead of the traceback of three libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any

from prefect import Flow, tags

from seqcls.errors import SeqclsError
from seqcls.workspace import keep_notes
from seqcls_flows.parameters import RunParams
from seqcls_flows.run_names import name_run, pipeline_of
from seqcls_tasks.heartbeat import signs_of_life
from seqcls_tasks.messages import log_messages_alone
from seqcls_tasks.ours import TAG
from seqcls_tasks.show import show_failure

Recipe = Callable[..., dict[str, Any]]


class Job(Flow[..., dict[str, Any]]):
    """A flow whose runs have our tag even if they are started from a shell, without a deployment."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with tags(TAG):
            return super().__call__(*args, **kwargs)


def job(name: str) -> Callable[[Recipe], Job]:
    """Turn a function `(params) -> figures of the run` into a flow."""

    def make(recipe: Recipe) -> Job:
        @wraps(recipe)
        def run(params: RunParams) -> dict[str, Any]:
            log_messages_alone()
            with signs_of_life():
                try:
                    with keep_notes(params.config):  # each task opens its own workspace
                        return recipe(params)
                except SeqclsError as error:
                    show_failure(pipeline_of(params.config), error)
                    raise

        run.__signature__ = signature(recipe, eval_str=True)  # type: ignore[attr-defined]  # whose types are read
        return Job(run, name=name, flow_run_name=name_run, persist_result=True, result_serializer="json")

    return make
