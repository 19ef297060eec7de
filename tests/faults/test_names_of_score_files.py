"""No two chunks have the same score file, and whose a file is, is known without the list and without the old ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.artefacts import file_digest
from tests.reliability.invariants import Books, count_final, digests_of
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

Copy = Callable[[Path], Path]


def run(nursery: Nursery, *arguments: str | Path, **options: object) -> str:
    done = nursery.run(*arguments, **options)
    assert done.status == 0, done.text
    return done.text


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
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()
    run(nursery, "doctor", config, "--repair")
    run(nursery, "score", config, patches=alike)
    assert digests_of(config) == after
    assert count_final(config) == Books()
    run(nursery, "doctor", config)
