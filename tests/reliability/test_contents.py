"""The books of the kill loops find what they are there to find."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seqcls.store.artefacts import file_digest
from tests.reliability.contents import Scores, current_faults, row_faults, visible


def test_missing_doubled_and_foreign_rows_are_found(scored: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(scored)
    night = config.parent / "incoming" / "night.csv"
    output, contents = config.parent / "scores", {file_digest(night): night}
    scores = Scores(config.parent / "store" / "ledger.db", "pairs", output)
    counting = {digest: {"incoming/night.csv"} for digest in contents}

    def kinds() -> set[str]:
        faults = row_faults(scores, contents) + current_faults(output, counting, contents)
        return {fault.kind for fault in faults}

    assert kinds() == set()
    path = next(path for path in sorted(visible(output)) if "rejects" not in path.parts)
    table, data = pq.read_table(path), path.read_bytes()
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path)
    assert kinds() == {"twice", "_current.json wrong"}
    path.unlink()
    assert kinds() == {"lost", "_current.json wrong"}
    path.write_bytes(data)
    shutil.copyfile(path, path.with_name("part-of-nothing.parquet"))
    assert kinds() == {"half visible"}
    path.with_name("part-of-nothing.parquet").unlink()
    listed = json.loads((output / "_current.json").read_text())
    listed["files"] *= 2
    (output / "_current.json").write_text(json.dumps(listed))
    assert kinds() == {"_current.json wrong"}
    contents, counting = {"0" * 64: night}, {"0" * 64: {"incoming/night.csv"}}
    assert kinds() >= {"twice", "lost"}, "another content was delivered than was scored"
