"""Damage to a project's store, as a disk does it: one byte of a file is another one."""

from __future__ import annotations

from pathlib import Path

from seqcls.ledger.chunks import done_chunks
from seqcls.store.artefacts import Ref
from seqcls.workspace import open_workspace


def flip(path: Path, at: int | None = None) -> None:
    """Change one bit of a file, in its middle unless told where."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)


def chunks_of(config: Path, name: str = "") -> list[Ref]:
    """The artefacts of the committed chunks, of the inputs with this in their first name, in order."""
    with open_workspace(config) as workspace:
        rows = workspace.ledger.transact(
            lambda connection: connection.exec_driver_sql("SELECT input_digest, name FROM inputs").all()
        )
        names = {row.input_digest: row.name for row in rows}
        chunks = sorted(done_chunks(workspace.ledger, "pairs"), key=lambda chunk: (chunk.input_digest, chunk.chunk))
        return [workspace.store.ref("scores", c.scores_digest) for c in chunks if name in names[c.input_digest]]


def rows_of_open_input(config: Path) -> Path:
    """The folder of the checked rows of the one input that is not scored to its end."""
    with open_workspace(config) as workspace:
        (digest,) = workspace.ledger.transact(
            lambda connection: connection.exec_driver_sql(
                "SELECT checked_digest FROM inputs WHERE state = 'open'"
            ).one()
        )
        return workspace.store.ref("checked", digest).folder


def published(config: Path) -> set[str]:
    return {path.name for path in (config.parent / "scores").glob("model=*/*/part-*.parquet")}
