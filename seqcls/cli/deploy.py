"""`seqcls deploy`: a pipeline's flows on a Prefect server.

The package `seqcls` knows nothing of Prefect: a process of its own runs flows/deploy.py, which the wheel brings along.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from seqcls.config import load_pipeline

DEPLOY = (sys.executable, "-m", "seqcls_flows.server", "deploy")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    deploy = commands.add_parser("deploy", help="put the pipeline on the Prefect server of PREFECT_API_URL")
    deploy.add_argument("config", type=Path)
    deploy.set_defaults(run=_deploy)


def _deploy(options: argparse.Namespace) -> None:
    load_pipeline(options.config)  # its faults are shown before anything is asked of a server
    done = subprocess.run([*DEPLOY, str(options.config)], check=False)  # noqa: S603 (no shell)
    if done.returncode:
        raise SystemExit(done.returncode)  # the process has said why
