"""`seqcls deploy`: the flows of pipelines on a Prefect server.

The package `seqcls` knows nothing of Prefect: a process of its own runs flows/deploy.py, which the wheel brings along.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused

DEPLOY = (sys.executable, "-m", "seqcls_flows.server", "deploy")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    deploy = commands.add_parser("deploy", help="put pipelines on the Prefect server of PREFECT_API_URL")
    deploy.add_argument("config", type=Path, nargs="+")
    deploy.set_defaults(run=_deploy)


def _deploy(options: argparse.Namespace) -> None:
    require_names(options.config)
    done = subprocess.run([*DEPLOY, *map(str, options.config)], check=False)  # noqa: S603 (no shell)
    if done.returncode:
        raise SystemExit(done.returncode)  # the process has said why


def require_names(files: list[Path]) -> None:
    """Every file is read, so that its faults are shown before anything is asked of a server; no name twice."""
    named: dict[str, Path] = {}
    for file in files:
        name = load_pipeline(file).pipeline.name
        if (other := named.setdefault(name, file)) != file:
            raise ConfigRefused(f"{other} and {file} are both named {name!r}", where="seqcls deploy",
                                expected="a name for each pipeline: its deployments carry it",
                                next_step=f"change `name` in {file}")  # fmt: skip
