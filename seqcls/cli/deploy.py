"""`seqcls deploy`, `up`, `down`, `status`: the flows of pipelines on a Prefect server.

The package `seqcls` knows nothing of Prefect: a process of its own runs flows/deploy.py, which the wheel brings along.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from seqcls.cli.show import at_least_one
from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused

DEPLOY = (sys.executable, "-m", "seqcls_flows.server", "deploy")
SERVICES = (sys.executable, "-m", "seqcls_flows.up")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    deploy = commands.add_parser("deploy", help="put pipelines on the Prefect server of PREFECT_API_URL")
    deploy.add_argument("config", type=Path, nargs="+")
    deploy.set_defaults(run=_deploy)

    up = commands.add_parser("up", help="start server and worker in the background, and deploy pipelines")
    up.add_argument("config", type=Path, nargs="*")
    up.add_argument(
        "--limit", type=at_least_one, default=2, help="runs at the same time, when the pool is made (default 2)"
    )
    up.set_defaults(run=_up)

    down = commands.add_parser("down", help="end the server and the worker that `seqcls up` started")
    down.set_defaults(run=lambda _: _become(*SERVICES, "down"))

    status = commands.add_parser("status", help="show what `seqcls up` started, and the next and last runs")
    status.set_defaults(run=lambda _: _become(*SERVICES, "status"))


def _deploy(options: argparse.Namespace) -> None:
    require_names(options.config)
    _become(*DEPLOY, *map(str, options.config))


def _up(options: argparse.Namespace) -> None:
    require_names(options.config)
    _become(*SERVICES, "up", "--limit", str(options.limit), *map(str, options.config))


def _become(*command: str) -> None:
    done = subprocess.run(command, check=False)  # noqa: S603 (no shell)
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
