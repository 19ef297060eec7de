"""A workspace: one pipeline file opened, with its artefact store and its ledger."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from seqcls.config import AnyConfig, LoadedPipeline, Pipeline, load_pipeline
from seqcls.ledger import Database, open_database
from seqcls.listener import SILENT, Guarded, Listener
from seqcls.store.artefacts import HOLDS, ArtefactStore
from seqcls.store.temporary import temporary_name


@dataclass(frozen=True)
class Workspace:
    loaded: LoadedPipeline
    store: ArtefactStore
    ledger: Database
    listener: Listener = SILENT
    """Shows people what the work with this workspace does."""

    @property
    def pipeline(self) -> Pipeline:
        return self.loaded.pipeline

    @property
    def folder(self) -> Path:
        """What the paths in the config are relative to."""
        return self.loaded.folder

    @property
    def output(self) -> Path:
        """Where score files are published."""
        return Path(os.path.realpath(self.folder / self.pipeline.score.output))

    def with_listener(self, listener: Listener) -> Workspace:
        """The same workspace, whose work another listener hears; one that fails ends nothing."""
        return replace(self, listener=Guarded(listener))


@contextmanager
def open_workspace(config: AnyConfig, listener: Listener = SILENT) -> Iterator[Workspace]:
    """Read the config and open the ledger, which is closed afterwards; a listener that fails ends nothing."""
    loaded = load_pipeline(config)
    with _notes_in(loaded.store) as holds:  # before the ledger: with too few open files the name cannot be found later
        database = open_database(loaded.store, loaded.pipeline.ledger_env)
        try:
            yield Workspace(loaded, ArtefactStore(loaded.store, holds=holds), database, Guarded(listener))
        finally:
            database.close()


@contextmanager
def keep_notes(config: AnyConfig) -> Iterator[None]:
    """Within the block, what workspaces of this pipeline take up stays noted after each of them is closed.

    For a run that opens one workspace after another: what an earlier part of it has made is in use until its end,
    though no row of the ledger may name it yet.
    """
    with _notes_in(load_pipeline(config).store):
        yield


_SHARING = threading.Lock()
_shared: dict[Path, tuple[Path, int]] = {}
"""Store -> the file of notes that is in use in this process, and how many use it."""


@contextmanager
def _notes_in(store: Path) -> Iterator[Path]:
    """Where this process notes what it takes up; the file goes with the last one that uses it."""
    with _SHARING:
        holds, users = _shared.get(store, (store / f"{temporary_name()}{HOLDS}", 0))
        _shared[store] = holds, users + 1
    try:
        yield holds
    finally:
        with _SHARING:
            users = _shared[store][1] - 1
            if users:
                _shared[store] = holds, users
            else:
                del _shared[store]
                if os.path.lexists(holds):  # not where the store could not be entered at all
                    holds.unlink(missing_ok=True)


def output_folder(config: Path | str) -> Path:
    """Where the score files of a pipeline go, without opening its ledger."""
    loaded = load_pipeline(config)
    return Path(os.path.realpath(loaded.folder / loaded.pipeline.score.output))
