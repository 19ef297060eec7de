"""The folder of score files is looked after: what is missing or changed comes back, and it belongs to one pipeline."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.damaging import flip
from tests.reliability.invariants import Books, count_final, digests_of
from tests.reliability.processes import Nursery
from tests.road_data import write_rows


def listed(config: Path) -> set[str]:
    """Names that `_current.json` lists; each score file that it names is there."""
    output = config.parent / "scores"
    files = json.loads((output / "_current.json").read_text())["files"]
    assert all((output / place).is_file() for item in files for place in item["scores"])
    return {item["file"] for item in files}


@pytest.mark.fault(
    "N08",
    tried="the score folder deleted; a bit of a score file or of the rejects flipped; a file cut; one put over another",
    outcome="doctor names what is missing or changed, the next `seqcls score` publishes it again and says so",
)
@pytest.mark.parametrize("how", ["folder deleted", "each changed in its own way", "list cut"])
def test_what_is_missing_or_changed_is_named_and_published_again(
    how: str, scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    output, before = config.parent / "scores", digests_of(config)
    one, two, three = sorted(output.glob("model=*/*/part-*.parquet"))
    (rejects,) = (output / "rejects").rglob("*.parquet")
    wanted = "missing: model=v1/"
    if how == "folder deleted":
        shutil.rmtree(output)
    elif how == "list cut":
        (output / "_current.json").write_bytes((output / "_current.json").read_bytes()[:50])
        wanted = "_current.json is damaged"
    else:
        flip(one, at=50)
        flip(rejects, at=50)
        two.write_bytes(two.read_bytes()[:-100])
        shutil.copyfile(one, three)
        wanted = "4 changed: "
    examined = nursery.run("doctor", config)
    assert examined.status == 3
    assert wanted in examined.text
    assert "`seqcls score CONFIG` publishes them again" in examined.text
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert ("published again, missing or changed since: " in done.text) == (how != "list cut")
    if how == "each changed in its own way":
        for path in (one, two, three, rejects):
            assert path.relative_to(output).as_posix() in done.text
    assert digests_of(config) == before
    assert listed(config) == {"incoming/night.csv"}
    assert count_final(config) == Books()
    assert nursery.run("doctor", config).status == 0
    assert "published again" not in nursery.run("score", config).text


@pytest.mark.fault(
    "N11",
    tried="a run held while it writes `_current.json`; another one scores and ends; then the first goes on",
    outcome="the list has the files of both",
)
def test_two_runs_that_end_together_lose_no_entry(
    trained: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    held = nursery.start("score", config, failpoint="current_listed=stop")
    held.wait_until_stopped()
    write_rows(config.parent / "incoming" / "second.csv", 5, seed=2, labelled=False)
    assert nursery.run("score", config).status == 0
    held.send(signal.SIGCONT)
    assert held.wait() == 0, held.text
    assert listed(config) == {"incoming/night.csv", "incoming/second.csv"}


@pytest.mark.fault(
    "N09",
    tried="a second pipeline beside the first with the default score.output; the list of current scores deleted",
    outcome="refused before anything is scored; the message names both and what to set; doing that works; the "
    "first pipeline's files are untouched",
)
def test_the_score_folder_of_another_pipeline_is_refused(
    scored: Path, nursery: Nursery, copy: Callable[[Path], Path]
) -> None:
    config = copy(scored)
    before = digests_of(config)
    other = config.with_name("other.toml")
    other.write_text(config.read_text().replace('name = "pairs"', 'name = "other"').replace("epochs = 3", "epochs = 2"))
    assert nursery.run("train", other).status == 0
    assert nursery.run("promote", other, "--version", "1", "--force", "--why", "test").status == 0
    refused = nursery.run("score", other)
    assert refused.status == 2
    assert "the folder holds the scores of pipeline 'pairs', and this is 'other'" in refused.text
    assert 'set output = "scores-other" under [score]' in refused.text
    assert listed(config) == {"incoming/night.csv"}
    (config.parent / "scores" / "_current.json").unlink()  # the files themselves say whose they are
    assert "the folder holds the scores of pipeline 'pairs'" in nursery.run("score", other).text
    assert nursery.run("score", config).status == 0
    assert listed(config) == {"incoming/night.csv"}
    other.write_text(other.read_text() + 'output = "scores-other"\n')
    done = nursery.run("score", other)
    assert done.status == 0, done.text
    assert digests_of(config) == before
    for one in (config, other):
        examined = nursery.run("doctor", one)
        assert examined.status == 0, examined.text
    place = next((config.parent / "scores-other").glob("model=*/*/part-*.parquet"))
    stray = config.parent / "scores" / place.relative_to(config.parent / "scores-other")
    stray = stray.with_name(stray.name.replace("part-", "part-0"))
    shutil.copyfile(place, stray)
    examined = nursery.run("doctor", config)
    assert "1 of them not in the ledger. Next: they are of another store: give each pipeline" in examined.text
    assert "backup" not in examined.text


@pytest.mark.fault(
    "N16",
    tried="two projects in folders whose names hold ?, # and %, alike up to there",
    outcome="each has its ledger in its own store, beside its artefacts; training, scoring, doctor and repair work",
)
@pytest.mark.parametrize("name", ["what?1", "a#b", "50%20"])
def test_a_ledger_is_in_its_store_whatever_the_folder_is_called(
    name: str, scored: Path, tmp_path: Path, nursery: Nursery
) -> None:
    config = Path(shutil.copytree(scored, tmp_path / name)) / "pairs.toml"
    done = nursery.run("score", config)
    assert done.status == 0, done.text
    assert "nothing new" in done.text
    assert nursery.run("doctor", config).status == 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()
    assert nursery.run("doctor", config, "--repair").status == 0
    assert (config.parent / "store" / "ledger.db").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
