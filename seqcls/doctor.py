"""`seqcls doctor`: versions, disk, server, ledger, artefacts. In: maybe a config. Out: findings with remedies."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from sqlalchemy import text

from seqcls.artefacts import verify
from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused, SeqclsError
from seqcls.ledger.models import get_alias, list_models
from seqcls.registry.versions import CHAMPION
from seqcls.workspace import Workspace, open_workspace

FREE_BYTES = 1_000_000_000
# package -> (lowest, first that is too new, what happens then)
LIMITS = {
    "fastapi": ("0.139", "0.151", "the Prefect server refuses requests or does not start"),
    "sqlalchemy": ("2.0.40", "2.1", "the Prefect server never makes scheduled runs"),
    "great_expectations": ("1.24", "1.25", "the checks were not tried with it"),
    "prefect": ("3.8.8", "3.10", "the flows were not tried with it"),
    "torch": ("2.10", "3", "the networks were not tried with it"),
}


@dataclass(frozen=True)
class Finding:
    what: str
    healthy: bool
    found: str
    remedy: str = ""


def examine(config: Path | None) -> list[Finding]:
    """All findings; a config adds those of its store."""
    findings = [_version(name) for name in LIMITS] + [_server()]
    if config is not None:
        try:
            loaded = load_pipeline(config)
            findings.append(Finding("config", True, f"{loaded.pipeline.name}, {loaded.pipeline.kind}"))
            findings.append(_disk(loaded.store))
            with open_workspace(config) as workspace:
                findings += [_ledger(workspace), *_models(workspace)]
        except ConfigRefused as error:
            findings.append(Finding("config", False, error.found, error.next_step))
    return findings


def _version(name: str) -> Finding:
    lowest, too_new, otherwise = LIMITS[name]
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", "make install")
    inside = _parts(lowest) <= _parts(found) < _parts(too_new)
    return Finding(
        name,
        inside,
        f"{found} (from {lowest}, below {too_new}; else {otherwise})",
        f"pip install '{name}>={lowest},<{too_new}'",
    )


def _parts(version: str) -> tuple[int, ...]:
    numbers = version.partition("+")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit())


def _server() -> Finding:
    """Only a server that is configured is asked; training and scoring from the command line need none."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return Finding("prefect server", True, "none configured (PREFECT_API_URL is not set)")
    if not url.startswith(("http://", "https://")):
        return Finding("prefect server", False, f"PREFECT_API_URL is {url!r}", "set it to http://127.0.0.1:4200/api")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 (scheme checked above)
            return Finding(
                "prefect server", answer.status == 200, f"{url} answers {answer.status}", "prefect server start"
            )
    except (URLError, TimeoutError) as error:
        return Finding("prefect server", False, f"{url} does not answer ({error})", "prefect server start")


def _disk(store: Path) -> Finding:
    folder = next(parent for parent in (store, *store.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk", free > FREE_BYTES, f"{free / 1e9:.1f} GB free for {store}", "free at least 1 GB, or move the store"
    )


def _ledger(workspace: Workspace) -> Finding:
    name = workspace.ledger.name
    if not workspace.ledger.is_sqlite:
        return Finding("ledger", True, name)
    answer = workspace.ledger.transact(lambda connection: connection.execute(text("PRAGMA quick_check")).scalar_one())
    return Finding("ledger", answer == "ok", f"{name}: {answer}", "restore ledger.db from a backup")


def _models(workspace: Workspace) -> list[Finding]:
    """Every registered model and evaluation, byte for byte."""
    current = get_alias(workspace.ledger, workspace.pipeline.name, CHAMPION).version
    findings = []
    for version in list_models(workspace.ledger, workspace.pipeline.name):
        mark = " (champion)" if version.version == current else ""
        try:
            verify(workspace.store.ref("model", version.model_digest))
            verify(workspace.store.ref("evaluation", version.evaluation_digest))
            findings.append(Finding(f"{version.name}{mark}", True, "whole"))
        except SeqclsError as error:
            remedy = "`seqcls rollback CONFIG`, then train again" if mark else "`seqcls train CONFIG` makes it again"
            findings.append(Finding(f"{version.name}{mark}", False, str(error), remedy))
    return findings
