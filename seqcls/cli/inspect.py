"""`seqcls lineage`, `doctor`: where something comes from, whether everything is whole."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from seqcls.errors import DataRefused
from seqcls.workspace import open_workspace


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lineage = commands.add_parser("lineage", help="from a score row back to the raw file and the training data")
    lineage.add_argument("config", type=Path)
    lineage.add_argument("id", help="the id of a scored, abstained or rejected row")
    lineage.add_argument("--json", action="store_true")
    lineage.set_defaults(run=_lineage)

    doctor = commands.add_parser("doctor", help="is everything here, whole, and in versions that work?")
    doctor.add_argument("config", type=Path, nargs="?")
    doctor.set_defaults(run=_doctor)


def _lineage(options: argparse.Namespace) -> None:
    from seqcls.scoring.lineage import find_lineage

    with open_workspace(options.config) as workspace:
        found = find_lineage(workspace, options.id)
    if options.json:
        print(json.dumps(found))
        return
    for item in found:
        for key, value in item.items():
            print(f"{key:<16} {value}")
        print()


def _doctor(options: argparse.Namespace) -> None:
    from seqcls.doctor import examine

    findings = examine(options.config)
    for finding in findings:
        print(
            f"  {'ok ' if finding.healthy else 'NO '} {finding.what}: {finding.found}"
            + ("" if finding.healthy else f". Next: {finding.remedy}")
        )
    sick = [finding for finding in findings if not finding.healthy]
    if sick:
        raise DataRefused(
            f"{len(sick)} of {len(findings)} checks failed", next_step="the lines marked NO say what to do"
        )
    print(f"{len(findings)} checks, all well")
