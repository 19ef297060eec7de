"""One damaged artefact of scoring: named, made again from what is there or left by name; all else is scored."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.messages import scoring_page, scoring_title
from seqcls.pages import escape
from seqcls.road import score_pipeline
from seqcls.workspace import open_workspace
from tests.reliability.damaging import chunks_of, flip, rows_of_open_input
from tests.reliability.forging import forge_champion, too_large
from tests.reliability.invariants import Books, count_final, count_ids
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

Copy = Callable[[Path], Path]


def killed(trained: Path, nursery: Nursery, copy: Copy, point: str) -> Path:
    """A project whose scoring of night.csv was killed; night.csv is archived since, and another file has come."""
    config = copy(trained)
    done = nursery.run("score", config, failpoint=f"{point}=kill")
    assert done.status == -signal.SIGKILL, done.text
    archive(config)
    write_rows(config.parent / "incoming" / "second.csv", 30, seed=2, labelled=False)
    return config


def archive(config: Path) -> None:
    shutil.move(config.parent / "incoming" / "night.csv", config.parent / "night.csv")


def put_back(config: Path) -> None:
    shutil.move(config.parent / "night.csv", config.parent / "incoming" / "night.csv")


def counted(config: Path) -> list[str]:
    return [item["file"] for item in json.loads((config.parent / "scores" / "_current.json").read_text())["files"]]


@pytest.mark.fault(
    "N03",
    tried="a bit flipped in the rows, or in the manifest, of an input whose scoring was killed and whose file is gone",
    outcome="the rows are made again from the table that was read of it, the run says so; all inputs are scored, once",
)
@pytest.mark.parametrize("name", ["rows/part-00000.parquet", "manifest.json"])
def test_damaged_rows_of_an_open_input_are_made_again(name: str, trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = killed(trained, nursery, copy, "chunk_committed")
    flip(rows_of_open_input(config) / name)
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert "the rows of incoming/night.csv were damaged: made again" in done.text
    put_back(config)
    assert count_final(config) == Books()
    assert nursery.run("doctor", config).status == 0


@pytest.mark.fault(
    "N03",
    tried="the rows and the table of an open input damaged, its file gone",
    outcome="named, with the file that is to be put back, exit code 3, every night; all others are scored and "
    "published; once the file is back it is scored to its end",
)
def test_rows_that_are_gone_for_good_stop_nobody_else(trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = killed(trained, nursery, copy, "chunk_committed")
    flip(rows_of_open_input(config) / "rows" / "part-00000.parquet")
    for table in (config.parent / "store" / "artefacts" / "table").iterdir():
        if "incoming/night.csv" in (table / "manifest.json").read_text():
            flip(table / "rows" / "part-00000.parquet")
    for _ in range(2):
        done = nursery.run("score", config)
        assert done.status == 3, done.text
        assert "incoming/night.csv: cannot be scored: its rows are damaged" in done.text
        assert "put the file back, under any name" in done.text
        assert counted(config) == ["incoming/second.csv"]
    put_back(config)
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()
    assert count_ids(config) == Books()


@pytest.mark.fault(
    "N03",
    tried="a bit flipped in a chunk that was committed by a killed run and not published",
    outcome="the next run says so, scores that chunk again and publishes all; no row twice",
)
@pytest.mark.parametrize("name", ["scores.parquet", "manifest.json"])
def test_a_damaged_chunk_that_is_not_published_is_scored_again(
    name: str, trained: Path, nursery: Nursery, copy: Copy
) -> None:
    config = killed(trained, nursery, copy, "input_closed")
    flip(chunks_of(config)[1].folder / name)
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert "chunk 1 of incoming/night.csv was damaged: set aside" in done.text
    put_back(config)
    assert count_final(config) == Books()
    assert count_ids(config) == Books()
    assert sorted(counted(config)) == ["incoming/night.csv", "incoming/second.csv"]


@pytest.mark.fault(
    "N03",
    tried="a chunk damaged between its commit and its publication, in one run",
    outcome="all others are published, exit code 5 names it; the next run scores it again",
)
def test_a_chunk_damaged_before_its_publication_keeps_nobody_waiting(
    trained: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(trained)
    command = nursery.start("score", config, failpoint="input_closed=stop")
    command.wait_until_stopped()
    flip(chunks_of(config)[0].folder / "scores.parquet")
    command.send(signal.SIGCONT)
    assert command.wait() == 5, command.text
    assert "1 of the committed chunks cannot be published (all others are)" in command.text
    assert len(list((config.parent / "scores").glob("model=*/*/part-*.parquet"))) == 2
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N03",
    tried="a bit flipped in a published chunk; lineage, scores --write, doctor and its --repair",
    outcome="lineage and export read the published copy; doctor names the chunk and what puts it together again",
)
def test_a_damaged_published_chunk_is_read_and_restored_from_its_copy(
    scored: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(scored)
    flip(chunks_of(config)[0].folder / "scores.parquet")
    assert nursery.run("lineage", config, "night-3").status == 0
    written = nursery.run("scores", config, "--write", config.parent / "all.csv")
    assert written.status == 0, written.text
    assert "90 rows" in written.text
    sick = nursery.run("doctor", config)
    assert sick.status == 3
    assert "`seqcls doctor CONFIG --repair` puts the published copy in its place" in sick.text
    repaired = nursery.run("doctor", config, "--repair")
    assert repaired.status == 0, repaired.text
    assert "chunk 0 of incoming/night.csv was damaged: put together again from its published copy" in repaired.text
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N03",
    tried="a published chunk and its copy both damaged, the file archived",
    outcome="lineage and scores --write give what is whole, name the rest and exit with 5; doctor --repair sets both "
    "aside, the next scoring scores the rows again; no row lost or twice",
)
def test_a_chunk_without_a_whole_copy_is_scored_again(scored: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(scored)
    archive(config)
    first = chunks_of(config)[0]
    flip(first.folder / "scores.parquet")
    for path in (config.parent / "scores").glob("model=*/*/part-*-00000.parquet"):
        flip(path)
    found = nursery.run("lineage", config, "night-70")
    assert found.status == 5
    assert "incoming/night.csv:71" in found.text, "what is whole is shown"
    assert "1 chunk of scores cannot be read (all others were searched: 1 found)" in found.text
    written = nursery.run("scores", config, "--write", config.parent / "all.csv")
    assert written.status == 5
    assert "their rows are left out" in written.text
    assert len((config.parent / "all.csv").read_text().splitlines()) == 90 - 40 + 1
    assert "--repair" in written.text
    repaired = nursery.run("doctor", config, "--repair")
    assert "chunk 0 of incoming/night.csv was damaged: set aside" in repaired.text
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    put_back(config)
    assert count_final(config) == Books()
    assert count_ids(config) == Books()
    assert nursery.run("doctor", config).status == 0
    assert nursery.run("lineage", config, "night-3").status == 0


@pytest.mark.fault(
    "N03",
    tried="a bit flipped in a published chunk, and its score file deleted or damaged; one night, without doctor",
    outcome="the night names the chunk and scores it again; another, whose copy is whole, is put together again",
)
@pytest.mark.parametrize("how", ["copy gone", "copy damaged", "copy touched"])
def test_a_published_chunk_that_nobody_can_read_is_scored_again_by_the_next_night(
    how: str, scored: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(scored)
    archive(config)
    flip(chunks_of(config)[1].folder / "scores.parquet")
    (published,) = (config.parent / "scores").glob("model=*/*/part-*-00001.parquet")
    if how == "copy gone":
        published.unlink()
    elif how == "copy damaged":
        flip(published)
        published.write_bytes(published.read_bytes() + b" ")
    else:
        os.utime(published, (0, 0))
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    what = "put together again from its published copy" if how == "copy touched" else "set aside"
    assert f"note: chunk 1 of incoming/night.csv was damaged: {what}" in done.text
    assert counted(config) == ["incoming/night.csv"]
    put_back(config)
    assert count_final(config) == Books()
    assert count_ids(config) == Books()
    assert nursery.run("doctor", config).status == 0


@pytest.mark.fault(
    "N03",
    tried="a night with a chunk that was damaged and a champion that loses its rows, as the UI shows it",
    outcome="the page of the night names what was made again, and the input that lost too many rows",
)
def test_the_page_of_the_night_says_what_was_damaged(trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = killed(trained, nursery, copy, "input_closed")
    flip(chunks_of(config)[1].folder / "scores.parquet")
    forge_champion(config, too_large)
    with open_workspace(config) as workspace:
        found = score_pipeline(workspace)
        page = scoring_page(found.prepared, found.run, found.files, workspace.output)
        title = scoring_title(found.prepared, found.run)
    assert f"## Was damaged\n\n- {escape('chunk 1 of incoming/night.csv was damaged: set aside')}" in page
    assert "## Scored, with too many rows rejected\n\n- **" in page
    assert escape("incoming/second.csv: 30 of 30 rows") in page
    assert title.endswith("over score.reject_budget")
