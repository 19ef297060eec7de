"""`seqcls models`, `promote`, `rollback`: versions and the champion."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from seqcls.cli.show import say, show_table, version_number
from seqcls.errors import ConfigRefused, one_line
from seqcls.messages import plural
from seqcls.workspace import open_workspace

COLUMNS = ("version", "registered", "accuracy", "balanced accuracy", "macro-F1", "MCC", "digest", "")
SHOWN = 10
"""Decisions that moved nothing; the moves are all shown."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    models = commands.add_parser("models", help="list versions, their metrics, and the champion")
    models.add_argument("config", type=Path)
    models.set_defaults(run=_models)

    promote = commands.add_parser("promote", help="make a version champion, if it passes the promotion gate")
    promote.add_argument("config", type=Path)
    promote.add_argument("--version", type=version_number, help="such as 2 or v2 (default: the newest)")
    promote.add_argument("--force", action="store_true", help="promote even if the gate says no; needs --why")
    answer = promote.add_mutually_exclusive_group()
    answer.add_argument("--yes", action="store_true", help="promote the version that waits for a person; needs --why")
    answer.add_argument("--no", action="store_true", help="do not promote the version that waits; needs --why")
    promote.add_argument("--why", default="", help="reason, stored in the ledger")
    promote.set_defaults(run=_promote)

    rollback = commands.add_parser("rollback", help="return to the previous champion, or to an earlier one by number")
    rollback.add_argument("config", type=Path)
    rollback.add_argument(
        "--to", "--version", type=version_number, metavar="VERSION",
        help="an earlier champion, such as v1; needed for a version that was itself rolled back",
    )  # fmt: skip
    rollback.add_argument("--why", default="rollback", help="reason, stored in the ledger")
    rollback.set_defaults(run=_rollback)


def _models(options: argparse.Namespace) -> None:
    from seqcls.ledger.decisions import list_decisions
    from seqcls.ledger.models import alias_history, list_models
    from seqcls.ledger.stages import list_stage
    from seqcls.registry.decisions import FORCED, PROMOTED, describe_decision
    from seqcls.registry.versions import CHAMPION, find_aliases, settle

    with open_workspace(options.config) as workspace:
        name = workspace.pipeline.name
        waiting = settle(workspace)
        marks = {version: alias for alias, version in find_aliases(workspace).items()}
        versions = list_models(workspace.ledger, name)
        if not versions:
            say(f"{name}: no versions yet. Next: `seqcls train {options.config}`")
            return
        rows = []
        for item in versions:
            figures = [_figure(item.metrics.get(key)) for key in ("accuracy", "balanced_accuracy", "macro_f1", "mcc")]
            mark = marks.get(item.version, "")
            rows.append((f"v{item.version}", _time(item.registered_at), *figures, item.model_digest[:12], mark))
        decided = [row for row in list_decisions(workspace.ledger, name) if row.state not in (PROMOTED, FORCED)]
        moves = alias_history(workspace.ledger, name, CHAMPION)
        races = [facts for _, facts in list_stage(workspace.ledger, "race")]
    show_table(f"{name}: {plural(len(versions), 'version')}", COLUMNS, rows)
    for item in versions:
        for race in races:
            if race["model"] == item.model_digest:
                say(f"  v{item.version} {one_line(race['line'])}")
    for move in moves:
        before = f"v{move.from_version}" if move.from_version else "none"
        said = one_line(f"by {move.who}: {move.why}")
        say(f"  {_time(move.changed_at)}  {before} -> v{move.to_version}  {said}")
    for row in decided[-SHOWN:]:
        say(f"  {_time(row.decided_at)}  {one_line(describe_decision(row))}")
    for line in waiting:
        say(line)


def _promote(options: argparse.Namespace) -> None:
    from seqcls.registry.versions import find_version, newest_promotable, promote, require_promoted

    _require_reason(options)
    if options.yes or options.no:
        return _answer(options)
    from seqcls.engines.races import ensure_race, race_line

    with open_workspace(options.config) as workspace:
        named = options.version is not None
        version = find_version(workspace, options.version) if named else newest_promotable(workspace)
        result = require_promoted(
            promote(workspace, version, force=options.force, why=options.why or "promoted by hand")
        )
        race = ensure_race(workspace, version)  # of an earlier champion, or on this machine
    for check in result.decision.checks:
        say(f"  {'yes' if check.passed else 'no '}  {check.rule}: {check.found} (expected {check.expected})")
    if race is not None:
        say(f"  {race_line(race)}")
    say(f"{version.name} is champion{'' if result.promoted else ' already'}. Next: `seqcls score {options.config}`")


def _require_reason(options: argparse.Namespace) -> None:
    """A person's word comes with its reason."""
    for name in ("force", "yes", "no"):
        if getattr(options, name) and not options.why:
            raise ConfigRefused(
                f"--{name} needs --why",
                where="command line",
                expected="the reason for overriding the gate" if name == "force" else "the reason of the answer",
                next_step="add --why TEXT: it is stored in the ledger",
            )
    if (options.yes or options.no) and (options.force or options.version is not None):
        raise ConfigRefused(
            "--yes and --no are about the version that waits", where="command line",
            expected="no --version and no --force beside them",
            next_step="leave --yes out to promote a version by number",
        )  # fmt: skip


def _answer(options: argparse.Namespace) -> None:
    from seqcls.registry.versions import answer

    with open_workspace(options.config) as workspace:
        result = answer(workspace, options.yes, options.why)
    if options.yes:
        say(f"{result.version.name} is champion. Next: `seqcls score {options.config}`")
    else:
        say(f"{result.version.name} is not promoted; the champion stays. Next: `seqcls models {options.config}`")


def _rollback(options: argparse.Namespace) -> None:
    from seqcls.registry.versions import champion_history, rollback

    with open_workspace(options.config) as workspace:
        before, after = rollback(workspace, why=options.why, to=options.to)
        further = champion_history(workspace).earlier
    if before == after:
        say(f"{after.name} is champion already")
        return
    say(f"the champion was {before.name} and is now {after.name}; scoring uses it from the next chunk on")
    again = f"goes on to v{further}" if further else "finds nothing to go back to"
    say(f"Next: another rollback {again}; `seqcls rollback {options.config} --to v{before.version}` undoes this one")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
