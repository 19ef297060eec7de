"""A ledger that is lost, damaged or too old: refused, rebuilt from the artefacts, and nothing is scored twice."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqcls.errors import Corrupted
from seqcls.ledger.chunks import done_chunks
from seqcls.ledger.models import get_alias, list_models
from seqcls.maintenance.repair import repair
from seqcls.registry.versions import CHAMPION
from seqcls.scoring.scoring_run import discover_new
from seqcls.store.artefacts import file_digest
from seqcls.workspace import open_workspace
from tests.recorder import Recorder
from tests.reliability.invariants import Books, count_final, count_ids, visible_files
from tests.reliability.processes import Nursery
from tests.road_data import write_rows


def ledger_of(config: Path) -> Path:
    return config.parent / "store" / "ledger.db"


def lose(ledger: Path) -> None:
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()


def outputs(config: Path) -> dict[str, str]:
    return {str(path): file_digest(path) for path in visible_files(config.parent)}


def known(config: Path) -> dict[str, Any]:
    """What the ledger knows that must not get lost."""
    with open_workspace(config) as workspace:
        versions = [(v.version, v.model_digest, v.evaluation_digest, v.inputs) for v in list_models(workspace.ledger)]
        champion = get_alias(workspace.ledger, "pairs", CHAMPION).version
    columns = (
        "input_digest, chunk, state, model_version, scores_digest, rows_in, scored, rejected, published_as, run_id"
    )
    with sqlite3.connect(ledger_of(config)) as connection:
        chunks = connection.execute(f"SELECT {columns} FROM chunks ORDER BY input_digest, chunk").fetchall()
        books = "name, input_digest, state, chunk_rows, checked_digest, rows_in, scored, rejected, abstained"
        inputs = connection.execute(f"SELECT {books} FROM inputs ORDER BY input_digest").fetchall()
    connection.close()
    return {"versions": versions, "champion": champion, "chunks": chunks, "inputs": inputs}


@pytest.mark.fault(
    "F66",
    tried="a ledger that is deleted, emptied, overwritten or cut",
    outcome="each command refuses, exit code 5, and names doctor --repair, which rebuilds it; nothing is scored twice",
)
@pytest.mark.parametrize("how", ["lost", "emptied", "overwritten", "cut"])
def test_a_ledger_that_is_gone_is_refused_and_rebuilt(
    how: str, scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    before, files = known(config), outputs(config)
    ledger = ledger_of(config)
    whole = ledger.read_bytes()
    lose(ledger)
    if how != "lost":
        ledger.write_bytes({"emptied": b"", "overwritten": b"no database" * 1000, "cut": whole[: len(whole) // 2]}[how])
    damaged = ledger.read_bytes() if how != "lost" else b""
    for command in ("score", "train"):
        refused = nursery.run(command, config)
        assert refused.status == 5, refused.text
        assert "doctor CONFIG --repair" in refused.text
    examined = nursery.run("doctor", config)
    assert examined.status == 3
    assert "--repair" in examined.text
    repaired = nursery.run("doctor", config, "--repair")
    assert repaired.status == 0, repaired.text
    if how in ("overwritten", "cut"):
        (kept,) = (
            path for path in ledger.parent.glob("ledger.db.damaged-*") if not path.name.endswith(("-wal", "-shm"))
        )
        assert kept.read_bytes() == damaged
    assert known(config) == before
    again = nursery.run("score", config)
    assert again.status == 0, again.text
    assert outputs(config) == files
    assert count_final(config) == Books()


@pytest.mark.parametrize("failpoint", ["chunk_scored=kill@2", "chunk_committed=kill@2", "scores_published=kill@2"])
def test_a_night_that_was_interrupted_before_the_ledger_was_lost_is_scored_to_its_end(
    failpoint: str, trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    assert nursery.run("score", config, failpoint=failpoint).status == -9
    files = outputs(config)
    lose(ledger_of(config))
    repaired = nursery.run("doctor", config, "--repair")
    assert repaired.status == 0, repaired.text
    assert "champion is v1" in repaired.text
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert files.items() <= outputs(config).items()
    assert count_final(config) == Books()
    assert count_ids(config) == Books()


def test_versions_keep_their_numbers_and_the_champion_is_what_the_newest_scores_used(
    scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    config.write_text(config.read_text().replace("epochs = 3", "epochs = 2"))
    assert nursery.run("train", config).status == 0
    assert nursery.run("promote", config, "--version", "2", "--force", "--why", "test").status == 0
    write_rows(config.parent / "incoming" / "second.csv", 30, seed=2, labelled=False)
    assert nursery.run("score", config).status == 0
    before = known(config)
    assert before["champion"] == 2
    lose(ledger_of(config))
    repaired = nursery.run("doctor", config, "--repair")
    assert repaired.status == 0, repaired.text
    assert "champion is v2" in repaired.text
    assert known(config) == before
    traced = nursery.run("lineage", config, "night-3")
    assert "pairs@v1" in traced.text


def test_a_store_without_scores_and_journal_has_its_versions_back_and_asks_for_a_champion(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    shutil.rmtree(config.parent / "store" / "artefacts" / "alias_move")  # a release before there was one
    lose(ledger_of(config))
    repaired = nursery.run("doctor", config, "--repair")
    assert "no scores say who was champion" in repaired.text
    assert "seqcls promote CONFIG --version N" in repaired.text
    assert nursery.run("promote", config, "--version", "1", "--force", "--why", "it was").status == 0
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F66",
    tried="an older backup of the ledger in its place",
    outcome="doctor says how many score files it does not know; --repair adds them; nothing is scored twice",
)
def test_an_older_ledger_that_was_put_back_is_noticed_and_completed(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    ledger = ledger_of(config)
    shutil.copy(ledger, config.parent / "backup.db")
    assert nursery.run("score", config).status == 0
    files = outputs(config)
    lose(ledger)
    shutil.copy(config.parent / "backup.db", ledger)
    examined = nursery.run("doctor", config)
    assert examined.status == 3
    assert "3 of them not in the ledger" in examined.text
    assert nursery.run("doctor", config, "--repair").status == 0
    assert nursery.run("score", config).status == 0
    assert outputs(config) == files
    assert count_final(config) == Books()


@pytest.mark.fault(
    "F68",
    tried="a bit flipped in an artefact of each kind",
    outcome="doctor names the file and what to do",
)
@pytest.mark.parametrize("kind", ["model", "evaluation", "table", "checked", "splits", "encoded", "scores"])
def test_doctor_names_every_damaged_artefact_and_what_to_do(
    kind: str, scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    path = sorted(
        (config.parent / "store" / "artefacts" / kind).rglob("*.parquet" if kind != "model" else "*.safetensors")
    )[0]
    data = path.read_bytes()
    path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    examined = nursery.run("doctor", config)
    assert examined.status == 3, examined.text
    line = next(line for line in examined.text.splitlines() if line.startswith("  NO"))
    assert path.name in line
    assert "Next: " in line


def test_a_postgresql_ledger_that_is_new_beside_old_scores_is_refused_and_filled(
    scored: Path, copy: Callable[[Path], Path], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = copy(scored)
    before = known(config)["versions"]
    config.write_text('ledger_env = "LEDGER"\n' + config.read_text())
    heard = Recorder()
    monkeypatch.setenv("LEDGER", postgres_url)
    with pytest.raises(Corrupted, match="it was lost"), open_workspace(config):
        pass
    repair(config, heard)
    with open_workspace(config) as workspace:
        rows = [(v.version, v.model_digest, v.evaluation_digest, v.inputs) for v in list_models(workspace.ledger)]
        assert rows == before
        assert len(done_chunks(workspace.ledger, "pairs")) == 3
        assert all(row.published for row in done_chunks(workspace.ledger, "pairs"))
        assert not discover_new(workspace).new
    assert "added 1 versions, 3 scored chunks" in heard.notes
