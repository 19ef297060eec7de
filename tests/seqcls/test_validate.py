"""Every row is kept or among the rejects with all its reasons; what stops the run can be read afterwards."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.errors import BudgetExceeded, CheckBroken, ConfigRefused, DataRefused
from seqcls.store import parquet
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest, read_meta, verify
from seqcls.store.records import TableMeta
from seqcls.table import RAW_LIMIT, REJECTS, Kind, table_schema
from seqcls.validation import census, cross_check, validate
from seqcls.validation.validate import CheckReport, read_checks
from tests.seqcls.table_examples import make_pipeline, make_rows, real_data, write_table


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path)


def check(
    store: ArtefactStore,
    kind: Kind,
    rows: pa.Table,
    *,
    labelled: bool = True,
    source_rejects: int = 0,
    labels: list[str] | None = None,
    budget: float | None = 1.0,
    **rules: Any,
) -> Ref:
    table = write_table(store, kind, rows, source_rejects)
    pipeline = make_pipeline(kind, rules={"min_class_rows": 1, **rules})
    return validate.validate(table, pipeline, store, labelled=labelled, budget=budget, labels=labels)


def kept(ref: Ref) -> pa.Table:
    return parquet.read_parquet(parquet.shards(ref.folder / "rows"))


def rejects(ref: Ref) -> dict[str, list[str]]:
    """id -> rules broken."""
    table = parquet.read_parquet(ref.folder / "rejects.parquet")
    assert table.schema.equals(REJECTS)
    return {row["id"]: row["rules"] for row in table.to_pylist()}


def found(ref: Ref) -> dict[str, int]:
    return {result.rule: result.found for result in read_checks(ref).checks if result.found}


def stopped(error: pytest.ExceptionInfo[DataRefused]) -> Ref:
    """The artefact of a stop."""
    folder = Path(error.value.checked)
    ref = Ref(kind="checked", digest=folder.name, path=str(folder))
    assert verify(ref)["meta"]["stopped"] == read_checks(ref).stopped
    return ref


@pytest.mark.slow
def test_good_rows_pass_unchanged(store: ArtefactStore) -> None:
    rows = make_rows("text", ["good day", "bad day", "so so", "fine"])
    ref = check(store, "text", rows)
    assert kept(ref).equals(rows)
    meta = verify(ref)["meta"]
    assert (meta["rows_in"], meta["accepted"], meta["rejected"], meta["labels"]) == (4, 4, 0, {"a": 2, "b": 2})
    assert read_checks(ref).warnings == ()


@pytest.mark.slow
def test_each_reject_has_all_its_reasons_with_the_value_found(store: ArtefactStore) -> None:
    rows = make_rows("dna", ["ACGT", "AC-TAC", "NNNN", "GGCC", "TTAA"], ["a", None, "b", "b", "a"])
    ref = check(store, "dna", rows, max_length=4)
    assert kept(ref)["id"].to_pylist() == ["r1", "r4", "r5"]
    first, second = parquet.read_parquet(ref.folder / "rejects.parquet").to_pylist()
    assert (first["source_file"], first["source_row"], first["id"], first["raw"]) == ("rows.csv", 2, "r2", "AC-TAC")
    assert first["rules"] == ["length", "alphabet", "missing_label"]
    assert first["columns"] == ["sequence", "sequence", "label"]
    assert first["reasons"] == [
        "length is 6, expected 1 to 4",
        "1 letters outside the alphabet, first '-' at position 3, expected IUPAC letters",
        "label is missing, expected a class",
    ]
    assert second["reasons"] == ["the share of ambiguous letters is 1, expected at most 0.1"]


@pytest.mark.slow
def test_rejects_of_the_source_stay_first_and_count(store: ArtefactStore) -> None:
    ref = check(store, "text", make_rows("text", ["x", "y", ""]), source_rejects=2)
    table = parquet.read_parquet(ref.folder / "rejects.parquet")
    assert table["source_file"].to_pylist() == ["bad.csv", "bad.csv", "rows.csv"]
    report = read_checks(ref)
    assert (report.rows_in, report.accepted, report.rejected, report.rejected_by_source) == (5, 2, 3, 2)


@pytest.mark.slow
def test_blank_sequences_are_empty_and_nothing_else(store: ArtefactStore) -> None:
    ref = check(store, "text", make_rows("text", ["x", "y", "", None, " \t"]), conflicting_label="reject")
    assert rejects(ref) == {"r3": ["empty"], "r4": ["empty"], "r5": ["empty"]}


@pytest.mark.slow
def test_second_and_later_rows_of_an_id_are_rejected(store: ArtefactStore) -> None:
    rows = make_rows(
        "tokens", [["x"], ["y"], ["z"], ["w"], ["v"]], ["a", "b", "a", "b", "a"], id=["k", "l", "k", "m", "k"]
    )
    ref = check(store, "tokens", rows)
    assert kept(ref)["source_row"].to_pylist() == [1, 2, 4]


@pytest.mark.slow
def test_all_rows_of_a_sequence_with_two_classes_conflict(store: ArtefactStore) -> None:
    rows = make_rows("dna", ["ACGT", "acgt", "TTTT", "TTTT", "GGGG", "CCCC"], ["a", "b", "a", "a", "b", "a"])
    ref = check(store, "dna", rows, conflicting_label="reject")
    assert rejects(ref) == {"r1": ["conflicting_label"], "r2": ["conflicting_label"]}
    warned = check(store, "dna", rows)
    assert kept(warned).num_rows == 6
    assert read_checks(warned).warnings == (
        "conflicting_label: 2 rows (33.33%), expected one class a sequence",
        "duplicate_row: 1 rows (16.67%), expected each once",
    )
    result = next(result for result in read_checks(warned).checks if result.rule == "conflicting_label")
    assert result.examples == ("rows.csv:1", "rows.csv:2")
    assert result.success


@pytest.mark.slow
def test_duplicate_rows_are_those_with_the_same_sequence_and_class(store: ArtefactStore) -> None:
    rows = make_rows("series", [[[1, 2]], [[1, 2]], [[1, 2]], [[1], [2]], [[3, 4]]], ["a", "a", "b", "b", "b"])
    ref = check(store, "series", rows, duplicate_row="reject", conflicting_label="off", channels=1)
    assert rejects(ref) == {"r2": ["duplicate_row"], "r4": ["wrong_channels"]}


@pytest.mark.slow
def test_series_rules_reject_missing_uneven_and_infinite_and_warn_of_constant(store: ArtefactStore) -> None:
    sequences = [[[1, 2, 3]], [[1, None, None]], [[4, 4, 4]], [[float("inf"), 1, 2]], [[1, 2], [3, 4]], [[5, 6, 7]]]
    ref = check(store, "series", make_rows("series", sequences))
    assert rejects(ref) == {"r2": ["missing"], "r4": ["finite"], "r5": ["wrong_channels"]}
    assert found(ref)["constant"] == 1
    uneven = check(
        store, "series", make_rows("series", [[[1, 2], [3]], [[1, 2], [3, 4]], [[1, 2], [3, 5]], [[3, 5], [1, 1]]])
    )
    assert rejects(uneven) == {"r1": ["even_channels"]}
    assert json.loads(parquet.read_parquet(uneven.folder / "rejects.parquet")["raw"][0].as_py()) == [[1, 2], [3]]


@pytest.mark.slow
def test_a_long_sequence_is_cut_in_the_rejects(store: ArtefactStore) -> None:
    ref = check(store, "dna", make_rows("dna", ["A" * 9000, "ACG", "CCC"], ["a", "a", "b"]), max_length=10)
    assert parquet.read_parquet(ref.folder / "rejects.parquet")["raw"].to_pylist() == ["A" * RAW_LIMIT]


@pytest.mark.slow
def test_labels_given_take_the_place_of_the_label_set(store: ArtefactStore) -> None:
    rows = make_rows("text", ["x", "y", "z", "w"], ["a", "b", "c", "a"])
    ref = check(store, "text", rows, labels=["a", "b"], label_set=["c"])
    assert rejects(ref) == {"r3": ["unknown_label"]}
    assert read_checks(ref).warnings == ("1 classes of the table have no accepted row",)


@pytest.mark.slow
def test_user_rules_judge_what_they_measure(store: ArtefactStore) -> None:
    rows = make_rows("dna", ["ATGAAA", "CCCCCC", "ATGCCC", "ATG", "ATGNAA"], ["a", "a", "b", "b", "a"])
    rules = [
        {"name": "starts", "measure": "matches", "pattern": "^ATG"},
        {"name": "long", "measure": "length", "at_least": 4, "policy": "warn"},
        {"name": "clear", "measure": "ambiguous_share", "at_most": 0.1},
    ]
    ref = check(store, "dna", rows, custom=rules, max_ambiguous_share=1.0)
    assert rejects(ref) == {"r2": ["starts"], "r5": ["clear"]}
    assert found(ref) == {"starts": 1, "long": 1, "clear": 1}


def test_a_bad_pattern_is_refused_before_any_row_is_read(store: ArtefactStore) -> None:
    with pytest.raises(ConfigRefused, match="is not RE2"):
        check(
            store, "text", make_rows("text", ["x", "y"]), custom=[{"name": "p", "measure": "matches", "pattern": "("}]
        )


@pytest.mark.slow
def test_over_the_budget_the_message_names_share_rules_rows_and_the_rejects(store: ArtefactStore) -> None:
    rows = make_rows("text", ["x", "", "y", "", "z", "w", None, "u"])
    with pytest.raises(BudgetExceeded) as error:
        check(store, "text", rows, source_rejects=2, budget=0.2)
    message = str(error.value)
    assert "5 of 10 rows (50.00%) are rejected: empty 3, encoding 2" in message
    assert "first bad.csv:1, bad.csv:2, rows.csv:2" in message
    assert "at most 20.00% (rules.reject_budget)" in message
    ref = stopped(error)
    assert parquet.count_rows([ref.folder / "rejects.parquet"]) == 5
    assert not next(result for result in read_checks(ref).checks if result.rule == "empty").success


@pytest.mark.slow
def test_the_budget_is_that_of_the_config_and_exactly_reached_is_within(store: ArtefactStore) -> None:
    rows = make_rows("text", ["x", "y", "z", "w", "u", "v", "t", "s", "r", ""])
    assert rejects(check(store, "text", rows, budget=None, reject_budget=0.1)) == {"r10": ["empty"]}
    with pytest.raises(BudgetExceeded):
        check(store, "text", rows, budget=None, reject_budget=0.09)


@pytest.mark.slow
def test_a_breach_of_a_fail_rule_stops_with_its_rows(store: ArtefactStore) -> None:
    rows = make_rows("text", ["x y z", "a", "b", "c d e"])
    with pytest.raises(
        DataRefused, match=r"rows\.csv:1, rows\.csv:4: rule length, whose policy is fail, is broken by 2 rows"
    ) as error:
        check(store, "text", rows, max_length=2, length="fail")
    assert set(rejects(stopped(error))) == {"r1", "r4"}


@pytest.mark.slow
def test_too_little_left_to_train_on_is_refused(store: ArtefactStore) -> None:
    with pytest.raises(DataRefused, match="no row is left of 2") as error:
        check(store, "text", make_rows("text", ["", None]))
    assert parquet.count_rows([stopped(error).folder / "rejects.parquet"]) == 2
    with pytest.raises(DataRefused, match="one class only: 'a', 3 rows"):
        check(store, "text", make_rows("text", ["x", "y", "z"], ["a"] * 3))
    with pytest.raises(DataRefused, match="4 rows are left; expected at least 5 rows"):
        check(store, "text", make_rows("text", ["x", "y", "z", "w"]), min_rows=5)
    with pytest.raises(DataRefused, match="classes with too few rows: 'b' 1, 'c' 1; expected at least 2 rows a class"):
        check(store, "text", make_rows("text", ["x", "y", "z", "w"], ["a", "b", "c", "a"]), min_class_rows=2)


@pytest.mark.slow
def test_no_rows_at_all_are_refused_for_training_and_fine_for_scoring(store: ArtefactStore) -> None:
    with pytest.raises(DataRefused, match="no row is left of 0"):
        check(store, "series", make_rows("series", []))
    ref = check(store, "series", make_rows("series", []), labelled=False)
    assert verify(ref)["meta"] | {"checks": {}} == {
        "rows_in": 0,
        "accepted": 0,
        "rejected": 0,
        "labels": {},
        "checks": {},
        "sources": {},
    }
    assert kept(ref).schema.equals(table_schema("series"))


def test_scoring_looks_at_no_label(store: ArtefactStore) -> None:
    rows = make_rows("text", ["x", "x", "", "y"], [None, "other", None, "a"], id=["k", "l", "m", "k"])
    ref = check(store, "text", rows, labelled=False, label_set=["a"], min_rows=100, min_class_rows=50)
    assert rejects(ref) == {"m": ["empty"], "k": ["duplicate_id"]}
    assert verify(ref)["meta"]["labels"] == {}


@pytest.mark.slow
def test_the_report_lists_every_rule_and_never_a_value(store: ArtefactStore) -> None:
    ref = check(store, "text", make_rows("text", ["HIV positive", "x\x01", "", "y"]), min_letters=1)
    report = read_checks(ref)
    assert [result.rule for result in report.checks] == [
        "empty", "length", "min_letters", "control_characters", "duplicate_id", "conflicting_label",
        "duplicate_row", "missing_label",
        "min_rows", "min_class_rows",
    ]  # fmt: skip
    text = (ref.folder / "checks.json").read_text()
    assert "HIV" not in text
    assert "r1" not in text
    assert CheckReport.model_validate_json(text) == report


def test_a_mask_that_counts_otherwise_than_great_expectations_is_a_bug(
    store: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cross_check.count_breaches
    monkeypatch.setattr(
        cross_check, "count_breaches", lambda *asked: {n: c + (n == "length") for n, c in real(*asked).items()}
    )
    with pytest.raises(CheckBroken, match="rule length: the mask finds 0 rows, Great Expectations 1"):
        check(store, "text", make_rows("text", ["x", "y"]))
    assert not list((store.root / "artefacts" / "checked").iterdir())


def test_books_that_do_not_balance_are_a_bug(store: ArtefactStore) -> None:
    table = write_table(store, "text", make_rows("text", ["x", "y"]))
    with store.write("table") as draft:
        for path in (table.folder / "rows").iterdir():
            (draft.folder / "rows").mkdir()
            (draft.folder / "rows" / path.name).write_bytes(path.read_bytes())
        draft.describe(read_meta(table, TableMeta).model_copy(update={"rows_in": 3, "accepted": 3}))
    with pytest.raises(CheckBroken, match="3 rows in, 2 accepted, 0 rejected; expected sums that agree"):
        validate.validate(draft.ref, make_pipeline("text"), store, labelled=True)


@pytest.mark.slow
def test_different_rows_with_one_fingerprint_are_told_apart_by_another_seed(
    store: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seeds = census.fingerprint_bytes, []

    def colliding(values: pa.Array, seed: str) -> Any:
        seeds.append(seed)
        return np.zeros(len(values), np.uint64) if seed == validate.SEEDS[0] else real(values, seed)

    monkeypatch.setattr(census, "fingerprint_bytes", colliding)
    ref = check(store, "text", make_rows("text", ["x", "y", "x"], ["a", "b", "b"]))
    assert set(seeds) == set(validate.SEEDS[:2])
    assert found(ref) == {"conflicting_label": 2}


@pytest.mark.slow
def test_batches_and_gates_of_any_size_give_the_same_artefact(
    store: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = [f"word {number % 7} " * (number % 4) for number in range(60)]
    rows = make_rows("text", sequences, id=[f"r{number % 50}" for number in range(60)])
    whole = check(store, "text", rows, duplicate_row="warn", conflicting_label="reject")
    monkeypatch.setattr(validate, "BYTES_PER_BATCH", 300)
    monkeypatch.setattr(cross_check, "ROWS_PER_CALL", 17)
    assert check(store, "text", rows, duplicate_row="warn", conflicting_label="reject").digest == whole.digest


def _oracle(sequences: list[str | None], labels: list[str | None], ids: list[str]) -> dict[int, set[str]]:
    """The rules again, row by row in plain Python."""
    classes: dict[str, set[str]] = {}
    for text, label in zip(sequences, labels, strict=True):
        if text and label:
            classes.setdefault(text, set()).add(label)
    broken: dict[int, set[str]] = {}
    for row, (text, label, name) in enumerate(zip(sequences, labels, ids, strict=True)):
        words = len((text or "").split())
        earlier = list(zip(sequences, labels, strict=True))[:row]
        rules = {
            "empty": words == 0,
            "length": words > 3,
            "missing_label": label is None,
            "duplicate_id": name in ids[:row],
            "conflicting_label": bool(text) and len(classes.get(text or "", set())) > 1,
            "duplicate_row": bool(text) and label is not None and (text, label) in earlier,
        }
        broken[row] = {rule for rule, holds in rules.items() if holds}
    return broken


table_rows = st.tuples(
    st.none() | st.text("ab ", max_size=8), st.sampled_from(["x", "y", None]), st.sampled_from("klmnopqrst")
)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(rows=st.lists(table_rows, min_size=1, max_size=25))
def test_rows_are_conserved_and_the_rules_agree_with_plain_python(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, str | None, str]]
) -> None:
    store = ArtefactStore(tmp_path_factory.mktemp("store"))
    sequences, labels, ids = (list(column) for column in zip(*rows, strict=True))
    expected = _oracle(sequences, labels, ids)
    rules = {"max_length": 3, "conflicting_label": "reject", "duplicate_row": "reject"}
    try:
        ref = check(store, "text", make_rows("text", sequences, labels, id=ids), **rules)
    except DataRefused:
        folder = next((store.root / "artefacts" / "checked").iterdir())
        ref = Ref(kind="checked", digest=folder.name, path=str(folder))
        assert len({label for row, label in enumerate(labels) if not expected[row]}) < 2
    assert [row - 1 for row in kept(ref)["source_row"].to_pylist()] == [row for row in expected if not expected[row]]
    table = parquet.read_parquet(ref.folder / "rejects.parquet").to_pylist()
    assert {row["source_row"] - 1: set(row["rules"]) for row in table} == {r: e for r, e in expected.items() if e}
    counted = Counter(rule for rules_ in expected.values() for rule in rules_)
    assert {rule: count for rule, count in found(ref).items() if not rule.startswith("min_")} == counted


@pytest.mark.slow
def test_splice_rows_with_iupac_letters_pass_and_its_one_conflict_is_seen(store: ArtefactStore) -> None:
    lines = [line.split(",") for line in real_data("dna_splice/splice.data").read_text().splitlines()]
    rows = make_rows(
        "dna",
        [line[2].strip() for line in lines],
        [line[0].strip() for line in lines],
        id=[line[1].strip() for line in lines],
    )
    ref = check(store, "dna", rows, budget=0.05, duplicate_id="reject", max_ambiguous_share=0.1)
    counts = found(ref)
    assert counts["duplicate_id"] == 12
    assert counts["conflicting_label"] > 0
    assert "alphabet" not in counts
    with pytest.raises(DataRefused, match="rule ambiguous"):
        check(store, "dna", rows, max_ambiguous_share=0.0, ambiguous="fail")


@pytest.mark.slow
def test_ecg5000_passes_with_its_class_of_two_rows(store: ArtefactStore) -> None:
    values = np.loadtxt(real_data("ts_ECG5000/ECG5000_TRAIN.tsv"), dtype=np.float32)
    rows = make_rows("series", [[row.tolist()] for row in values[:, 1:]], [str(int(row)) for row in values[:, 0]])
    meta = read_manifest(check(store, "series", rows, budget=0.0, min_class_rows=2))["meta"]
    assert meta["labels"] == {"1": 292, "2": 177, "3": 10, "4": 19, "5": 2}
    with pytest.raises(DataRefused, match="classes with too few rows: '5' 2"):
        check(store, "series", rows, min_class_rows=3)
