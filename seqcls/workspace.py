"""A workspace: one pipeline file opened, with its artefact store and its ledger."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seqcls.artefacts import HOLDS, ArtefactStore
from seqcls.config import LoadedPipeline, Pipeline, load_pipeline
from seqcls.ledger import Database, open_database
from seqcls.temporary import temporary_name


@dataclass(frozen=True)
class Workspace:
    loaded: LoadedPipeline
    store: ArtefactStore
    ledger: Database

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


@contextmanager
def open_workspace(config: Path | str) -> Iterator[Workspace]:
    """Read the config, open the ledger; both are closed afterwards."""
    loaded = load_pipeline(config)
    holds = loaded.store / f"{temporary_name()}{HOLDS}"
    database = open_database(loaded.store, loaded.pipeline.ledger_env)
    try:
        yield Workspace(loaded, ArtefactStore(loaded.store, holds=holds), database)
    finally:
        holds.unlink(missing_ok=True)
        database.close()


def output_folder(config: Path | str) -> Path:
    """Where the score files of a pipeline go, without opening its ledger."""
    loaded = load_pipeline(config)
    return Path(os.path.realpath(loaded.folder / loaded.pipeline.score.output))
