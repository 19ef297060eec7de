"""The registry: versions of a pipeline's models, the champion, promotion and rollback.

In: artefacts `model` and `evaluation`. Out: a version, a decision, a moved alias. Promise: a version is complete
and loads before it is registered; the champion changes only through the gate or by a person's word, by
compare-and-set, and every change is written down.
"""

from __future__ import annotations

import getpass
import json
from dataclasses import dataclass

from seqcls.artefacts import Ref, verify
from seqcls.errors import ConfigRefused, GateRefused
from seqcls.failpoints import failpoint
from seqcls.ledger.models import (
    AliasMove,
    AliasMoved,
    AliasState,
    ModelVersion,
    add_model,
    alias_history,
    get_alias,
    list_models,
    set_alias,
)
from seqcls.registry.gate import Check, Decision, decide
from seqcls.registry.journal import complete_journal, write_move
from seqcls.workspace import Workspace

CHAMPION = "champion"
HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc", "log_loss", "ece")


@dataclass(frozen=True)
class Promotion:
    """What came of asking the gate."""

    version: ModelVersion
    decision: Decision
    promoted: bool


def register(workspace: Workspace, model: Ref, evaluation: Ref, inputs: dict[str, Ref], run_id: str) -> ModelVersion:
    """Give a verified, loadable model its version; the same model keeps the one it has."""
    for known in list_models(workspace.ledger, workspace.pipeline.name):
        if (known.model_digest, known.evaluation_digest) == (model.digest, evaluation.digest):
            return known
    from seqcls.models.package import load_model

    verify(evaluation)
    load_model(model)
    metrics = json.loads((evaluation.folder / "metrics.json").read_bytes())
    headline = {name: metrics["test"][name] for name in HEADLINE}
    digests = {name: ref.digest for name, ref in inputs.items()}
    version = add_model(
        workspace.ledger, workspace.pipeline.name, model.digest, evaluation.digest, digests, headline, run_id
    )
    failpoint("model_registered")
    return version


def promote(workspace: Workspace, version: ModelVersion, *, force: bool = False, why: str = "gate passed") -> Promotion:
    """Make a version champion if the gate says so; `force` is a person's word against the gate and is written down."""
    seen = get_alias(workspace.ledger, version.pipeline, CHAMPION)
    champion = _at(workspace, seen)
    decision = decide(workspace, version, champion)
    if champion is not None and champion.version == version.version:
        return Promotion(version, decision, promoted=False)
    if not decision.passed and not force:
        return Promotion(version, decision, promoted=False)
    from seqcls.races import ensure_race  # loads torch, which a champion that stays does not need

    reason = why if decision.passed else f"forced against the gate: {why}"
    ensure_race(workspace, version)  # before the move: a champion scores with its engine from the first chunk on
    _move(workspace, seen, version, reason)
    return Promotion(version, decision, promoted=True)


def _move(workspace: Workspace, seen: AliasState, version: ModelVersion, why: str) -> None:
    """Move the champion, in the ledger and in the journal; moves that the journal lacks come first."""
    complete_journal(workspace, CHAMPION)

    def journal(move: AliasMove) -> str:
        return write_move(workspace.store, move, version)

    who = getpass.getuser()
    set_alias(workspace.ledger, version.pipeline, CHAMPION, seen, version.version, who, why, journal)
    failpoint("alias_set")


def consider(workspace: Workspace, version: ModelVersion) -> Promotion:
    """After training: promote through the gate, or only ask it when [promote].automatic is off.

    A version that was champion and is so no more was rolled back by a person: only a person brings it back.
    """
    seen = get_alias(workspace.ledger, version.pipeline, CHAMPION)
    moves = alias_history(workspace.ledger, version.pipeline, CHAMPION)
    was_champion = any(move.to_version == version.version for move in moves) and seen.version != version.version
    if workspace.pipeline.promote.automatic and not was_champion:
        try:
            return promote(workspace, version)
        except AliasMoved:  # by another run; the gate is asked again, about the champion that is there now
            return promote(workspace, version)
    decision = decide(workspace, version, _at(workspace, seen))
    if was_champion:
        rule = Check(
            rule="not rolled back before",
            passed=False,
            found="rolled back",
            expected="a version that was not champion before",
        )
        decision = decision.model_copy(update={"checks": (*decision.checks, rule)})
    return Promotion(version, decision, promoted=False)


def is_champion(workspace: Workspace, version: ModelVersion) -> bool:
    return get_alias(workspace.ledger, version.pipeline, CHAMPION).version == version.version


def require_promoted(promotion: Promotion) -> Promotion:
    """GateRefused with every reason, unless the version is champion now."""
    if not promotion.promoted and not promotion.decision.passed:
        raise GateRefused(
            "the gate refused the model: " + "; ".join(promotion.decision.refusals), where=promotion.version.name,
            next_step="look at its report; `seqcls promote CONFIG --version N --force --why TEXT` overrides",
        )  # fmt: skip
    return promotion


def rollback(workspace: Workspace, *, why: str = "rollback") -> tuple[ModelVersion, ModelVersion]:
    """Point champion at the version it pointed at before; verified loadable first. Returns (from, to)."""
    from seqcls.models.package import load_model

    name = workspace.pipeline.name
    seen = get_alias(workspace.ledger, name, CHAMPION)
    current = _at(workspace, seen)
    moves = alias_history(workspace.ledger, name, CHAMPION)
    earlier = [move.from_version for move in moves if move.to_version == seen.version and move.from_version is not None]
    if current is None or not earlier:
        raise ConfigRefused(
            "there is no earlier champion to go back to",
            where=name,
            next_step=f"`seqcls models {workspace.loaded.path}` lists the versions",
        )
    target = find_version(workspace, earlier[-1])
    load_model(workspace.store.ref("model", target.model_digest))
    _move(workspace, seen, target, why)
    return current, target


def champion(workspace: Workspace) -> ModelVersion:
    """The version that scoring uses."""
    found = _at(workspace, get_alias(workspace.ledger, workspace.pipeline.name, CHAMPION))
    if found is None:
        versions = list_models(workspace.ledger, workspace.pipeline.name)
        config = workspace.loaded.path
        step = (
            f"`seqcls models {config}` shows the versions, `seqcls promote {config} --version N` makes one champion"
            if versions
            else f"`seqcls train {config}`"
        )
        raise ConfigRefused(
            "no model is champion yet", where=workspace.pipeline.name, expected="a promoted model", next_step=step
        )
    return found


def find_version(workspace: Workspace, version: int | None) -> ModelVersion:
    """A version by number; None is the newest."""
    versions = list_models(workspace.ledger, workspace.pipeline.name)
    known = {item.version: item for item in versions}
    if version is None and versions:
        return versions[-1]
    if version not in known:
        config = workspace.loaded.path
        raise ConfigRefused(
            "there is no version yet" if version is None else f"there is no version {version}",
            where=workspace.pipeline.name,
            expected="one of " + ", ".join(f"v{number}" for number in known) if known else "a trained model",
            next_step=f"`seqcls models {config}` lists them with their figures"
            if known
            else f"`seqcls train {config}`",
        )
    return known[version]


def _at(workspace: Workspace, state: AliasState) -> ModelVersion | None:
    return None if state.version is None else find_version(workspace, state.version)
