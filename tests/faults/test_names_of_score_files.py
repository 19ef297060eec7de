"""No two chunks have the same score file, and whose a file is, is known without the list and without the old ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.ledger.chunks import done_chunks
from seqcls.store.artefacts import file_digest
from seqcls.workspace import open_workspace
from tests.reliability.damaging import flip
from tests.reliability.invariants import Books, count_final, digests_of
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

Copy = Callable[[Path], Path]


def run(nursery: Nursery, *arguments: str | Path, **options: object) -> str:
    done = nursery.run(*arguments, **options)
    assert done.status == 0, done.text
    return done.text


def lose_ledger(config: Path) -> None:
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()


@pytest.mark.fault(
    "N08",
    tried="two files whose SHA-256 begin with the same digits, on two nights; the ledger lost and rebuilt after them",
    outcome="the second's score file carries the whole digest; what is published keeps its name; both are published",
)
def test_contents_whose_digests_begin_alike_have_score_files_of_their_own(
    trained: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(trained)
    alike = {"seqcls.scoring.naming:DIGITS": 0}  # as if the first digits of all were the same
    run(nursery, "score", config, patches=alike)
    before = digests_of(config)
    second = config.parent / "incoming" / "second.csv"
    write_rows(second, 5, seed=2, labelled=False)
    run(nursery, "score", config, patches=alike)
    new = [Path(path).name for path in digests_of(config).keys() - before.keys()]
    assert new == [f"part-{file_digest(second)}-00000.parquet"]
    after = digests_of(config)
    assert before.items() <= after.items()
    lose_ledger(config)
    run(nursery, "doctor", config, "--repair")
    run(nursery, "score", config, patches=alike)
    assert digests_of(config) == after
    assert count_final(config) == Books()
    run(nursery, "doctor", config)


@pytest.mark.fault(
    "N09",
    tried="a pipeline that was renamed, with and without the list of current scores, or with half of it",
    outcome="`score` and its `--dry-run` refuse at once: the message names both, the old name and a folder that works; "
    "the files stay as they are",
)
@pytest.mark.parametrize("listed", ["whole", "missing", "damaged"])
def test_a_renamed_pipeline_does_not_mix_its_scores_with_those_of_before(
    listed: str, scored: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(scored)
    text, before, current = config.read_text(), digests_of(config), config.parent / "scores" / "_current.json"
    if listed == "missing":
        current.unlink()
    elif listed == "damaged":
        current.write_bytes(current.read_bytes()[:50])
    config.write_text(text.replace('name = "pairs"', 'name = "couples"'))
    for arguments in ((), ("--dry-run",)):
        refused = nursery.run("score", config, *arguments)
        assert refused.status == 2, refused.text
        assert "the folder holds the scores of pipeline 'pairs', and this is 'couples'" in refused.text
        assert 'set output = "scores-couples" under [score]' in refused.text
        assert "if 'pairs' was renamed, give it its old name back" in refused.text
    assert digests_of(config) == before
    config.write_text(text)
    run(nursery, "score", config)
    assert digests_of(config) == before
    run(nursery, "doctor", config)


@pytest.mark.fault(
    "N08",
    tried="a published file damaged, or written anew by another program, its rejects changed, and the ledger lost",
    outcome="after --repair doctor still names what is changed; the next `score` sets it aside and publishes it again",
)
def test_what_was_changed_is_published_again_after_the_ledger_was_lost(
    scored: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(scored)
    output, before = config.parent / "scores", digests_of(config)
    one, two, _ = sorted(output.glob("model=*/*/part-*.parquet"))
    flip(one)
    pq.write_table(pq.read_table(two).slice(3), two)
    for path in (output / "rejects").rglob("*.parquet"):
        flip(path)
    lose_ledger(config)
    repaired = nursery.run("doctor", config, "--repair")
    assert repaired.status == 3, repaired.text
    assert "3 changed: " in repaired.text
    assert "`seqcls score CONFIG` publishes them again" in repaired.text
    done = run(nursery, "score", config)
    assert "published again, missing or changed since: " in done
    assert digests_of(config) == before
    assert len(list((config.parent / "store" / "damaged").glob("published-*"))) == 3
    assert count_final(config) == Books()
    run(nursery, "doctor", config)
    assert "published again" not in run(nursery, "score", config)


@pytest.mark.fault(
    "F66",
    tried="an older backup of the ledger in its place, and new data scored before anyone repaired it",
    outcome="the scores that were published stay; the message names --repair, which makes them count again; a file "
    "of them that was changed is published again",
)
@pytest.mark.parametrize("changed", [False, True])
def test_scoring_with_an_older_ledger_leaves_what_was_published(
    changed: bool, trained: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(trained)
    ledger = config.parent / "store" / "ledger.db"
    shutil.copy(ledger, config.parent / "backup.db")
    run(nursery, "score", config)
    before = digests_of(config)
    if changed:
        flip(next((config.parent / "scores").glob("model=*/*/part-*-00001.parquet")))
    lose_ledger(config)
    shutil.copy(config.parent / "backup.db", ledger)
    refused = nursery.run("score", config)
    assert refused.status == 3, refused.text
    assert f"after an older ledger was put back, `seqcls doctor {config} --repair`" in refused.text
    nursery.run("doctor", config, "--repair")
    run(nursery, "score", config)
    assert {path for path in before if digests_of(config)[path] != before[path]} == (
        {path for path in before if path.endswith("-00001.parquet")} if changed else set()
    )
    assert digests_of(config).keys() == before.keys()
    assert count_final(config) == Books()
    run(nursery, "doctor", config)


@pytest.mark.fault(
    "N08",
    tried="somebody's own Parquet file in the place of scores that a killed run did not get to publish",
    outcome="refused by its name, exit code 3; the file stays as it is, and when it is gone the scores are published",
)
def test_a_file_of_somebody_else_is_never_moved(trained: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(trained)
    assert nursery.run("score", config, failpoint="input_closed=kill").status == -9
    with open_workspace(config) as workspace:
        place = workspace.output / done_chunks(workspace.ledger, "pairs")[0].published_as
    place.parent.mkdir(parents=True)
    pq.write_table(pa.table({"mine": [1, 2, 3]}), place)
    refused = nursery.run("score", config)
    assert refused.status == 3, refused.text
    assert f"{place}: other scores stand there, which this ledger does not know" in refused.text
    assert pq.read_table(place).column_names == ["mine"]
    place.unlink()
    run(nursery, "score", config)
    assert count_final(config) == Books()
