"""The checked rows of an input that a scoring needs: those that are there, else made again from what is left.

In: an input of the ledger. Out: its `checked` artefact, whole. Promise: damaged rows are set aside and made again, from
the table that was read of the file, else from the file itself, where one of its content lies in the score folders;
where a chunk was cut from rows before, only the same rows will do. Rows that were read for a model with other columns
or channels are read again. DataRefused says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from typing import Any

from sqlalchemy import Row

from seqcls.errors import Corrupted, DataRefused
from seqcls.ledger.chunks import chunks_by
from seqcls.listener import SILENT
from seqcls.registry.versions import champion, find_version
from seqcls.scoring.arrivals import NewFile, list_files
from seqcls.sources.layout import layout_format
from seqcls.stages import INGEST_NEW, VALIDATE_NEW, run_on
from seqcls.store.artefacts import Ref, read_manifest, read_meta
from seqcls.store.records import CheckedMeta
from seqcls.table import InputFile, Layout
from seqcls.workspace import Workspace


class Places:
    """Where each content lies in the score folders now; looked up once, when it is first asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @cached_property
    def by_digest(self) -> dict[str, InputFile]:
        return {file.digest: file for file in list_files(self.workspace).files}


def rows_of(
    workspace: Workspace, row: Row[Any], places: Places, version: int | None = None, without: str = ""
) -> Ref:  # fmt: skip
    """The rows of one scoring of an input, that of a row or, begun or not, that of a version; `without` is a chunk's
    digest that has no say, since it is given up."""
    version = row.rescored_with if version is None else version
    wanted, layout = _fixed_rows(workspace, row, version, without), layout_of(workspace, version)
    known = {digest for digest in (wanted, row.checked_digest) if digest}
    for digest in sorted(known, key=lambda item: item != wanted):
        found = workspace.store.find_whole("checked", digest)
        if found is not None and wanted in (None, digest) and read_meta(found, CheckedMeta).layout == layout:
            return found
    again = _made_again(workspace, row, places, layout)
    made = [ref for ref in again if read_meta(ref, CheckedMeta).layout == layout]
    if not made:
        raise DataRefused(
            "cannot be scored: its rows are damaged or were cleared away by `seqcls gc`, and the file is gone",
            where=row.name, expected=f"a file with SHA-256 {row.input_digest[:16]} in the score folders",
            next_step="put the file back, under any name, and run the same command again",
        )  # fmt: skip
    for ref in made:
        if wanted in (None, ref.digest):
            return ref
    raise DataRefused(
        "was scored in part, and reading it again gives other rows now", where=row.name,
        expected="the earlier rows (the rules or the release of seqcls changed since)",
        next_step=f"finish with the earlier rules, or put a backup of STORE/artefacts/checked/{wanted} in its place",
    )  # fmt: skip


def _fixed_rows(workspace: Workspace, row: Row[Any], version: int, without: str) -> str | None:
    """The rows that the chunks of this scoring were cut from: its other chunks must be cut from the same."""
    done = chunks_by(workspace.ledger, workspace.pipeline.name, row.input_digest, version)
    for chunk in done:
        if chunk.scores_digest != without:
            with suppress(Corrupted):  # another chunk knows it as well
                return str(read_manifest(workspace.store.ref("scores", chunk.scores_digest))["inputs"]["checked"])
    return None


def layout_of(workspace: Workspace, version: int = 0) -> Layout | None:
    """How the files of a version's training were read, 0 for the champion; of formats with columns that go by name."""
    form = layout_format(workspace.pipeline.score_source)
    if form is None:
        return None
    from seqcls.encoders import load_encoder

    model = find_version(workspace, version) if version else champion(workspace)
    layout = load_encoder(workspace.store.whole("model", model.model_digest).folder).layout
    return layout if layout is not None and layout.format == form else None


def _made_again(workspace: Workspace, row: Row[Any], places: Places, layout: Layout | None) -> Iterable[Ref]:
    for table in _tables_of(workspace, row.input_digest):
        yield run_on(workspace.with_listener(SILENT), VALIDATE_NEW, table).ref
    place = places.by_digest.get(row.input_digest)
    if place is not None:
        file = NewFile(name=row.name, path=str(place.path), digest=place.digest, size=place.size)
        yield check_file(workspace, file, layout)


def _tables_of(workspace: Workspace, input_digest: str) -> Iterable[Ref]:
    """Tables that were read of this content alone, for scoring, whole."""
    for ref in workspace.store.all("table"):
        with suppress(Corrupted):  # no table that anything can be made of
            manifest = read_manifest(ref)
            is_own = set(manifest["inputs"].values()) == {input_digest} and not manifest["meta"].get("labelled", True)
            if is_own and workspace.store.find_whole("table", ref.digest) is not None:
                yield ref


def check_file(workspace: Workspace, file: NewFile, layout: Layout | None) -> Ref:
    """One file -> its `checked` rows, for a model that was trained on files of this layout."""
    silent = workspace.with_listener(SILENT)
    table = run_on(silent, INGEST_NEW, file.as_input(), *([layout] if layout else []))
    return run_on(silent, VALIDATE_NEW, table.ref).ref
