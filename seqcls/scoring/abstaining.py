"""From which confidence on a row gets a label: `score.abstain_below`, and what `score.abstain_precision` asks for.

In: a workspace and the version that scores. Out: the least confidence. Promise: with `abstain_precision` the threshold
is the one that the version's own evaluation chose on validation rows for that very precision, or scoring does not
begin: labels whose precision nobody has looked at are not given.
"""

from __future__ import annotations

from typing import Any

from seqcls.errors import ConfigRefused
from seqcls.ledger.models import ModelVersion
from seqcls.registry.gate import read_metrics
from seqcls.workspace import Workspace


def least_confidence(workspace: Workspace, version: ModelVersion) -> float:
    """The larger of the two thresholds; rows below it get no label."""
    settings = workspace.pipeline.score
    if settings.abstain_precision is None:
        return settings.abstain_below
    found: dict[str, Any] | None = read_metrics(workspace, version).get("abstention")
    if found is None or found["wanted"] != settings.abstain_precision:
        before = "without it" if found is None else f"for {found['wanted']:g}"
        raise _no_threshold(workspace, f"{version.name} was evaluated {before}")
    if found["threshold"] is None:
        raise _no_threshold(workspace, f"no threshold of {version.name} shows it on {found['rows']} validation rows")
    return max(settings.abstain_below, float(found["threshold"]))


def _no_threshold(workspace: Workspace, why: str) -> ConfigRefused:
    wanted, config = workspace.pipeline.score.abstain_precision, workspace.loaded.path
    return ConfigRefused(
        f"{wanted:g}, but {why}",
        where="score.abstain_precision",
        expected="a champion whose evaluation chose a threshold for this precision",
        next_step=f"`seqcls train {config}` evaluates again; or ask for less, or take the key out",
    )
