"""Processes that are killed or told to stop, and machines that lose power: what was committed is there and whole."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks.protocol import run_trials
from seqcls.ledger.chunks import ChunkResult, claim_chunk, commit_chunk, done_chunks
from seqcls.scoring.publish import publish, remove_traces
from seqcls.store.artefacts import file_digest, verify
from seqcls.store.owner import is_gone, this_process
from seqcls.store.parquet import write_parquet
from seqcls.table import ScoreCounts
from seqcls.workspace import Workspace, open_workspace
from tests.faults.crash_states import Recorder, crash_states, write_state
from tests.reliability.invariants import Books, count_final, count_visible, model_digests
from tests.reliability.processes import Nursery
from tests.road_data import write_project

INPUT = "ab" * 32


@pytest.mark.fault(
    "F60",
    tried="SIGKILL at random moments of processes that claim, write, commit and publish; thousands by `make soak`",
    outcome="no acknowledged commit is forgotten, nothing occurs twice or half, nothing is left lying about",
)
def test_random_kills_forget_and_double_nothing() -> None:
    tally = run_trials(40, seed=60, deadline=time.monotonic() + 60)
    assert tally.kills >= 40
    assert tally.commits > 0
    assert (tally.forgotten, tally.left, tally.failed, tally.books) == (0, 0, 0, Books())


@pytest.mark.fault(
    "F61",
    tried="SIGTERM, SIGINT, or both in quick succession, in the middle of a training step or of a chunk",
    outcome="one line, exit code 130; the lease is given back; the same command goes on where it stopped",
)
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM, signal.SIGINT]], ids=len)
@pytest.mark.parametrize(("command", "point"), [("train", "step_ended=stop@6"), ("score", "chunk_scored=stop@2")])
def test_a_run_that_is_told_to_stop_ends_with_one_line(
    command: str, point: str, signals: list[signal.Signals],
    untrained: Path, trained: Path, nursery: Nursery, copy: Callable[[Path], Path],
) -> None:  # fmt: skip
    config = copy(untrained if command == "train" else trained)
    running = nursery.start(command, config, failpoint=point)
    running.wait_until_stopped()
    running.send(signals[0])
    running.send(signal.SIGCONT)
    for more in signals[1:]:
        time.sleep(0.002)
        running.send(more)
    assert running.wait(30) == 130, running.text
    assert running.text.count("seqcls: interrupted; run the same command again to go on where it stopped") == 1
    assert "Traceback" not in running.text
    assert count_visible(config) == Books()
    if command == "score" and len(signals) == 1:
        assert leases(config) == [0.0]
    done = nursery.run(command, config)
    assert done.status == 0, done.text
    if command == "train":
        assert model_digests(config) == model_digests(trained / "pairs.toml")
    else:
        assert count_final(config) == Books()


def leases(config: Path) -> list[float]:
    with sqlite3.connect(config.parent / "store" / "ledger.db") as ledger:
        found = [row[0] for row in ledger.execute("SELECT lease_until FROM chunks WHERE state = 'claimed'")]
    ledger.close()
    return found


def score_made_up_chunk(workspace: Workspace, number: int) -> None:
    """The storage protocol of scoring, without a network: claim, artefact, commit, publish."""
    claim = claim_chunk(workspace.ledger, "pairs", INPUT, number, this_process(), 900.0, is_gone)
    assert claim is not None
    table = pa.table({"id": [f"{number}"], "source_file": ["made up"], "source_row": [number]})
    with workspace.store.write("scores") as draft:
        write_parquet(draft.folder / "scores.parquet", table)
        write_parquet(draft.folder / "rejects.parquet", table)
        draft.meta |= {"chunk": number, "rejected": 1}
    place = f"model=v1/scored_on=2026-01-01/part-{number:05d}.parquet"
    assert commit_chunk(
        workspace.ledger, claim, ChunkResult(1, draft.ref.digest, ScoreCounts(2, 1, 1, 0), "run", place)
    )
    publish(workspace)


@pytest.mark.fault(
    "F62",
    tried="power loss between any two system calls of scoring: what was not synced is lost, kept, empty or half, "
    "in every combination of all, none, each alone and all but one",
    outcome="every chunk that the ledger holds is whole; every file it calls published is there; the next run "
    "publishes the rest and clears what is half",
)
def test_what_was_committed_survives_every_power_loss(tmp_path: Path) -> None:
    config = write_project(tmp_path / "project", rows=1)
    with open_workspace(config) as workspace:
        recorder = Recorder(config.parent, config.parent / "store" / "ledger.db")
        with recorder.watching():
            for number in range(2):
                score_made_up_chunk(workspace, number)
    tried = 0
    for moment, state in crash_states(recorder.moments):
        found = tmp_path / "found"
        write_state(found, moment, state)
        check_recovery(found / "pairs.toml", moment.call)
        shutil.rmtree(found)
        tried += 1
    assert tried > 60


def check_recovery(config: Path, call: str) -> None:
    with open_workspace(config) as workspace:
        chunks = done_chunks(workspace.ledger, "pairs")
        for chunk in chunks:
            ref = workspace.store.ref("scores", chunk.scores_digest)
            verify(ref)
            if chunk.published:
                place = workspace.output / chunk.published_as
                assert place.is_file(), f"{call}: called published, and gone: {chunk.published_as}"
                assert file_digest(place) == file_digest(ref.folder / "scores.parquet"), call
        remove_traces(workspace.store, workspace.output)
        publish(workspace)
        files = sorted(path.name for path in workspace.output.rglob("model=*/**/part-*.parquet"))
        assert files == sorted(Path(chunk.published_as).name for chunk in chunks), call
        rejects = sorted(path.name for path in workspace.output.rglob("rejects/**/part-*.parquet"))
        assert rejects == files, call


def test_the_model_of_power_loss_finds_a_missing_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its syncs the same protocol loses data: the test above can fail."""
    monkeypatch.setattr("seqcls.store.artefacts.fsync_tree", lambda folder: None)
    with pytest.raises(Exception, match=r"no manifest|SHA-256|not JSON|called published|digest"):
        test_what_was_committed_survives_every_power_loss(tmp_path)
