"""What the gate decided is kept, with every figure: promotions and refusals, also when the ledger is lost."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.ledger.decisions import list_decisions
from seqcls.ledger.models import list_models
from seqcls.maintenance.gc import collect_garbage
from seqcls.registry.comparison import not_learned, read_split
from seqcls.registry.decisions import FORCED, PROMOTED, REFUSED, read_decision
from seqcls.registry.gate import decide
from seqcls.registry.versions import find_aliases
from seqcls.workspace import open_workspace
from tests.reliability.processes import Nursery

HARD = """
[promote]
min_test_rows = 10
most_ece = 0.9
class_recall = 0.01
rule = "better"
"""


@pytest.fixture(scope="module")
def refused(promoted: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 and v2 were champion; v3 is not better than v2, and was refused after training."""
    folder = Path(shutil.copytree(promoted, tmp_path_factory.mktemp("refused") / "project"))
    config = folder / "pairs.toml"
    config.write_text(config.read_text().replace("epochs = 2", "epochs = 1") + HARD)
    command = nursery.run("train", config)
    assert command.status == 0, command.text
    assert "better than pairs@v2 on balanced_accuracy" in command.text
    return folder


def test_a_refusal_is_kept_once_with_both_models_figures_on_the_same_rows(
    refused: Path, copy: Callable[[Path], Path], nursery: Nursery
) -> None:
    config = copy(refused)
    assert nursery.run("train", config).status == 0  # nothing changed: asked again, written once
    with open_workspace(config) as workspace:
        rows = list_decisions(workspace.ledger, "pairs")
        assert [row.state for row in rows if row.version == 3] == [REFUSED]
        assert {row.version for row in rows if row.state in (PROMOTED, FORCED)} == {1, 2}
        record = read_decision(workspace, rows[-1])
        assert find_aliases(workspace) == {"champion": 2, "previous": 1, "challenger": 3}
    found = record.comparison
    assert found is not None
    assert (record.champion, found.metric) == (2, "balanced_accuracy")
    assert found.difference == pytest.approx(found.challenger - found.champion)
    assert found.low <= found.difference <= found.high
    failed = [check for check in record.checks if not check.passed]
    assert [check.expected for check in failed if "better than" in check.rule] == ["an interval above 0"]
    rules = " ".join(check.rule for check in record.checks)
    for rule in ("recall of every class", "calibration error", "test rows"):
        assert rule in rules, rule
    text = nursery.run("models", config).text
    assert "v3 not promoted, compared with v2 (by " in text
    assert "challenger" in text
    assert "previous" in text


def test_decisions_outlive_the_ledger_and_the_clean_up(
    refused: Path, copy: Callable[[Path], Path], nursery: Nursery
) -> None:
    config = copy(refused)
    with open_workspace(config) as workspace:
        collect_garbage(workspace, keep=1, age_seconds=0.0)
        before = [tuple(row) for row in list_decisions(workspace.ledger, "pairs")]
        assert all(read_decision(workspace, row) for row in list_decisions(workspace.ledger, "pairs"))
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()
    repaired = nursery.run("doctor", config, "--repair")
    assert f"{len(before)} decisions of the gate taken from their artefacts" in repaired.text
    with open_workspace(config) as workspace:
        assert [tuple(row) for row in list_decisions(workspace.ledger, "pairs")] == before


def test_lineage_ends_in_the_decision(refused: Path, nursery: Nursery) -> None:
    found = nursery.run("lineage", refused / "pairs.toml", _scored_id(refused))
    (line,) = {line for line in found.text.splitlines() if line.startswith("decision ")}
    assert re.search(r"v1 promoted: every rule was kept \(by .*: gate passed\) \(digest [0-9a-f]{64}\)", line)


def _scored_id(folder: Path) -> str:
    part = next((folder / "scores").glob("model=*/*/part-*.parquet"))
    return str(pq.read_table(part)["id"][0].as_py())


def test_rows_from_which_the_champion_learned_are_left_out(refused: Path, copy: Callable[[Path], Path]) -> None:
    """A champion that had nine of the challenger's test rows in training or validation."""
    with open_workspace(copy(refused)) as workspace:
        _v1, v2, v3 = list_models(workspace.ledger, "pairs")
        test = read_split(workspace, v3, ("test",))
        assert not_learned(workspace, test, v2).all()
        splits = workspace.store.whole("splits", v2.inputs["splits"])
        names = pq.read_table(splits.folder / "splits.parquet")["split"].to_pylist()
        places = [row for row, name in enumerate(names) if name == "test"]
        for row in places[:9]:
            names[row] = "train" if row % 2 else "valid"
        with workspace.store.write("splits") as draft:
            pq.write_table(pa.table({"split": names}), draft.folder / "splits.parquet")
        learned = replace(v2, inputs={**v2.inputs, "splits": draft.ref.digest})
        decision = decide(workspace, v3, learned)
        assert decision.comparison is not None
        assert (decision.comparison.rows, decision.comparison.left_out) == (test.num_rows - 9, 9)
        assert "(9 left out, from which pairs@v2 learned)" in decision.checks[-1].rule


def test_where_the_champion_learned_every_test_row_nothing_is_compared(
    refused: Path, copy: Callable[[Path], Path]
) -> None:
    with open_workspace(copy(refused)) as workspace:
        _v1, v2, v3 = list_models(workspace.ledger, "pairs")
        rows = len(read_split(workspace, v2, ("train", "valid", "test")))
        with workspace.store.write("splits") as draft:
            pq.write_table(pa.table({"split": ["train"] * rows}), draft.folder / "splits.parquet")
        decision = decide(workspace, v3, replace(v2, inputs={**v2.inputs, "splits": draft.ref.digest}))
    assert decision.comparison is None
    assert decision.refusals[-1] == "test rows from which pairs@v2 did not learn: 0, expected at least 10"
