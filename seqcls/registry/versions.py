"""The registry: versions of a pipeline's models, the champion, promotion and rollback.

In: artefacts `model` and `evaluation`. Out: a version, a decision, a moved alias. Promise: a version is complete
and loads before it is registered; the champion changes only through the gate or by a person's word, by
compare-and-set, and every change is written down.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seqcls.errors import ConfigRefused, GateRefused, one_line
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
from seqcls.registry.approval import answered_before, decision_of, decline, open_question, settle_question
from seqcls.registry.decisions import FORCED, PASSED, PROMOTED, REFUSED, WAITING, record_decision
from seqcls.registry.gate import Check, Decision, decide
from seqcls.registry.history import History, read_history
from seqcls.registry.journal import PROMOTION, ROLLBACK, complete_journal, read_journal, write_move
from seqcls.store.artefacts import Ref, read_json, verify
from seqcls.store.failpoints import failpoint
from seqcls.workspace import Workspace

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc", "log_loss", "ece")


@dataclass(frozen=True)
class Promotion:
    """What came of asking the gate."""

    version: ModelVersion
    decision: Decision
    promoted: bool
    waits: bool = False
    """Whether it waits for a person's yes."""


def register(workspace: Workspace, model: Ref, evaluation: Ref, inputs: dict[str, Ref], run_id: str) -> ModelVersion:
    """Give a verified, loadable model its version; the same model keeps the one it has."""
    for known in list_models(workspace.ledger, workspace.pipeline.name):
        if (known.model_digest, known.evaluation_digest) == (model.digest, evaluation.digest):
            return known
    from seqcls.models.package import load_model

    verify(evaluation)
    load_model(model)
    metrics = read_json(evaluation, "metrics.json")
    headline = {name: metrics["test"][name] for name in HEADLINE}
    digests = {name: ref.digest for name, ref in inputs.items()}
    version = add_model(
        workspace.ledger, workspace.pipeline.name, model.digest, evaluation.digest, digests, headline, run_id
    )
    failpoint("model_registered")
    return version


def promote(
    workspace: Workspace, version: ModelVersion, *, force: bool = False, why: str = "gate passed", who: str = ""
) -> Promotion:
    """Make a version champion if the gate says so; `force` is a person's word against the gate and is written down."""
    version = take_version(workspace, version.version)
    seen = get_alias(workspace.ledger, version.pipeline, CHAMPION)
    champion = _at(workspace, seen)
    decision = decide(workspace, version, champion)
    if champion is not None and champion.version == version.version:
        return Promotion(version, decision, promoted=False)
    if not decision.passed and not force:
        record_decision(workspace, version, decision, REFUSED, why, who)
        return Promotion(version, decision, promoted=False)
    from seqcls.engines.races import ensure_race  # loads torch, which a champion that stays does not need

    reason = why if decision.passed else f"forced against the gate: {why}"
    ensure_race(workspace, version)  # before the move: a champion scores with its engine from the first chunk on
    failpoint("promotion_decided")
    _move(workspace, seen, version, reason, PROMOTION, who)
    record_decision(workspace, version, decision, PROMOTED if decision.passed else FORCED, why, who)
    return Promotion(version, decision, promoted=True)


def _move(workspace: Workspace, seen: AliasState, version: ModelVersion, why: str, kind: str, who: str = "") -> None:
    """Move the champion, in the ledger and in the journal; moves that the journal lacks come first."""
    complete_journal(workspace, CHAMPION)

    def journal(move: AliasMove) -> tuple[AliasMove, str]:
        # within the transaction: who comes next finds it in the journal, also when this is killed before the commit
        before = [entry.move.serial for entry in read_journal(workspace.store, version.pipeline, CHAMPION)]
        move = replace(move, serial=max(before, default=0) + 1)
        return move, write_move(workspace.store, move, version)

    by = who or getpass.getuser()
    set_alias(workspace.ledger, version.pipeline, CHAMPION, seen, version.version, by, why, journal, kind)
    failpoint("alias_set")


def champion_history(workspace: Workspace) -> History:
    """Which versions stand behind the champion, and which were rolled back."""
    return read_history(alias_history(workspace.ledger, workspace.pipeline.name, CHAMPION))


def find_aliases(workspace: Workspace) -> dict[str, int]:
    """Alias -> version: the champion; `previous`, to which a rollback goes; `challenger`, the newest version, if it is
    younger than the champion and was never champion itself."""
    name, history = workspace.pipeline.name, champion_history(workspace)
    found = {CHAMPION: get_alias(workspace.ledger, name, CHAMPION).version, PREVIOUS: history.earlier}
    newest = max((item.version for item in list_models(workspace.ledger, name)), default=0)
    if newest > (found[CHAMPION] or 0) and newest not in history.champions:
        found[CHALLENGER] = newest
    return {alias: version for alias, version in found.items() if version is not None}


def consider(workspace: Workspace, version: ModelVersion) -> Promotion:
    """After training: promote through the gate, or only ask it when [promote].automatic is off.

    A version that was champion and is so no more does not come back by itself: only a person brings it back.
    """
    settle(workspace)
    seen = get_alias(workspace.ledger, version.pipeline, CHAMPION)
    history = champion_history(workspace)
    was_champion = version.version in history.champions and seen.version != version.version
    rules = workspace.pipeline.promote
    asks = rules.approval == "person"
    if rules.automatic and not asks and not was_champion:
        try:
            return promote(workspace, version)
        except AliasMoved:  # by another run; the gate is asked again, about the champion that is there now
            return promote(workspace, version)
    champion = _at(workspace, seen)
    decision = decide(workspace, version, champion)
    if seen.version == version.version:
        return Promotion(version, decision, promoted=False)
    no = answered_before(workspace, version, champion) if asks and not was_champion else None
    if no is not None:
        return Promotion(version, decision.model_copy(update={"checks": (*decision.checks, no)}), promoted=False)
    if was_champion:
        rule = Check(
            rule="was not champion before",
            passed=False,
            found=_what_became(version, history),
            expected="a new version; training brings none back: "
            f"`seqcls promote {workspace.loaded.path} --version {version.version}` does, by hand",
        )
        decision = decision.model_copy(update={"checks": (*decision.checks, rule)})
    state = REFUSED if not decision.passed else WAITING if asks else PASSED
    record_decision(workspace, version, decision, state, "training ended")
    settle(workspace)
    return Promotion(version, decision, promoted=False, waits=state == WAITING)


def answer(workspace: Workspace, yes: bool, why: str, who: str = "") -> Promotion:
    """A person's yes or no to the decision that waits; ConfigRefused if none does (any more).

    After a yes the gate is asked again, about the champion that is there now: GateRefused if it says no.
    """
    settle(workspace)
    row = open_question(workspace)
    version = take_version(workspace, row.version)
    if yes:
        return require_promoted(promote(workspace, version, why=why, who=who))
    decline(workspace, version, row, why, who)
    return Promotion(version, decision_of(workspace, row), promoted=False)


def settle(workspace: Workspace) -> list[str]:
    """At each run and command: a question whose time is over expires; what to say of it, or of one that waits."""
    if workspace.pipeline.promote.approval != "person":
        return []
    return settle_question(workspace, find_version)


def _what_became(version: ModelVersion, history: History) -> str:
    """How a version ceased to be champion, for people."""
    move = history.rolled_back.get(version.version)
    if move is None:
        return f"v{version.version} was champion until another version was promoted"
    day = datetime.fromtimestamp(move.changed_at, UTC)
    by = one_line(f"by {move.who} ({move.why})")
    return f"v{version.version} was champion and was rolled back on {day:%Y-%m-%d} {by}"


def newest_promotable(workspace: Workspace) -> ModelVersion:
    """The newest version; ConfigRefused where it was rolled back: such a one must be named."""
    version, history = find_version(workspace, None), champion_history(workspace)
    if version.version in history.rolled_back:
        raise ConfigRefused(
            _what_became(version, history), where=version.name,
            expected="the number of a version: without one the newest is taken, but not one that was rolled back",
            next_step=f"`seqcls promote {workspace.loaded.path} --version {version.version}` brings it back",
        )  # fmt: skip
    return version


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


def rollback(
    workspace: Workspace, *, why: str = "rollback", to: int | None = None
) -> tuple[ModelVersion, ModelVersion]:  # fmt: skip
    """Point champion at the version that stands behind it, or at an earlier champion by number.

    Verified loadable first. Returns (from, to), which are the same where that version is champion already.
    """
    from seqcls.models.package import load_model

    seen = get_alias(workspace.ledger, workspace.pipeline.name, CHAMPION)
    current, history = _at(workspace, seen), champion_history(workspace)
    earlier = history.earlier if to is None else to
    if current is None or earlier is None:
        raise _nothing_to_go_back_to(workspace, history)
    target = take_version(workspace, earlier)
    if target.version not in history.champions:
        raise ConfigRefused(
            f"v{target.version} was never champion", where=target.name,
            expected="one of " + ", ".join(f"v{number}" for number in sorted(history.champions)),
            next_step=f"`seqcls promote {workspace.loaded.path} --version {target.version}` asks the gate about it",
        )  # fmt: skip
    if target != current:
        load_model(workspace.store.ref("model", target.model_digest))
        _move(workspace, seen, target, why, ROLLBACK)
    return current, target


def _nothing_to_go_back_to(workspace: Workspace, history: History) -> ConfigRefused:
    config = workspace.loaded.path
    back = sorted(history.rolled_back)
    return ConfigRefused(
        "there is no earlier champion to go back to"
        + (
            f": {', '.join(f'v{number}' for number in back)} {'were' if back[1:] else 'was'} rolled back"
            if back
            else ""
        ),
        where=workspace.pipeline.name,
        next_step=f"`seqcls models {config}` lists the versions"
        + (f", `seqcls rollback {config} --to v{back[-1]}` goes to one that was rolled back" if back else ""),
    )


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


def take_version(workspace: Workspace, version: int | None) -> ModelVersion:
    """The same, for use: noted first and then looked at, so that it is there until the run ends, or not there now."""
    found = find_version(workspace, version)
    workspace.store.take_up(workspace.store.ref("model", found.model_digest))
    return find_version(workspace, found.version)


def _at(workspace: Workspace, state: AliasState) -> ModelVersion | None:
    return None if state.version is None else find_version(workspace, state.version)
