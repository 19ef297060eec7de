"""`seqcls lineage`, `doctor`, `gc`: trace a row or score, check the store, remove what is not needed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from seqcls.cli.progress import TerminalListener
from seqcls.cli.show import say
from seqcls.errors import ConfigRefused, Corrupted, DataRefused, one_line
from seqcls.listener import Guarded, Listener
from seqcls.workspace import open_workspace

if TYPE_CHECKING:
    from seqcls.maintenance.doctor import Finding


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lineage = commands.add_parser(
        "lineage", help="trace a row to its raw file, and a score to the model and data behind it"
    )
    lineage.add_argument("config", type=Path)
    lineage.add_argument("id", help="the id of a row that was scored, rejected or trained on")
    lineage.add_argument("--json", action="store_true")
    lineage.set_defaults(run=_lineage)

    doctor = commands.add_parser("doctor", help="check the installation and the store: is everything there and intact?")
    doctor.add_argument("config", type=Path, nargs="?")
    doctor.add_argument("--repair", action="store_true", help="rebuild a lost or damaged ledger from the artefacts")
    doctor.add_argument("--alert", action="store_true", help="send a test message to every address of [alert]")
    doctor.set_defaults(run=_doctor)

    clean = commands.add_parser("gc", help="delete artefacts that no version, score or open input needs")
    clean.add_argument("config", type=Path)
    clean.add_argument(
        "--keep", type=_positive, help="keep the newest N versions (and all champions and versions that scored)"
    )
    clean.add_argument("--age", type=float, default=1.0, help="keep what is younger than this many days (default 1)")
    clean.add_argument("--dry-run", action="store_true", help="list what would be deleted, delete nothing")
    clean.set_defaults(run=_clean)


def _lineage(options: argparse.Namespace) -> None:
    from seqcls.scoring.lineage import find_lineage
    from seqcls.scoring.stored import join_damage

    with open_workspace(options.config) as workspace:
        damage: list[Corrupted] = []
        found = find_lineage(workspace, options.id, damage)
    if options.json:
        print(json.dumps(found))
    for item in found if not options.json else ():
        for key, value in item.items():
            say(f"{key:<16} {one_line(value)}")
        say("")
    if damage:
        raise join_damage(damage, f"all others were searched: {len(found)} found", str(options.config))


def _doctor(options: argparse.Namespace) -> None:
    from seqcls.maintenance.doctor import examine

    if options.repair:
        _repair(options)
    with TerminalListener(quiet=False) as shown:
        findings = examine(options.config, shown)
    if options.alert:
        findings += _test_alert(options)
    for finding in findings:
        say(
            f"  {'ok ' if finding.healthy else 'NO '} {finding.what}: {finding.found}"
            + ("" if finding.healthy else f". Next: {finding.remedy}")
        )
    sick = [finding for finding in findings if not finding.healthy]
    if sick:
        raise DataRefused(
            f"{len(sick)} of {len(findings)} checks failed",
            where=str(options.config or "this installation"),
            expected="all well",
            next_step="the lines marked NO say what to do",
        )
    say(f"{len(findings)} checks, all passed")


def _test_alert(options: argparse.Namespace) -> list[Finding]:
    from seqcls.maintenance.alerting import test_message

    if options.config is None:
        raise ConfigRefused(
            "--alert without a pipeline file", where="command line",
            expected="the pipeline file whose [alert] is to be tried", next_step="`seqcls doctor CONFIG --alert`",
        )  # fmt: skip
    return test_message(options.config)


def _repair(options: argparse.Namespace) -> None:
    from seqcls.maintenance.repair import repair

    if options.config is None:
        raise ConfigRefused(
            "--repair without a pipeline file",
            where="command line",
            expected="the pipeline file whose store is to be repaired",
            next_step="`seqcls doctor CONFIG --repair`",
        )
    from seqcls.scoring.repairing import repair_artefacts

    listener = Guarded(_Lines())
    repair(options.config, listener)
    with open_workspace(options.config) as workspace:
        for line in repair_artefacts(workspace):
            listener.note(line)


class _Lines(Listener):
    """What a repair did is the output of the command."""

    def note(self, line: str) -> None:
        say(f"  {line}")


def _clean(options: argparse.Namespace) -> None:
    from seqcls.maintenance.gc import DAY, collect_garbage

    with open_workspace(options.config) as workspace:
        result = collect_garbage(
            workspace, keep=options.keep, age_seconds=options.age * DAY, dry_run=options.dry_run
        )  # fmt: skip
    for pipeline, version in result.retired:
        say(f"  {pipeline}@v{version}: not among the newest {options.keep}, never champion, scored nothing")
    for item in result.garbage:
        say(f"  {item.ref.kind:<11} {item.ref.digest[:16]}  {item.bytes:>14,} bytes")
    verb = "would go" if options.dry_run else "deleted"
    say(
        f"{verb}: {len(result.garbage)} artefacts, {result.bytes:,} bytes, {result.left_overs} left by killed runs; "
        f"kept: {result.kept} needed, {result.too_young} younger than {options.age:g} days"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
