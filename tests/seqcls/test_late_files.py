"""Files that come late, twice, renamed, replaced, half written: what the night makes of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seqcls.errors import DataRefused
from seqcls.ledger.chunks import done_chunks, list_inputs
from seqcls.ledger.sightings import list_sightings
from seqcls.road import ScoreOutcome, score_pipeline
from seqcls.scoring.current import list_scorings
from seqcls.scoring.export import read_current
from seqcls.scoring.scoring_run import ScoreRequest, discover_new, prepare_new, require_usable
from seqcls.sources.arriving import find_unfinished
from seqcls.store.artefacts import file_digest, read_manifest
from seqcls.workspace import open_workspace
from tests.reliability.invariants import digests_of
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

# Writes a header and rows into a file, slowly, until a file named `stop` appears; then the last row.
WRITER = """
import pathlib, sys, time
target, stop = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
with open(target, "w") as file:
    file.write("id,sequence\\n")
    number = 0
    while not stop.exists():
        file.write(f"slow-{number},w1 first w2 second w3\\n")
        file.flush()
        number += 1
        time.sleep(0.002)
    file.write("slow-last,w1 second w2 first w3\\n")
"""


@pytest.fixture
def config(trained: Path, copy: Callable[[Path], Path]) -> Path:
    """A trained project with an empty incoming folder."""
    config = copy(trained)
    for path in (config.parent / "incoming").iterdir():
        path.unlink()
    return config


def score(config: Path, request: ScoreRequest | None = None) -> ScoreOutcome:
    with open_workspace(config) as workspace:
        return score_pipeline(workspace, request or ScoreRequest())


def states(config: Path) -> dict[tuple[str, int], str]:
    """(name, rows) -> what became of it."""
    with open_workspace(config) as workspace:
        return {(item.name, item.counts.rows_in): item.state.split()[0] for item in list_scorings(workspace)}


def labels(config: Path) -> dict[tuple[str, str], tuple[str, int]]:
    """(file, id) -> label and row, of the scores that count."""
    with open_workspace(config) as workspace:
        rows = [row for table in read_current(workspace) for row in table.to_pylist()]
    found = {(row["source_file"], row["id"]): (row["label"], row["source_row"]) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.fault("F42", tried="delivered twice, as a copy and renamed", outcome="scored once; known by its content")
def test_a_file_delivered_twice_copied_or_renamed_is_scored_and_counted_once(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "a.csv", 20, seed=1, labelled=False)
    assert score(config).run.rows.rows_in == 20
    files = digests_of(config)
    shutil.copy(incoming / "a.csv", incoming / "copy.csv")
    (incoming / "a.csv").rename(incoming / "renamed.csv")
    again = score(config)
    assert (again.run.rows.rows_in, again.discovery.known) == (0, ("incoming/copy.csv", "incoming/renamed.csv"))
    assert digests_of(config) == files
    assert states(config) == {("incoming/a.csv", 20): "current"}
    assert len(labels(config)) == 20


@pytest.mark.fault(
    "F43", tried="a row corrected in a file of the same name", outcome="a new input; the old scores stay"
)
def test_a_corrected_row_is_scored_as_a_new_version_and_the_old_one_is_kept(config: Path) -> None:
    path = config.parent / "incoming" / "a.csv"
    path.write_text("id,sequence\none,w1 first w2 second w3\ntwo,w1 first w4 second w3\n")
    score(config)
    before, old = labels(config), digests_of(config)
    path.write_text("id,sequence\none,w1 first w2 second w3\ntwo,w1 second w4 first w3\n")
    outcome = score(config)
    after = labels(config)
    assert outcome.run.rows.rows_in == 2  # unchanged rows are scored again with the file that holds them
    assert before.keys() == after.keys()
    assert before[("incoming/a.csv", "one")] == after[("incoming/a.csv", "one")]
    assert old.items() <= digests_of(config).items()
    with open_workspace(config) as workspace:
        replaced, current = list_scorings(workspace)
        assert (replaced.state, current.state) == (f"replaced by {current.input_digest[:12]}", "current")
        manifest = read_manifest(workspace.store.ref("scores", current.chunks[0].scores_digest))
    assert manifest["meta"]["input"]["supersedes"] == {"inputs": [replaced.input_digest], "versions": []}
    (listed,) = json.loads((config.parent / "scores" / "_current.json").read_text())["files"]
    assert listed["input"] == current.input_digest == file_digest(path)


def test_the_first_content_put_back_counts_again_without_being_scored(config: Path) -> None:
    path = config.parent / "incoming" / "a.csv"
    write_rows(path, 3, seed=1, labelled=False)
    first = path.read_bytes()
    score(config)
    write_rows(path, 4, seed=2, labelled=False)
    score(config)
    assert states(config) == {("incoming/a.csv", 3): "replaced", ("incoming/a.csv", 4): "current"}
    path.write_bytes(first)
    assert score(config).run.rows.rows_in == 0
    assert states(config) == {("incoming/a.csv", 3): "current", ("incoming/a.csv", 4): "replaced"}


def test_content_that_lives_on_under_another_name_still_counts_there(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "a.csv", 3, seed=1, labelled=False)
    score(config)
    shutil.copy(incoming / "a.csv", incoming / "b.csv")
    write_rows(incoming / "a.csv", 4, seed=2, labelled=False)
    score(config)
    assert states(config) == {("incoming/b.csv", 3): "current", ("incoming/a.csv", 4): "current"}
    assert {file for file, _ in labels(config)} == {"incoming/a.csv", "incoming/b.csv"}


def test_a_replacement_that_cannot_be_used_leaves_the_old_scores_in_force(config: Path) -> None:
    path = config.parent / "incoming" / "a.csv"
    write_rows(path, 3, seed=1, labelled=False)
    score(config)
    path.write_text("<!DOCTYPE html><html>404</html>")
    assert len(score(config).prepared.refused) == 1
    assert states(config) == {("incoming/a.csv", 3): "current"}


@pytest.mark.fault("F44", tried="a file for a past date", outcome="scored under its own day; nothing else is touched")
def test_a_late_file_is_scored_under_its_own_day_and_touches_no_other(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "2026-11-21.csv", 5, seed=1, labelled=False)
    write_rows(incoming / "2026-11-22.csv", 5, seed=2, labelled=False)
    score(config)
    before = digests_of(config)
    write_rows(incoming / "2026-11-20.csv", 3, seed=3, labelled=False)
    assert score(config).run.rows.rows_in == 3
    after = digests_of(config)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    with open_workspace(config) as workspace:
        days = [(item.day, item.counts.rows_in) for item in list_scorings(workspace)]
    assert days == [("2026-11-20", 3), ("2026-11-21", 5), ("2026-11-22", 5)]


def test_a_file_without_a_date_has_the_day_of_its_last_change_when_it_was_first_seen(config: Path) -> None:
    path = config.parent / "incoming" / "plain.csv"
    write_rows(path, 3, seed=1, labelled=False)
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC).timestamp()
    os.utime(path, (noon, noon))
    score(config)
    os.utime(path)
    score(config)
    with open_workspace(config) as workspace:
        assert [row.day for row in list_inputs(workspace.ledger, "pairs")] == ["2026-10-05"]


@pytest.mark.fault("F11", tried="a process writes into the file during the run", outcome="left for the next run, named")
def test_a_file_that_a_process_is_writing_waits_and_is_scored_whole_later(config: Path, nursery: Nursery) -> None:
    incoming, stop = config.parent / "incoming", config.parent / "stop"
    write_rows(incoming / "good.csv", 5, seed=1, labelled=False)
    hour_ago = time.time() - 3600
    os.utime(incoming / "good.csv", (hour_ago, hour_ago))
    config.write_text(config.read_text() + "stable_seconds = 1.0\n")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(incoming / "slow.csv"), str(stop)])
    try:
        wait_for(lambda: (incoming / "slow.csv").exists() and (incoming / "slow.csv").stat().st_size > 1000)
        during = nursery.run("score", config)
        assert during.status == 0, during.text
        assert "5 rows in = 5 scored" in during.text
        assert "left for the next run: incoming/slow.csv (changed a moment ago)" in during.text
    finally:
        stop.touch()
        assert writer.wait(30) == 0
    os.utime(incoming / "slow.csv", (hour_ago, hour_ago))
    outcome = score(config)
    lines = (incoming / "slow.csv").read_text().splitlines()
    assert outcome.run.rows.scored == len(lines) - 1
    assert ("incoming/slow.csv", "slow-last") in labels(config)
    with open_workspace(config) as workspace:
        assert len(list_inputs(workspace.ledger, "pairs")) == 2  # no half file was ever an input


@pytest.mark.fault("F11", tried="without stable_seconds, the file grows between finding and reading", outcome="waits")
def test_a_file_that_grows_between_being_found_and_being_read_waits(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "good.csv", 5, seed=1, labelled=False)
    write_rows(incoming / "slow.csv", 5, seed=2, labelled=False)
    with open_workspace(config) as workspace:
        found = discover_new(workspace)
        assert len(found.new) == 2
        with open(incoming / "slow.csv", "a") as file:
            file.write("late,w1 first w2 second\n")
        prepared = prepare_new(workspace, found)
    assert (len(prepared.inputs), prepared.refused) == (1, ())
    assert prepared.waiting == ("incoming/slow.csv (changed while being read)",)
    assert score(config).run.rows.rows_in == 11  # the file that was ready, and the whole of the other


def test_a_file_that_changes_while_it_is_hashed_waits_and_stops_no_other(config: Path) -> None:
    """A process appends to it all the time; it is large, so that hashing it takes longer than one write."""
    incoming = config.parent / "incoming"
    write_rows(incoming / "good.csv", 5, seed=1, labelled=False)
    (incoming / "busy.csv").write_bytes(b"x" * 100_000_000)
    appender = "import sys\nwhile True:\n with open(sys.argv[1], 'a') as file: file.write('x')"
    writer = subprocess.Popen([sys.executable, "-c", appender, str(incoming / "busy.csv")])
    try:
        wait_for(lambda: (incoming / "busy.csv").stat().st_size > 100_000_000)
        with open_workspace(config) as workspace:
            found = discover_new(workspace)
    finally:
        writer.kill()
        writer.wait()
    assert [file.name for file in found.new] == ["incoming/good.csv"]
    assert found.waiting == ("incoming/busy.csv (changed a moment ago)",)


def test_temporary_names_are_left_out_and_named(config: Path) -> None:
    incoming = config.parent / "incoming"
    for name in ("a.csv.part", "b.csv.tmp", "c.csv.crdownload", ".d.csv", ".e.csv.x7Ab3f", "f.csv"):
        write_rows(incoming / name, 2, seed=len(name), labelled=False)
    (incoming / ".DS_Store").write_text("no data of anybody")
    outcome = score(config)
    assert outcome.run.rows.rows_in == 2
    assert list(outcome.prepared.waiting) == [
        f"incoming/{name} (a temporary name)"
        for name in (".d.csv", ".e.csv.x7Ab3f", "a.csv.part", "b.csv.tmp", "c.csv.crdownload")
    ]
    (incoming / "a.csv.part").rename(incoming / "a.csv")
    assert score(config).run.rows.rows_in == 2


def test_unfinished_files_are_looked_for_where_the_patterns_look(tmp_path: Path) -> None:
    for name in ("in/1/a.csv.part", "in/2/deep/b.csv.part", "in/c.txt.part", "out/d.csv.part", "in/1/.git"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def names(pattern: str) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in find_unfinished(tmp_path, [pattern])]

    assert names("in/*.csv") == []
    assert names("in/*/*.csv") == ["in/1/a.csv.part"]
    assert names("in/**/*.csv") == ["in/1/a.csv.part", "in/2/deep/b.csv.part"]
    assert names("in") == ["in/1/a.csv.part", "in/2/deep/b.csv.part", "in/c.txt.part"]
    assert names("in/1/a.csv") == ["in/1/a.csv.part"]


def test_with_a_marker_only_files_that_have_theirs_are_taken(config: Path) -> None:
    incoming = config.parent / "incoming"
    config.write_text(config.read_text().replace('"incoming/*.csv"', '"incoming"') + 'done_marker = ".done"\n')
    write_rows(incoming / "a.csv", 2, seed=1, labelled=False)
    write_rows(incoming / "b.csv", 3, seed=2, labelled=False)
    (incoming / "a.csv.done").touch()
    outcome = score(config)
    assert outcome.run.rows.rows_in == 2
    assert outcome.prepared.waiting == ("incoming/b.csv (no .done beside it, or changing)",)
    (incoming / "b.csv.done").touch()
    assert score(config).run.rows.rows_in == 3


def test_a_time_in_the_future_does_not_keep_a_file_waiting_for_ever(config: Path) -> None:
    path = config.parent / "incoming" / "a.csv"
    write_rows(path, 2, seed=1, labelled=False)
    tomorrow = time.time() + 86_400
    os.utime(path, (tomorrow, tomorrow))
    assert score(config).run.rows.rows_in == 2


def test_a_damaged_file_that_nobody_writes_is_refused_not_waited_for(config: Path) -> None:
    (config.parent / "incoming" / "page.csv").write_text("<!DOCTYPE html><html>404</html>")
    prepared = score(config).prepared
    assert (len(prepared.refused), prepared.waiting) == (1, ())
    with pytest.raises(DataRefused, match=r"page\.csv"):
        require_usable(prepared)


def test_every_name_of_a_content_is_remembered_in_the_order_of_time(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "a.csv", 2, seed=1, labelled=False)
    score(config)
    (incoming / "a.csv").rename(incoming / "b.csv")
    score(config)
    with open_workspace(config) as workspace:
        assert [row.name for row in list_sightings(workspace.ledger, "pairs")] == ["incoming/a.csv", "incoming/b.csv"]
        assert len(done_chunks(workspace.ledger, "pairs")) == 1


def wait_for(happened: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)
