"""F47-F51: classes that loss functions misread, too few classes, letters, lengths and signals that fit no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcls.encoders.encode import encode
from seqcls.errors import DataRefused
from seqcls.splitting.split import split
from seqcls.store.artefacts import Ref, read_manifest
from seqcls.store.parquet import read_parquet, shards
from tests.faults.travel import GOOD, HEAD, Arrived, explains_itself, travel


def encoded(arrived: Arrived) -> Ref:
    splits = split(arrived.checked, arrived.pipeline, arrived.store)
    return encode(arrived.checked, splits, arrived.pipeline, arrived.store)


def column(ref: Ref, name: str) -> list[Any]:
    return [
        value
        for part in ("train", "valid", "test")
        for value in read_parquet(shards(ref.folder / part))[name].to_pylist()
    ]


@pytest.mark.fault("F47", tried="classes -100, -1, 0.5, 7, which losses leave out", outcome="names, coded 0..C-1")
def test_classes_are_names_and_their_codes_fit_the_loss(tmp_path: Path) -> None:
    names = [b"-100", b"-1", b"0.5", b"7"]
    data = HEAD + b"".join(b"word%d,%b\n" % (number, names[number % 4]) for number in range(200))
    arrived = travel(tmp_path, data)
    ref = encoded(arrived)
    labels = read_manifest(ref)["meta"]["labels"]
    assert labels == ["-1", "-100", "0.5", "7"]
    codes = column(ref, "label")
    assert len(codes) == 200
    assert sorted(set(codes)) == [0, 1, 2, 3]
    assert [codes.count(code) for code in range(4)] == [50] * 4


@pytest.mark.fault("F47", tried="classes that are fractions, lists, true or null in JSON", outcome="rows rejected")
def test_a_class_that_is_no_name_costs_its_row(tmp_path: Path) -> None:
    bad = ["0.5", "[1]", '{"a": 1}', "null", '""']
    lines = [f'{{"sequence": "x{n}", "label": {label}}}' for n, label in enumerate(["1", "2.0", "true", *bad])]
    arrived = travel(tmp_path, "\n".join(lines).encode() + b"\n", format="jsonl")
    assert arrived.rows == [("x0", "1"), ("x1", "2"), ("x2", "true")]
    assert [(r.row, r.column, r.reason) for r in arrived.rejects] == [
        (4, "label", "a fraction where a name is expected"),
        (5, "label", 'a list where a name is expected (source.label = "label[0]" reads lists that hold one value)'),
        (
            6,
            "label",
            'an object where a name is expected (source.label = "label.KEY" reads a key of it; '
            'format = "prodigy" reads cats)',
        ),
        (7, "label", "label is missing, expected a class"),
        (8, "label", "label is missing, expected a class"),
    ]


@pytest.mark.fault("F48", tried="rows of one class only", outcome="stage fails: two classes at least")
def test_one_class_is_not_enough(tmp_path: Path) -> None:
    error = stopped(tmp_path, HEAD + b"one,a\ntwo,a\n")
    assert error.found == "one class only: 'a', 2 rows"
    assert error.expected == "two classes at least"
    assert "source.label" in error.next_step


@pytest.mark.fault("F48", tried="a class of one row, with min_class_rows = 2", outcome="stage fails, class named")
def test_a_class_with_one_row_is_named(tmp_path: Path) -> None:
    error = stopped(tmp_path, GOOD + b"five,c\n", min_class_rows=2)
    assert error.found == "classes with too few rows: 'c' 1"
    assert error.expected == "at least 2 rows a class"
    assert "rules.min_class_rows" in error.next_step


@pytest.mark.fault("F48", tried="rules that leave no row", outcome="stage fails; the rejects are there to read")
def test_no_row_that_is_left_stops_the_run(tmp_path: Path) -> None:
    error = stopped(tmp_path, GOOD, min_length=5)
    assert error.found == "no row is left of 4"
    assert read_parquet(Path(error.checked) / "rejects.parquet").num_rows == 4


def stopped(folder: Path, data: bytes, **rules: Any) -> DataRefused:
    with pytest.raises(DataRefused) as caught:
        travel(folder, data, rules=rules)
    return explains_itself(caught.value)


DNA = HEAD + b"ACGTACGTAC,a\nGGTTGGTTGG,b\nacgtnacgta,a\nUUGGUUGGUU,b\n"


@pytest.mark.fault("F49", tried="lower case, U and one N among ten bases", outcome="accepted as IUPAC has them")
def test_bases_of_iupac_are_accepted(tmp_path: Path) -> None:
    arrived = travel(tmp_path, DNA, "dna")
    assert arrived.sequences == ["ACGTACGTAC", "GGTTGGTTGG", "acgtnacgta", "UUGGUUGGUU"]


@pytest.mark.fault("F49", tried="gaps, digits and mostly N", outcome="rows rejected: letter, place, share named")
def test_letters_outside_the_alphabet_cost_their_row(tmp_path: Path) -> None:
    arrived = travel(tmp_path, DNA + b"AC-GT,a\nACGT5,b\nNNNNNNNNNA,a\nAC\xc3\x89,b\n", "dna")
    assert arrived.table.num_rows == 4
    foreign = "1 letters outside the alphabet, first {}, expected IUPAC letters"
    assert [(r.row, r.column, r.rule, r.reason) for r in arrived.rejects] == [
        (5, "sequence", "alphabet", foreign.format("'-' at position 3")),
        (6, "sequence", "alphabet", foreign.format("'5' at position 5")),
        (7, "sequence", "ambiguous", "the share of ambiguous letters is 0.9, expected at most 0.1"),
        (8, "sequence", "alphabet", foreign.format("byte 0xC3 at position 3")),
    ]


@pytest.mark.fault("F49", tried="words that no training text has", outcome="accepted as unknown, and counted")
def test_unknown_words_are_counted(tmp_path: Path) -> None:
    train = HEAD + b"".join(b"good film,a\nbad film,b\n" for _ in range(20))
    files = {"a.csv": train, "b.csv": HEAD + b"good zebra,a\nquagga okapi,b\n"}
    arrived = travel(tmp_path, files, train=["a.csv"], test=["b.csv"])
    ref = encoded(arrived)
    assert read_parquet(shards(ref.folder / "test"))["unknown"].to_pylist() == [1, 2]
    assert read_manifest(ref)["meta"]["unknown_share"]["test"] == 0.75
    assert read_manifest(ref)["meta"]["unknown_share"]["train"] == 0.0


@pytest.mark.fault("F50", tried="texts of 0, 1 and 6 words, with max_length = 5 in the rules", outcome="rows rejected")
def test_lengths_outside_the_bounds_cost_their_row(tmp_path: Path) -> None:
    arrived = travel(tmp_path, GOOD + b",a\n  ,b\na b c d e f,a\nx,b\n", rules={"max_length": 5})
    assert arrived.sequences == ["one", "two", "three", "four", "x"]
    assert [(r.row, r.column, r.rule, r.reason) for r in arrived.rejects] == [
        (5, "sequence", "empty", "sequence is missing or blank, expected a sequence"),
        (6, "sequence", "empty", "sequence is missing or blank, expected a sequence"),
        (7, "sequence", "length", "length is 6, expected 1 to 5"),
    ]


@pytest.mark.fault("F50", tried="texts longer than the encoder takes", outcome="cut as documented, and counted")
def test_what_the_encoder_cuts_is_counted(tmp_path: Path) -> None:
    data = HEAD + b"".join(b"w x y z %d,%c\n" % (n, b"ab"[n % 2]) for n in range(40)) + b"short,a\nbrief,b\n"
    arrived = travel(tmp_path, data)
    pipeline = arrived.pipeline.model_copy(
        update={"encode": arrived.pipeline.encode.model_copy(update={"max_length": 3})}
    )
    splits = split(arrived.checked, pipeline, arrived.store)
    ref = encode(arrived.checked, splits, pipeline, arrived.store)
    assert sum(read_manifest(ref)["meta"]["truncated"].values()) == 40
    assert max(len(sequence) for sequence in column(ref, "sequence")) == 3
    assert column(ref, "truncated").count(True) == 40


def lead(values: list[float]) -> str:
    return ",".join(f"{value:g}" for value in values)


def two_leads(*series: tuple[list[list[float]], str]) -> bytes:
    head = "@univariate false\n@dimensions 2\n@classLabel true a b\n@data\n"
    return (head + "".join(":".join([*map(lead, leads), label]) + "\n" for leads, label in series)).encode()


WAVE = [0.0, 1.0, 0.0, -1.0]


@pytest.mark.fault("F51", tried="an ECG with one lead among those with two", outcome="row rejected, both counts named")
def test_a_series_with_another_number_of_leads_costs_its_row(tmp_path: Path) -> None:
    data = two_leads(([WAVE, WAVE], "a"), ([WAVE], "b"), ([WAVE, WAVE], "b"))
    arrived = travel(tmp_path, data, "series", format="ts")
    assert arrived.table.num_rows == 2
    (reject,) = arrived.rejects
    assert (reject.row, reject.rule) == (2, "channels")
    assert reject.reason == "expected 2 channels and a class, got 2 parts between colons"


@pytest.mark.fault("F51", tried="one lead more in JSON rows", outcome="row rejected by the rule wrong_channels")
def test_a_row_with_more_leads_than_the_first_costs_its_row(tmp_path: Path) -> None:
    data = b'{"sequence": [[1, 2], [3, 4]], "label": "a"}\n{"sequence": [[1, 2], [3, 4], [5, 6]], "label": "b"}\n'
    data += b'{"sequence": [[1, 2], [3]], "label": "a"}\n{"sequence": [[2, 1], [4, 3]], "label": "b"}\n'
    arrived = travel(tmp_path, data, "series", format="jsonl")
    assert arrived.table.num_rows == 2
    assert sorted((r.row, r.rule, r.reason) for r in arrived.rejects) == [
        (2, "wrong_channels", "3 channels, expected 2 channels"),
        (3, "type", "channel 1 has 2 values, channel 2 has 1"),
    ]


@pytest.mark.fault("F51", tried="a flat signal", outcome="counted; encoded finite; rejected when asked")
def test_a_flat_signal_is_counted_and_never_nan(tmp_path: Path) -> None:
    rows = b"".join(b"%d\t0\t1\t%d\t1\n" % (n % 2, n) for n in range(20)) + b"1\t5\t5\t5\t5\n0\t5\t5\t5\t5\n"
    arrived = travel(tmp_path / "kept", rows, "series", format="ucr")
    (check,) = [check for check in arrived.report.checks if check.rule == "constant"]
    assert (check.policy, check.found) == ("warn", 2)
    for normalise in ("series", "channel", "robust", "none"):
        update = {"encode": arrived.pipeline.encode.model_copy(update={"normalise": normalise})}
        pipeline = arrived.pipeline.model_copy(update=update)
        splits = split(arrived.checked, pipeline, arrived.store)
        values = np.concatenate(column(encode(arrived.checked, splits, pipeline, arrived.store), "sequence"))
        assert np.isfinite(values).all(), normalise
    rejected = travel(tmp_path / "rejected", rows, "series", format="ucr", rules={"constant": "reject"})
    assert {(r.row, r.rule, r.reason) for r in rejected.rejects} == {
        (21, "constant", "no channel changes, expected values that change"),
        (22, "constant", "no channel changes, expected values that change"),
    }


@pytest.mark.fault("F51", tried="a recording at twice the rate of the others", outcome="rejected by its length")
def test_a_recording_at_another_rate_is_seen_by_its_length(tmp_path: Path) -> None:
    data = two_leads(([WAVE, WAVE], "a"), ([WAVE * 2, WAVE * 2], "a"), ([WAVE, WAVE], "b"))
    arrived = travel(tmp_path, data, "series", format="ts", rules={"min_length": 4, "max_length": 4})
    (reject,) = arrived.rejects
    assert (reject.row, reject.rule, reject.reason) == (2, "length", "length is 8, expected 4 to 4")
