"""Readable run names: the name that a person typed, otherwise the flow, its pipeline and the outcome."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from coolname.data import config as word_lists  # the words of Prefect's random names
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused

OF_V2 = frozenset(
    [
        "Awesome",
        "Rustic",
        "Small",
        "Gorgeous",
        "Fantastic",
        "Sleek",
        "Intelligent",
        "Unbranded",
        "Refined",
        "Licensed",
        "Generic",
        "Practical",
        "Ergonomic",
        "Handcrafted",
        "Tasty",
        "Handmade",
        "Incredible",
    ]
)
"""First words of the run names that the form of the v2 UI proposes."""
OF_V1 = re.compile(
    "(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi|"
    r"chi|psi|omega)\d*"
)
"""First words of many that the form of the v1 UI proposes."""


def name_run() -> str:
    """`train-ecg`; a name that a person typed is kept."""
    parameters = flow_run.get_parameters()
    config = parameters.get("params", parameters)["config"]  # `params`: of deployments of earlier versions
    given = flow_run.get_name() or ""
    return f"{flow_run.get_flow_name()}-{pipeline_of(config)}" if is_made_up(given) else given


def name_outcome(config: str, outcome: str) -> None:
    """`train-ecg v3`, once that is known; a typed name is kept."""
    ours, number = f"{flow_run.get_flow_name()}-{pipeline_of(config)}", flow_run.get_id()
    if flow_run.get_name() == ours and number:
        with get_client(sync_client=True) as client:
            client.update_flow_run(number, name=f"{ours} {outcome}")


def pipeline_of(config: str) -> str:
    """The pipeline's name, or the file's name if the config cannot be read."""
    try:
        return load_pipeline(config).pipeline.name
    except ConfigRefused:
        return Path(config).stem


def is_made_up(name: str) -> bool:
    """Whether Prefect made up this name: `tiny-rottweiler`, or what the forms of its two UIs propose.

    `Sleek-Stoat` is one of v2 (the words are those of its library), `omega5-mudor-m` one of v1; v1 also proposes
    names without a Greek letter, which cannot be told from typed ones and are kept.
    """
    first, hyphen, second = name.partition("-")
    if not name or (bool(hyphen) and {first, second} <= _words("an")):
        return True
    return (first in OF_V2 and second[:1].isupper()) or bool(hyphen and OF_V1.fullmatch(first))


@cache
def _words(name: str) -> frozenset[str]:
    """All words of one of its lists, which may consist of lists."""
    found = word_lists[name]
    if "lists" in found:
        return frozenset[str]().union(*(_words(part) for part in found["lists"]))
    return frozenset(found.get("words", ()))
