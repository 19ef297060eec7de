"""Score rows worked out by hand: label, abstention, a network that gives no numbers; no row is lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.engines.scorer import Flags, Scorer
from seqcls.ledger.models import ModelVersion
from seqcls.scoring.score_table import list_flags, score_rows, scores_schema
from seqcls.table import REJECTS
from tests.seqcls.table_examples import make_rows

NOW = datetime(2026, 3, 1, 1, 30, tzinfo=UTC)
VERSION = ModelVersion("night", 3, "ab" * 32, "cd" * 32, {}, {}, "run-0", 0.0)


@dataclass(frozen=True)
class KnownScorer(Scorer):
    """Gives probabilities that were worked out beforehand; the rest of the way is the real one."""

    known: np.ndarray

    @property
    def labels(self) -> list[str]:
        return ["no", "yes"]

    def misfits(self, rows: pa.Table) -> dict[int, str]:
        return {}

    def score(self, rows: pa.Table) -> tuple[np.ndarray, Flags]:
        return self.known, {"truncated": np.arange(rows.num_rows) == 0}


def score(probabilities: list[list[float]], abstain_below: float = 0.0) -> tuple[pa.Table, pa.Table]:
    known = np.array(probabilities, np.float64).reshape(-1, 2)
    scorer = KnownScorer(VERSION, None, None, 1, engine=None, known=known)  # type: ignore[arg-type]
    rows = make_rows("text", [f"text {row}" for row in range(len(known))])
    return score_rows(rows, scorer, abstain_below, "run-1", NOW)


def test_the_most_probable_class_is_the_label_and_every_column_says_where_it_comes_from() -> None:
    scores, rejects = score([[0.2, 0.8], [0.7, 0.3]])
    assert scores.schema == scores_schema(["no", "yes"])
    first, second = scores.to_pylist()
    assert first == {
        "id": "r1", "label": "yes", "confidence": pytest.approx(0.8), "p_no": pytest.approx(0.2),
        "p_yes": pytest.approx(0.8), "model": "night@v3", "model_digest": "ab" * 32, "run_id": "run-1",
        "scored_at": NOW, "flags": ["truncated"], "source_file": "rows.csv", "source_row": 1,
    }  # fmt: skip
    assert (second["label"], second["flags"], second["source_row"]) == ("no", [], 2)
    assert rejects.num_rows == 0


def test_a_row_below_the_threshold_has_no_label_but_keeps_its_probabilities_and_flags() -> None:
    scores, _ = score([[0.45, 0.55], [0.4, 0.6]], abstain_below=0.6)
    assert scores["label"].to_pylist() == [None, "yes"]
    assert scores["flags"].to_pylist() == [["truncated", "abstained"], []]
    assert scores["p_yes"].to_pylist() == pytest.approx([0.55, 0.6])


def test_a_row_without_finite_probabilities_is_rejected_by_name_and_never_a_class() -> None:
    scores, rejects = score([[np.nan, np.nan], [0.9, 0.1], [np.inf, 0.0]])
    assert scores["id"].to_pylist() == ["r2"]
    assert scores["flags"].to_pylist() == [[]]
    assert rejects.schema == REJECTS
    assert [(row["id"], row["source_row"], row["rules"]) for row in rejects.to_pylist()] == [
        ("r1", 1, ["finite_output"]),
        ("r3", 3, ["finite_output"]),
    ]
    assert rejects["reasons"][0].as_py() == ["the network gave no finite numbers for this row"]


def test_no_rows_give_empty_tables_of_the_same_schemas() -> None:
    scores, rejects = score([])
    assert (scores.num_rows, scores.schema) == (0, scores_schema(["no", "yes"]))
    assert (rejects.num_rows, rejects.schema) == (0, REJECTS)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.5, 0.9, np.nan]), max_size=20), st.floats(0, 1))
def test_each_row_ends_in_exactly_one_table_in_its_order(chances: list[float], abstain_below: float) -> None:
    scores, rejects = score([[chance, 1 - chance] for chance in chances], abstain_below)
    names = [f"r{row}" for row in range(1, len(chances) + 1)]
    assert scores["id"].to_pylist() == [name for name, p in zip(names, chances, strict=True) if np.isfinite(p)]
    assert rejects["id"].to_pylist() == [name for name, p in zip(names, chances, strict=True) if not np.isfinite(p)]
    sure = [max(p, 1 - p) >= abstain_below for p in chances if np.isfinite(p)]
    assert scores["label"].is_valid().to_pylist() == sure


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=30))
def test_the_flags_of_each_row_are_listed_in_their_order(rows: list[tuple[bool, bool, bool]]) -> None:
    names = ["truncated", "many_unknown", "abstained"]
    masks = {name: np.array([row[place] for row in rows], bool) for place, name in enumerate(names)}
    listed = list_flags(masks)
    assert listed.type == pa.list_(pa.string())
    assert listed.to_pylist() == [[name for name, is_set in zip(names, row, strict=True) if is_set] for row in rows]
