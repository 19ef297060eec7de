"""Scoring history again with another version: once for each version, old scores kept, killed and gone on with."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from seqcls.errors import ConfigRefused, DataRefused
from seqcls.ledger.chunks import chunks_by, done_chunks, list_inputs
from seqcls.registry import versions as registry
from seqcls.road import ScoreOutcome, score_pipeline
from seqcls.scoring.current import list_scorings
from seqcls.scoring.export import read_current, write_current_scores
from seqcls.scoring.lineage import find_lineage
from seqcls.scoring.plan import plan_lines, plan_scoring
from seqcls.scoring.scoring_run import ScoreRequest, require_usable
from seqcls.table import ScoreCounts
from seqcls.workspace import open_workspace
from tests.reliability.invariants import Books, count_rescored, count_visible, digests_of
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

AGAIN = ScoreRequest(rescore=True)


@pytest.fixture
def config(promoted: Path, copy: Callable[[Path], Path]) -> Path:
    """92 rows scored by v1; v2 is champion and has scored nothing."""
    return copy(promoted)


def score(config: Path, request: ScoreRequest = AGAIN) -> ScoreOutcome:
    with open_workspace(config) as workspace:
        return score_pipeline(workspace, request)


def states(config: Path) -> list[tuple[str, tuple[int, ...], str]]:
    with open_workspace(config) as workspace:
        return [(item.name, item.models, item.state) for item in list_scorings(workspace)]


def test_history_is_scored_again_beside_what_was_there(config: Path) -> None:
    before = digests_of(config)
    outcome = score(config)
    assert outcome.run.rows == ScoreCounts(rows_in=92, scored=90, rejected=2)
    assert outcome.run.model == "pairs@v2"
    assert before.items() <= digests_of(config).items()
    assert count_rescored(config, 2) == Books()
    assert states(config) == [
        ("incoming/night.csv", (1,), "superseded by v2"),
        ("incoming/night.csv", (2,), "current"),
    ]
    assert {name.split("/")[0] for name in outcome.files.scores} == {"model=v2"}


def test_asked_twice_nothing_is_scored_twice(config: Path) -> None:
    score(config)
    files = digests_of(config)
    again = score(config)
    assert (again.run.rows.rows_in, again.discovery.known) == (0, ("incoming/night.csv",))
    assert score(config, ScoreRequest(rescore=True, model="v1")).run.rows.rows_in == 0  # v1 scored it at first
    assert digests_of(config) == files
    with open_workspace(config) as workspace:
        rows = [(row.input_digest, row.chunk, row.model_version) for row in done_chunks(workspace.ledger, "pairs")]
    assert len(rows) == len(set(rows)) == 6


def test_new_files_are_left_to_the_night(config: Path) -> None:
    write_rows(config.parent / "incoming" / "new.csv", 7, seed=5, labelled=False)
    assert score(config).run.rows.rows_in == 92
    assert score(config, ScoreRequest()).run.rows.rows_in == 7


def test_only_days_that_are_asked_for_are_scored_again(config: Path) -> None:
    incoming = config.parent / "incoming"
    for day, seed in (("2026-11-20", 20), ("2026-11-21", 21), ("2026-11-22", 22)):
        write_rows(incoming / f"of-{day}.csv", 5, seed=seed, labelled=False)
    score(config, ScoreRequest())
    request = ScoreRequest(rescore=True, since=date(2026, 11, 21), until=date(2026, 11, 21), model="pairs@v1")
    outcome = score(config, request)
    assert [item.name for item in outcome.run.inputs] == ["incoming/of-2026-11-21.csv"]
    assert outcome.run.model == "pairs@v1"
    assert sorted(outcome.discovery.outside) == [
        "incoming/night.csv",
        "incoming/of-2026-11-20.csv",
        "incoming/of-2026-11-22.csv",
    ]


def test_backfill_takes_new_files_of_the_days_asked_for_and_the_rest_later(config: Path) -> None:
    incoming = config.parent / "incoming"
    for number, day in enumerate(("2026-10-01", "2026-10-02", "2026-10-03"), start=1):
        write_rows(incoming / day / "rows.csv", number, seed=number, labelled=False)
    config.write_text(config.read_text().replace('"incoming/*.csv"', '"incoming/**/*.csv"'))
    early = score(config, ScoreRequest(until=date(2026, 10, 2)))
    assert (early.run.rows.rows_in, early.discovery.outside) == (3, ("incoming/2026-10-03/rows.csv",))
    assert score(config, ScoreRequest(since=date(2026, 10, 1))).run.rows.rows_in == 3
    assert score(config, ScoreRequest()).run.rows.rows_in == 0


def test_what_a_version_scored_at_first_is_not_scored_again_by_it(
    promoted: Path, trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    """The champion moves while a file of three chunks is being scored: v1 has one of them, v2 two."""
    config = copy(promoted)
    for folder in ("scores", "store"):  # the promoted store, before its night
        shutil.rmtree(config.parent / folder, ignore_errors=True)
    shutil.copytree(promoted / "store", config.parent / "store")
    write_rows(config.parent / "incoming" / "second.csv", 100, seed=9, labelled=False)
    assert nursery.run("rollback", config).status == 0
    assert nursery.run("score", config, failpoint="chunk_committed=kill@1").status == -9
    assert nursery.run("promote", config, "--version", "2", "--force", "--why", "test").status == 0
    score(config, ScoreRequest())
    with open_workspace(config) as workspace:
        (digest,) = (row.input_digest for row in list_inputs(workspace.ledger, "pairs") if "second" in row.name)
        assert [row.model_version for row in chunks_by(workspace.ledger, "pairs", digest, 0)] == [1, 2, 2]
    score(config)
    with open_workspace(config) as workspace:
        rows = chunks_by(workspace.ledger, "pairs", digest, 2)
        assert [(row.chunk, row.rescored_with, row.rows_in) for row in rows] == [(0, 2, 40), (1, 0, 40), (2, 0, 20)]
        current = [item for item in list_scorings(workspace) if item.current and item.input_digest == digest]
        assert [(item.models, item.counts.rows_in) for item in current] == [((2,), 100)]
        ids = Counter(name for table in read_current(workspace) for name in table["id"].to_pylist())
    assert len(ids) == 190
    assert set(ids.values()) == {1}


def test_a_rescoring_that_was_killed_goes_on_where_it_stopped(config: Path, nursery: Nursery) -> None:
    assert nursery.run("score", config, "--rescore", failpoint="chunk_committed=kill@2").status == -9
    assert count_visible(config) == Books()
    with open_workspace(config) as workspace:
        digest = list_inputs(workspace.ledger, "pairs")[0].input_digest
        before = {row.chunk: row.scores_digest for row in chunks_by(workspace.ledger, "pairs", digest, 2)}
    done = nursery.run("score", config, "--rescore")
    assert done.status == 0, done.text
    with open_workspace(config) as workspace:
        after = {row.chunk: row.scores_digest for row in chunks_by(workspace.ledger, "pairs", digest, 2)}
    assert len(before) == 2
    assert before.items() <= after.items()
    assert len(after) == 3
    assert count_rescored(config, 2) == Books()


def test_two_rescorings_at_once_score_each_row_once(config: Path, nursery: Nursery) -> None:
    running = [nursery.start("score", config, "--rescore") for _ in range(2)]
    for command in running:
        assert command.wait() == 0, command.text
    assert nursery.run("score", config, "--rescore").status == 0
    assert count_rescored(config, 2) == Books()


def test_a_lost_ledger_knows_its_rescorings_again(config: Path, nursery: Nursery) -> None:
    assert nursery.run("score", config, "--rescore", failpoint="chunk_committed=kill@2").status == -9
    assert nursery.run("score", config).status == 0  # publishes what is committed
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()
    repaired = nursery.run("doctor", config, "--repair")
    assert repaired.status == 0, repaired.text
    files = digests_of(config)
    done = nursery.run("score", config, "--rescore")
    assert done.status == 0, done.text
    assert files.items() <= digests_of(config).items()
    assert count_rescored(config, 2) == Books()
    assert states(config)[-1] == ("incoming/night.csv", (2,), "current")


def test_rows_that_gc_cleared_away_are_read_again_from_the_file_whatever_its_name(
    config: Path, nursery: Nursery
) -> None:
    assert nursery.run("gc", config, "--age", "0").status == 0
    incoming = config.parent / "incoming"
    (incoming / "night.csv").rename(incoming / "renamed.csv")
    outcome = score(config)
    assert outcome.prepared.refused == ()
    assert outcome.run.rows.rows_in == 92
    assert count_rescored(config, 2) == Books()


def test_rows_that_are_gone_for_good_are_refused_by_name(config: Path, nursery: Nursery) -> None:
    assert nursery.run("gc", config, "--age", "0").status == 0
    (config.parent / "incoming" / "night.csv").unlink()
    outcome = score(config)
    with pytest.raises(DataRefused, match=r"incoming/night\.csv: cannot be scored.*put the file back"):
        require_usable(outcome.prepared)


def test_a_rescoring_under_way_is_kept_from_gc(config: Path, nursery: Nursery) -> None:
    assert nursery.run("score", config, "--rescore", failpoint="rescoring_opened=kill").status == -9
    assert nursery.run("gc", config, "--age", "0", "--keep", "1").status == 0
    (config.parent / "incoming" / "night.csv").unlink()
    assert score(config).run.rows.scored == 90


def test_going_back_to_an_earlier_champion_makes_its_scores_current_again(config: Path) -> None:
    score(config)
    with open_workspace(config) as workspace:
        registry.rollback(workspace)
    assert states(config) == [
        ("incoming/night.csv", (1,), "current"),
        ("incoming/night.csv", (2,), "superseded by v1"),
    ]
    score(config, ScoreRequest())  # any run writes it down
    current = json.loads((config.parent / "scores" / "_current.json").read_text())
    assert [file["models"] for file in current["files"]] == [[1]]


def test_current_json_names_the_files_that_count_and_readers_of_the_folder_pass_over_it(config: Path) -> None:
    score(config)
    output = config.parent / "scores"
    (file,) = json.loads((output / "_current.json").read_text())["files"]
    assert (file["file"], file["models"], file["rows_in"]) == ("incoming/night.csv", [2], 92)
    listed = ds.dataset([str(output / name) for name in file["scores"]]).to_table()
    assert set(listed["model"].to_pylist()) == {"pairs@v2"}
    assert listed.num_rows == 90
    assert all(Path(name).suffix == ".parquet" for name in ds.dataset(str(output)).files)


def test_the_dry_run_says_what_the_run_then_does_and_changes_nothing(config: Path) -> None:
    write_rows(config.parent / "incoming" / "new.csv", 7, seed=5, labelled=False)
    (config.parent / "incoming" / "page.csv").write_text("<!DOCTYPE html><html>404</html>")
    store = sorted(str(path) for path in (config.parent / "store" / "artefacts").rglob("*"))
    with open_workspace(config) as workspace:
        again, new = plan_scoring(workspace, AGAIN), plan_scoring(workspace, ScoreRequest())
        assert len(list_inputs(workspace.ledger, "pairs", None)) == 1
    assert ([file.name for file in again.files], again.rows, again.model) == (["incoming/night.csv"], 92, "pairs@v2")
    assert ([file.rows for file in new.files], new.known) == ([7, 0], 1)
    assert any("page.csv" in line and line.startswith("would refuse") for line in plan_lines(new, "pairs.toml"))
    assert sorted(str(path) for path in (config.parent / "store" / "artefacts").rglob("*")) == store
    assert score(config, AGAIN).run.rows.rows_in == again.rows
    assert score(config, ScoreRequest()).run.rows.rows_in == new.rows


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ScoreRequest(model="v1"), r"--model v1 without --rescore.*seqcls promote"),
        (
            ScoreRequest(since=date(2026, 2, 1), until=date(2026, 1, 1)),
            r"--since 2026-02-01 is after --until 2026-01-01",
        ),
        (ScoreRequest(rescore=True, model="newest"), r"'newest' is no version of pairs; expected v2 or pairs@v2"),
        (ScoreRequest(rescore=True, model="other@v1"), r"'other@v1' is no version of pairs"),
        (ScoreRequest(rescore=True, model="v7"), r"there is no version 7; expected one of v1, v2"),
    ],
)
def test_options_that_contradict_each_other_are_refused(config: Path, request_: ScoreRequest, message: str) -> None:
    with pytest.raises(ConfigRefused, match=message):
        score(config, request_)


def test_lineage_tells_which_of_two_scores_counts(config: Path) -> None:
    score(config)
    with open_workspace(config) as workspace:
        first, second = find_lineage(workspace, "night-3")
    assert (first["model"].split()[0], first["state"]) == ("pairs@v1", "superseded by v2")
    assert (second["model"].split()[0], second["state"]) == ("pairs@v2", "current")


def test_the_rows_that_count_are_written_as_one_file(config: Path, nursery: Nursery, tmp_path: Path) -> None:
    score(config)
    with open_workspace(config) as workspace:
        assert write_current_scores(workspace, tmp_path / "current.parquet") == 90
        with pytest.raises(ConfigRefused, match=r"expected a name that ends in \.parquet or \.csv"):
            write_current_scores(workspace, tmp_path / "current.xlsx")
    table = ds.dataset(str(tmp_path / "current.parquet")).to_table()
    assert set(table["model"].to_pylist()) == {"pairs@v2"}
    assert sorted(table["id"].to_pylist()) == sorted(f"night-{number}" for number in range(90))
    done = nursery.run("scores", config, "--write", tmp_path / "current.csv")
    assert done.status == 0, done.text
    lines = (tmp_path / "current.csv").read_text().splitlines()
    assert len(lines) == 91
    assert lines[0].startswith('"id","label","confidence","p_no","p_yes","model"')


def test_the_commands_say_what_they_did(config: Path, nursery: Nursery) -> None:
    planned = nursery.run("score", config, "--rescore", "--dry-run")
    assert "would score again, with pairs@v2: 1 files, 92 rows" in planned.text
    done = nursery.run("score", config, "--rescore")
    assert "92 rows in = 90 scored + 2 rejected + 0 abstained, by pairs@v2" in done.text
    again = nursery.run("score", config, "--rescore")
    assert "nothing to score again. Next: `seqcls scores" in again.text
    listed = nursery.run("scores", config)
    assert re.search(r"night\.csv .* v1 .* superseded by v2", listed.text)
    assert re.search(r"night\.csv .* v2 .* current", listed.text)
    (only,) = json.loads(nursery.run("scores", config, "--current", "--json").text)
    assert (only["models"], only["rows_in"], len(only["scores"])) == ([2], 92, 3)
    wrong = nursery.run("score", config, "--since", "22.11.2026")
    assert wrong.status == 2
    assert "expected a day such as 2026-11-22" in wrong.text
