"""`seqcls doctor`: versions, disk, server, ledger, artefacts. In: maybe a config. Out: findings with remedies."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import text

from seqcls.config import load_pipeline
from seqcls.errors import ConfigRefused, SeqclsError, WorldFailed
from seqcls.ledger.chunks import done_chunks
from seqcls.ledger.models import alias_history, get_alias, list_models
from seqcls.ledger.references import find_references
from seqcls.listener import SILENT, Listener, Progress
from seqcls.maintenance.prefect_server import database_health, server_health
from seqcls.registry.journal import as_move, unknown_moves, wrong_times
from seqcls.registry.versions import CHAMPION
from seqcls.road.watching import check_night
from seqcls.scoring.score_folder import compare, faults_of_list
from seqcls.store.artefacts import read_manifest, remedy_of, verify
from seqcls.workspace import Workspace, open_workspace

"""Artefacts verified so far, and in all."""
FREE_BYTES = 1_000_000_000
REBUILD = "put a backup of ledger.db in its place, or `seqcls doctor CONFIG --repair`"
PUBLISH = "`seqcls score CONFIG` publishes them again"
OPEN = "`seqcls score CONFIG` makes it again from its file"
SPARE = "`seqcls doctor CONFIG --repair` sets it aside; who needs it makes it again"
# Package -> what happens with a version outside the range that seqcls declares.
CONSEQUENCES = {
    "fastapi": "the Prefect server refuses requests or does not start",
    "sqlalchemy": "the Prefect server never makes scheduled runs",
    "great-expectations": "the checks were not tried with it",
    "prefect": "the flows were not tried with it",
    "torch": "the networks were not tried with it",
}


@dataclass(frozen=True)
class Finding:
    what: str
    healthy: bool
    found: str
    remedy: str = ""


def examine(config: Path | None, listener: Listener = SILENT) -> list[Finding]:
    """All findings; a config adds those of its store, whose artefacts are read byte for byte."""
    findings = [
        *check_versions(),
        Finding("prefect server", *server_health()),
        Finding("prefect database", *database_health()),
    ]
    if config is not None:
        try:
            loaded = load_pipeline(config)
            findings.append(Finding("config", True, f"{loaded.pipeline.name}, {loaded.pipeline.kind}"))
            findings.append(_disk(loaded.store))
        except ConfigRefused as error:
            return [*findings, Finding("config", False, error.found, error.next_step)]
        findings += _store(config, listener)
    return findings


def check_versions() -> list[Finding]:
    """The packages of CONSEQUENCES against the ranges in the metadata of the installed seqcls."""
    try:
        lines = importlib.metadata.requires("seqcls") or []
    except importlib.metadata.PackageNotFoundError:
        return [Finding("versions", False, "seqcls is not installed, so its requirements are unknown", "pip install .")]
    declared = {str(canonicalize_name(one.name)): one for one in map(Requirement, lines)}
    return [check_version(declared[name]) for name in CONSEQUENCES if name in declared]


def check_version(declared: Requirement) -> Finding:
    """The installed version of one package against its declared range."""
    name, allowed = declared.name, declared.specifier
    remedy = f"pip install '{name}{allowed}'"
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, f"not installed, expected {allowed}", remedy)
    otherwise = CONSEQUENCES.get(canonicalize_name(name), "seqcls was not tried with it")
    return Finding(
        name, allowed.contains(found, prereleases=True), f"{found} (allowed {allowed}; else {otherwise})", remedy
    )


def _disk(store: Path) -> Finding:
    folder = next(parent for parent in (store, *store.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk", free > FREE_BYTES, f"{free / 1e9:.1f} GB free for {store}", "free at least 1 GB, or move the store"
    )


def _store(config: Path, listener: Listener) -> list[Finding]:
    try:
        with open_workspace(config, listener) as workspace:
            found = [_ledger(workspace)]
            if found[0].healthy:
                check_night(workspace)
                found += [
                    _champion(workspace),
                    _journal(workspace),
                    *_score_files(workspace),
                    _strays(workspace),
                    *_artefacts(workspace),
                ]
            return found
    except WorldFailed as error:
        return [Finding("ledger", False, str(error), REBUILD)]


def _ledger(workspace: Workspace) -> Finding:
    name = workspace.ledger.name
    if not workspace.ledger.is_sqlite:
        return Finding("ledger", True, name)
    answer = workspace.ledger.transact(lambda connection: connection.execute(text("PRAGMA quick_check")).scalar_one())
    return Finding("ledger", answer == "ok", f"{name}: {answer}", REBUILD)


def _artefacts(workspace: Workspace) -> list[Finding]:
    """Every artefact that the ledger names, byte for byte; results of stages that are gone are made again."""
    references = find_references(workspace.ledger)
    named = dict(sorted(references.named.items()))
    remedies = dict.fromkeys(references.open_rows, OPEN)
    for kind, digest in sorted(references.stage_results):
        if workspace.store.find(kind, digest):
            named[(kind, digest)] = "a stage that need not run again"
            remedies[(kind, digest)] = SPARE
    whole, findings = Counter[str](), []
    for number, ((kind, digest), why) in enumerate(named.items(), start=1):
        try:
            verify(workspace.store.ref(kind, digest))
            whole[kind] += 1
        except (SeqclsError, OSError) as error:
            remedy = remedies.get((kind, digest), remedy_of(kind))
            findings.append(Finding(f"{kind} {digest[:12]} of {why}", False, _without_remedy(error), remedy))
        detail = f"{number} of {len(named)} artefacts"
        workspace.listener.progress(Progress("verify", number, len(named), detail))
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(whole.items())) or "none yet"
    return [Finding("artefacts", True, f"whole: {counts}"), *findings]


def _without_remedy(error: Exception) -> str:
    """What was found and where; the remedy stands behind it."""
    if not isinstance(error, SeqclsError):
        return str(error)
    return str(type(error)(error.found, where=error.where, expected=error.expected))


def _strays(workspace: Workspace) -> Finding:
    """Files among the artefacts that are none: they harm nothing, but whoever put them there meant something else."""
    found = workspace.store.strays()
    if not found:
        return Finding("stray files", True, "none among the artefacts")
    return Finding("stray files", False, f"{len(found)} among the artefacts: {found[0]}", "move them elsewhere")


def _champion(workspace: Workspace) -> Finding:
    current = get_alias(workspace.ledger, workspace.pipeline.name, CHAMPION).version
    versions = list_models(workspace.ledger, workspace.pipeline.name)
    if current is None and versions:
        return Finding("champion", False, f"none of {len(versions)} versions", "`seqcls promote CONFIG --version N`")
    return Finding("champion", True, f"v{current} of {len(versions)} versions" if current else "no model yet")


def _journal(workspace: Workspace) -> Finding:
    """Moves of the champion that the ledger does not know: it is older than they are, or one was killed on its way."""
    unknown = unknown_moves(workspace, CHAMPION)
    if not unknown:
        moves = [as_move(row) for row in alias_history(workspace.ledger, workspace.pipeline.name, CHAMPION)]
        return Finding("champion's journal", True, "; ".join(["every move is in the ledger", *wrong_times(moves)]))
    return Finding(
        "champion's journal", False, f"a move to v{unknown[-1].to_version} that the ledger does not know",
        "`seqcls doctor CONFIG --repair` carries it out; `seqcls promote CONFIG --version N` takes its place",
    )  # fmt: skip


def _score_files(workspace: Workspace) -> list[Finding]:
    """Files of the score folder against the ledger and the artefacts: unknown, missing, changed."""
    found = {
        path.relative_to(workspace.output).as_posix() for path in workspace.output.glob("model=*/*/part-*.parquet")
    }
    known = {row.published_as for row in done_chunks(workspace.ledger, workspace.pipeline.name)}
    unknown = found - known
    findings = [Finding("score files", not unknown, f"{len(found)}, {len(unknown)} of them not in the ledger",
                        _remedy_for_unknown(workspace, unknown))]  # fmt: skip
    missing, changed = compare(workspace)
    for what, places in (("missing", missing), ("changed", changed)):
        if places:
            names = ", ".join(places[:3]) + (", ..." if places[3:] else "")
            findings.append(Finding("score files", False, f"{len(places)} {what}: {names}", PUBLISH))
    return findings + [Finding("score files", False, fault, PUBLISH) for fault in faults_of_list(workspace)]


def _remedy_for_unknown(workspace: Workspace, unknown: set[str]) -> str:
    """Whose files they are decides: of this pipeline, of another one of this store, of another store."""
    owners = {}
    for ref in workspace.store.all() if unknown else ():
        if ref.kind == "scores" and workspace.store.find(ref.kind, ref.digest):
            meta = read_manifest(ref)["meta"]
            owners[meta["published_as"]] = meta["pipeline"]
    if any(owners.get(place) == workspace.pipeline.name for place in unknown):
        return "the ledger is older than they are: `seqcls doctor CONFIG --repair` adds them"
    others = ", ".join(sorted({owners.get(place, "another store") for place in unknown}))
    return f"they are of {others}: give each pipeline a score.output of its own, then delete them here"
