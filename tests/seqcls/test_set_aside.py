"""`score.unusable`: a file that cannot be used fails every night, or one night and is then named in a line."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.errors import DataRefused
from seqcls.ledger.chunks import list_inputs
from seqcls.messages import after_scoring, scoring_page
from seqcls.road import ScoreOutcome, score_pipeline
from seqcls.scoring.plan import plan_lines, plan_scoring
from seqcls.scoring.scoring_run import ScoreRequest, require_usable
from seqcls.workspace import open_workspace
from tests.reliability.invariants import Books, count_visible
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

PAGE = "<!DOCTYPE html><html>404</html>"


@pytest.fixture
def config(trained: Path, copy: Callable[[Path], Path]) -> Path:
    """A trained project that sets aside; a good file and one that is no table."""
    config = copy(trained)
    config.write_text(config.read_text() + 'unusable = "set_aside"\n')
    incoming = config.parent / "incoming"
    (incoming / "night.csv").unlink()
    write_rows(incoming / "good.csv", 5, seed=1, labelled=False)
    (incoming / "page.csv").write_text(PAGE)
    return config


def night(config: Path) -> tuple[ScoreOutcome, str]:
    """A run and the message that it fails with, '' when it ends well."""
    with open_workspace(config) as workspace:
        outcome = score_pipeline(workspace)
    try:
        require_usable(outcome.prepared)
    except DataRefused as error:
        return outcome, str(error)
    return outcome, ""


def last_words(outcome: ScoreOutcome) -> str:
    return after_scoring(outcome.run, outcome.files, outcome.output, "pairs.toml", outcome.prepared)


def names(config: Path) -> dict[str, list[str]]:
    """State -> names of the inputs in the ledger."""
    found: dict[str, list[str]] = {}
    with open_workspace(config) as workspace:
        for row in list_inputs(workspace.ledger, "pairs"):
            found.setdefault(row.state, []).append(row.name)
    return found


def test_the_first_night_scores_the_others_and_fails_with_the_name_of_the_file(config: Path) -> None:
    outcome, message = night(config)
    assert outcome.run.rows.scored == 5
    assert message.startswith("score.files: 1 file set aside (all other files are scored)\n  incoming/page.csv")
    assert "the next run takes up what has changed, and says in a line which are still there" in message
    assert names(config) == {"done": ["incoming/good.csv"], "refused": ["incoming/page.csv"]}


def test_the_next_nights_say_in_a_line_that_it_is_still_there_and_end_well(config: Path) -> None:
    night(config)
    for _ in range(2):
        outcome, message = night(config)
        assert message == ""
        assert (outcome.summary()["refused"], outcome.summary()["set_aside"]) == (0, 1)
        lines = [line for line in last_words(outcome).splitlines() if "page.csv" in line]
        assert len(lines) == 1
        assert lines[0].startswith("set aside since 20")
        assert "still there: incoming/page.csv" in lines[0]
        assert last_words(outcome).endswith(
            "nothing new that can be used. Next: fix or remove the files that are named"
        )
    with open_workspace(config) as workspace:
        table = scoring_page(outcome.prepared, outcome.run, outcome.files, workspace.output)
        plan = plan_lines(plan_scoring(workspace, ScoreRequest()), "pairs.toml")
    assert "## Set aside by an earlier run, still there" in table
    assert "## Refused files" not in table
    assert [line for line in plan if line.startswith("would leave set aside: incoming/page.csv")]
    assert not [line for line in plan if line.startswith("would refuse")]


def test_a_corrected_file_of_the_same_name_is_scored(config: Path) -> None:
    night(config)
    write_rows(config.parent / "incoming" / "page.csv", 7, seed=2, labelled=False)
    outcome, message = night(config)
    assert (outcome.run.rows.scored, message, outcome.prepared.set_aside) == (7, "", ())


def test_the_file_put_back_after_its_correction_is_news_again(config: Path) -> None:
    night(config)
    write_rows(config.parent / "incoming" / "page.csv", 7, seed=2, labelled=False)
    night(config)
    (config.parent / "incoming" / "page.csv").write_text(PAGE)
    assert "page.csv" in night(config)[1]
    assert night(config)[1] == ""


def test_the_same_content_under_a_new_name_fails_the_run_that_finds_it(config: Path) -> None:
    night(config)
    shutil.copy(config.parent / "incoming" / "page.csv", config.parent / "incoming" / "second.csv")
    message = night(config)[1]
    assert "incoming/page.csv" in message
    assert "(the same content: incoming/second.csv)" in message
    assert night(config)[1] == ""
    (config.parent / "incoming" / "page.csv").unlink()
    outcome, message = night(config)
    assert message == ""
    assert [item.names for item in outcome.prepared.set_aside] == [("incoming/second.csv",)]


def test_a_mended_setting_takes_the_file_up(config: Path) -> None:
    (config.parent / "incoming" / "page.csv").write_text('"id";"sequence"\n"a";"w1 first w2 second"\n')
    assert "page.csv" in night(config)[1]
    (config.parent / "incoming" / "good.csv").unlink()
    config.write_text(config.read_text().replace('format = "csv"', 'format = "csv"\ndelimiter = ";"'))
    outcome, message = night(config)
    assert (outcome.run.rows.scored, message) == (1, "")


def test_a_file_that_is_taken_up_and_gone_after_a_kill_is_scored_to_its_end(config: Path, nursery: Nursery) -> None:
    path = config.parent / "incoming" / "page.csv"
    write_rows(path, 90, seed=2, labelled=False)  # three chunks
    path.write_text(path.read_text().replace(",", ";"))
    assert "page.csv" in night(config)[1]
    (config.parent / "incoming" / "good.csv").unlink()
    config.write_text(config.read_text().replace('format = "csv"', 'format = "csv"\ndelimiter = ";"'))
    assert nursery.run("score", config, failpoint="chunk_committed=kill").status == -signal.SIGKILL
    path.unlink()
    night(config)
    with open_workspace(config) as workspace:
        rows = {row.name: (row.state, row.rows_in) for row in list_inputs(workspace.ledger, "pairs")}
    assert rows["incoming/page.csv"] == ("done", 90)


def test_by_default_every_night_fails_until_the_file_is_gone(config: Path) -> None:
    config.write_text(config.read_text().replace('unusable = "set_aside"\n', ""))
    for _ in range(3):
        outcome, message = night(config)
        assert message.startswith("score.files: 1 file refused (all other files are scored)\n  incoming/page.csv")
        assert outcome.prepared.set_aside == ()
    config.write_text(config.read_text() + 'unusable = "set_aside"\n')
    assert "page.csv" in night(config)[1], "told of by runs that were to fail anyway: not set aside yet"
    assert night(config)[1] == ""


def test_the_command_fails_once_also_when_it_was_killed_before_it_could_say_why(config: Path, nursery: Nursery) -> None:
    assert nursery.run("score", config, failpoint="run_recorded=kill").status == -signal.SIGKILL
    assert count_visible(config) == Books()
    first = nursery.run("score", config)
    assert (first.status, first.text.count("seqcls: score.files: 1 file set aside")) == (3, 1), first.text
    second = nursery.run("score", config, "--json")
    assert second.status == 0, second.text
    assert json.loads(second.text.splitlines()[-1])["set_aside"] == 1
