"""`@job("train")`: one of our flows, and what all of them share.

A run has our tag, sends heartbeats, and keeps a name that a person typed; if it fails for a known reason, its page
shows one message with what to do instead of the traceback of three libraries. A flow's parameters are the fields of
its form (flows/parameters.py), side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

from prefect import Flow, tags

from seqcls.errors import SeqclsError
from seqcls.road import watching
from seqcls.workspace import keep_notes
from seqcls_flows.parameters import RunParams, parameter_schema_of
from seqcls_flows.run_names import name_run, pipeline_of
from seqcls_tasks.heartbeat import signs_of_life
from seqcls_tasks.listener import RunLog
from seqcls_tasks.messages import log_messages_alone
from seqcls_tasks.ours import TAG
from seqcls_tasks.show import show_failure

Recipe = Callable[..., dict[str, Any]]


class Job(Flow[..., dict[str, Any]]):
    """A flow whose runs have our tag even if they are started from a shell, without a deployment."""

    form: type[RunParams]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with tags(TAG):
            return super().__call__(*args, **kwargs)

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Also those of deployments that were made when all fields were in one parameter, `params`."""
        return super().validate_parameters(flatten(parameters))


def flatten(parameters: dict[str, Any]) -> dict[str, Any]:
    """The fields of a form, also where an earlier version has put them into `params`."""
    inner = parameters.get("params")
    return inner if isinstance(inner, dict) and parameters.keys() == {"params"} else parameters


def job(name: str) -> Callable[[Recipe], Job]:
    """Turn a function `(params) -> figures of the run` into a flow; the class of `params` is its form."""

    def make(recipe: Recipe) -> Job:
        [form] = [parameter.annotation for parameter in signature(recipe, eval_str=True).parameters.values()]

        @wraps(recipe)
        def run(**fields: Any) -> dict[str, Any]:
            params = form.model_validate(fields)
            log_messages_alone()
            with signs_of_life():
                try:
                    with (
                        watching(params.config, name, RunLog()),
                        keep_notes(params.config),
                    ):  # each task opens its own workspace
                        return recipe(params)
                except SeqclsError as error:
                    show_failure(pipeline_of(params.config), error)
                    raise

        run.__signature__ = _side_by_side(form)  # type: ignore[attr-defined]  # whose types are read
        flow = Job(run, name=name, flow_run_name=name_run, persist_result=True, result_serializer="json")
        flow.form, flow.parameters = form, parameter_schema_of(form)
        return flow

    return make


def _side_by_side(form: type[RunParams]) -> Signature:
    """A keyword for each field of a form."""
    return Signature(
        [
            Parameter(
                name, Parameter.KEYWORD_ONLY, annotation=field.rebuild_annotation(),
                default=Parameter.empty if field.is_required() else field.default,
            )
            for name, field in form.model_fields.items()
        ]
    )  # fmt: skip
