"""Real data sets, read row for row and compared with tiny readers written for each (no code of the package)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcls.config.source import SourceConfig
from seqcls.sources.discover import source_files
from seqcls.sources.ingest import ingest
from seqcls.store.artefacts import ArtefactStore, read_manifest
from seqcls.store.parquet import read_parquet, shards
from seqcls.table import Kind
from tests.seqcls.reading_files import REAL_DATA, read

pytestmark = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real data sets (../shared/data) are not here")

SETS: dict[str, tuple[Kind, dict[str, Any]]] = {
    "text_sms_spam": (
        "text",
        {
            "format": "tsv",
            "files": ["SMSSpamCollection"],
            "header": False,
            "columns": ["label", "text"],
            "sequence": "text",
        },
    ),
    "text_mr": (
        "text",
        {
            "format": "lines",
            "files": ["rt-polarity.*"],
            "labels": {"*.pos": "pos", "*.neg": "neg"},
            "encoding": "cp1252",
        },
    ),
    "text_trec": (
        "text",
        {
            "format": "lines",
            "train": ["TREC.train"],
            "test": ["TREC.test"],
            "encoding": "cp1252",
            "pattern": r"^(?P<label>[A-Z]+):\S+ (?P<sequence>.*)$",
        },
    ),
    "text_tweeteval_emoji": (
        "text",
        {
            "format": "lines",
            "train": ["train_text.txt"],
            "valid": ["val_text.txt"],
            "test": ["test_text.txt"],
            "label_files": ["train_labels.txt", "val_labels.txt", "test_labels.txt"],
        },
    ),
    "text_sst": (
        "text",
        {
            "format": "fasttext",
            "train": ["fasttext_format/sst_train.txt"],
            "valid": ["fasttext_format/sst_dev.txt"],
            "test": ["fasttext_format/sst_test.txt"],
        },
    ),
    "text_sst/derived": (
        "text",
        {"format": "tsv", "files": ["sst_phrases_train.tsv"], "sequence": "text", "label": "label5"},
    ),
    "dna_splice": (
        "dna",
        {
            "format": "csv",
            "files": ["splice.data"],
            "header": False,
            "columns": ["label", "name", "sequence"],
            "strip": True,
            "group": "name",
        },
    ),
    "dna_promoters": (
        "dna",
        {
            "format": "csv",
            "files": ["promoters.data"],
            "header": False,
            "columns": ["label", "name", "sequence"],
            "strip": True,
            "id": "name",
        },
    ),
    "dna_gue_prom_core_all": (
        "dna",
        {"format": "csv", "train": ["train.csv"], "valid": ["dev.csv"], "test": ["test.csv"]},
    ),
    "dna_cnnprom_bacteria": (
        "dna",
        {
            "format": "fasta",
            "files": ["*.fa"],
            "labels": {
                "Ecoli_prom.fa": "Ecoli_prom",
                "Ecoli_non*": "Ecoli_non",
                "Bacillus_prom.fa": "Bacillus_prom",
                "Bacillus_non*": "Bacillus_non",
            },
        },
    ),
    "prot_amp_scanner": (
        "protein",
        {
            "format": "fasta",
            "train": ["*.tr.fa"],
            "valid": ["*.eval.fa"],
            "test": ["*.te.fa"],
            "labels": {"AMP*": "amp", "DECOY*": "decoy"},
        },
    ),
}
UCR = {
    "ECG5000": (500, 4500),
    "ECG200": (100, 100),
    "GunPoint": (50, 150),
    "ItalyPowerDemand": (67, 1029),
    "DodgerLoopDay": (78, 80),
    "MelbournePedestrian": (1200, 2450),
    "ShakeGestureWiimoteZ": (50, 50),
    "PLAID": (537, 537),
    "Crop": (7200, 16799),
}
TS = {"BasicMotions": (40, 40), "JapaneseVowels": (270, 370)}
SETS |= {f"ts_{name}": ("series", {"format": "ucr", "train": ["*_TRAIN.tsv"], "test": ["*_TEST*.tsv"]}) for name in UCR}
SETS |= {f"ts_{name}": ("series", {"format": "ts", "train": ["*_TRAIN.ts"], "test": ["*_TEST.ts"]}) for name in TS}
ROWS = {
    "text_sms_spam": 5574,
    "text_mr": 10662,
    "text_trec": 5952,
    "text_tweeteval_emoji": 100_000,
    "text_sst": 11_855,
    "text_sst/derived": 159_274,
    "dna_splice": 3190,
    "dna_promoters": 106,
    "dna_gue_prom_core_all": 59_196,
    "dna_cnnprom_bacteria": 5212,
    "prot_amp_scanner": 3556,
} | {f"ts_{name}": sum(rows) for name, rows in (UCR | TS).items()}


def lines_of(path: Path, encoding: str = "utf-8") -> list[str]:
    lines = path.read_bytes().decode(encoding).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def fasta_of(path: Path) -> list[tuple[str, str]]:
    entries = path.read_text().split(">")[1:]
    return [(entry.split("\n")[0].split()[0], "".join(entry.split("\n")[1:])) for entry in entries]


def read_set(name: str) -> Any:
    kind, options = SETS[name]
    return read(REAL_DATA / name, kind, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETS))
def test_the_books_of_every_real_set_balance(name: str, tmp_path: Path) -> None:
    kind, options = SETS[name]
    source, folder = SourceConfig(**options), REAL_DATA / name
    ref = ingest(source_files(source, folder), source, kind, ArtefactStore(tmp_path), labelled=True, folder=folder)
    meta = read_manifest(ref)["meta"]
    assert (meta["rows_in"], meta["accepted"], meta["rejected"]) == (ROWS[name], ROWS[name], 0)
    table = read_parquet(shards(ref.folder / "rows"), ["label", "split", "source_row", "source_file"])
    assert table.num_rows == ROWS[name]
    assert table["label"].null_count == 0
    assert sum(file["rows_in"] for file in meta["files"]) == ROWS[name]


def test_sms_messages_with_stray_quotes_are_all_there() -> None:
    expected = [tuple(line.split("\t", 1)[::-1]) for line in lines_of(REAL_DATA / "text_sms_spam/SMSSpamCollection")]
    result = read_set("text_sms_spam")
    assert result.rows == expected
    assert Counter(result.table["label"].to_pylist()) == {"ham": 4827, "spam": 747}
    assert sum('"' in text for text, _ in result.rows) == 145


def test_sms_messages_read_with_quoting_are_refused_not_swallowed() -> None:
    result = read(REAL_DATA / "text_sms_spam", **(SETS["text_sms_spam"][1] | {"quoting": True}))
    assert result.rows_in == 5574
    assert {rule for _, rule, _ in result.refused} == {"quote"}


def test_mr_sentences_in_cp1252_have_no_control_letters() -> None:
    folder = REAL_DATA / "text_mr"
    expected = [
        (line, label) for label in ("neg", "pos") for line in lines_of(folder / f"rt-polarity.{label}", "cp1252")
    ]
    result = read_set("text_mr")
    assert result.rows == expected
    assert not any("\x80" <= letter <= "\x9f" for text, _ in result.rows for letter in text)


def test_mr_sentences_under_utf8_lose_only_the_rows_at_fault_and_name_cp1252() -> None:
    result = read(REAL_DATA / "text_mr", **(SETS["text_mr"][1] | {"encoding": "utf-8"}))
    assert result.rows_in == 10662
    assert result.rejects.num_rows == 202
    assert all("cp1252" in reason for _, _, reason in result.refused)


def test_trec_labels_come_from_the_pattern() -> None:
    folder = REAL_DATA / "text_trec"
    lines = [line for name in ("TREC.test", "TREC.train") for line in lines_of(folder / name, "cp1252")]
    assert read_set("text_trec").rows == [(line.split(" ", 1)[1], line.split(":")[0]) for line in lines]


@pytest.mark.slow
def test_emoji_texts_stand_beside_their_parallel_labels() -> None:
    folder = REAL_DATA / "text_tweeteval_emoji"
    expected = []
    for part in ("test", "train", "val"):
        expected += zip(lines_of(folder / f"{part}_text.txt"), lines_of(folder / f"{part}_labels.txt"), strict=True)
    assert read_set("text_tweeteval_emoji").rows == expected


@pytest.mark.slow
def test_sst_sentences_in_fasttext_and_phrases_in_tsv() -> None:
    folder = REAL_DATA / "text_sst"
    expected = []
    for part in ("dev", "test", "train"):
        lines = lines_of(folder / f"fasttext_format/sst_{part}.txt")
        expected += [(line.split("\t", 1)[1], line.split("\t", 1)[0].removeprefix("__label__")) for line in lines]
    assert read_set("text_sst").rows == expected
    phrases = [line.split("\t") for line in lines_of(folder / "derived/sst_phrases_train.tsv")[1:]]
    assert read_set("text_sst/derived").rows == [(text, label) for label, _, text in phrases]


@pytest.mark.parametrize("name", ["dna_splice", "dna_promoters"])
def test_uci_dna_is_stripped_of_blanks_and_tabs(name: str) -> None:
    _, options = SETS[name]
    records = [
        [field.strip() for field in line.split(",")] for line in lines_of(REAL_DATA / name / options["files"][0])
    ]
    result = read_set(name)
    assert result.rows == [(sequence, label) for label, _, sequence in records]
    assert {len(sequence) for sequence, _ in result.rows} == {60 if name == "dna_splice" else 57}
    if name == "dna_splice":
        assert sum(bool(set(sequence) - set("ACGT")) for sequence, _ in result.rows) == 15
        assert result.table["group"].to_pylist() == [record[1] for record in records]
    else:
        assert result.table["id"].to_pylist() == [record[1] for record in records]


def test_gue_promoters() -> None:
    folder = REAL_DATA / "dna_gue_prom_core_all"
    expected = [
        tuple(line.split(",")) for part in ("dev", "test", "train") for line in lines_of(folder / f"{part}.csv")[1:]
    ]
    assert read_set("dna_gue_prom_core_all").rows == expected


def test_bacterial_fasta_keeps_duplicate_headers_and_joins_wrapped_lines() -> None:
    result = read_set("dna_cnnprom_bacteria")
    expected = []
    for name in ("Bacillus_non_prom", "Bacillus_prom", "Ecoli_non_prom", "Ecoli_prom"):
        expected += [
            (*entry, name.replace("non_prom", "non"))
            for entry in fasta_of(REAL_DATA / f"dna_cnnprom_bacteria/{name}.fa")
        ]
    found = zip(result.table["id"].to_pylist(), *zip(*result.rows, strict=True), strict=True)
    assert list(found) == expected
    bacillus = Counter(identity for identity, _, label in expected if label.startswith("Bacillus"))
    assert sum(count - 1 for count in bacillus.values()) == 26
    assert "6400" in result.table["id"].to_pylist()


def test_proteins_of_three_splits() -> None:
    result = read_set("prot_amp_scanner")
    expected = []
    for name in ("AMP.eval", "AMP.te", "AMP.tr", "DECOY.eval", "DECOY.te", "DECOY.tr"):
        expected += [
            (sequence, name.split(".")[0].lower())
            for _, sequence in fasta_of(REAL_DATA / f"prot_amp_scanner/{name}.fa")
        ]
    assert result.rows == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(UCR))
def test_ucr_sets_value_for_value(name: str) -> None:
    result = read_set(f"ts_{name}")
    train, test = UCR[name]
    paths = sorted((REAL_DATA / f"ts_{name}").glob("*.tsv"))
    expected: list[np.ndarray] = []
    labels = []
    for path in paths:
        for line in lines_of(path):
            label, *cells = line.split("\t")
            labels.append(label)
            expected.append(np.array(cells, np.float64).astype(np.float32))
    assert len(expected) == train + test == result.table.num_rows
    assert result.table["label"].to_pylist() == labels
    for found, padded in zip(result.series, expected, strict=True):
        assert len(found) == 1
        values = np.array(found[0], np.float32)  # None -> NaN
        kept = np.flatnonzero(~np.isnan(padded))[-1] + 1
        np.testing.assert_array_equal(values, padded[:kept])


@pytest.mark.slow
def test_dodger_loop_day_has_its_missing_values_and_plaid_its_lengths() -> None:
    dodger = read_set("ts_DodgerLoopDay").series
    inside = sum(value is None for row in dodger for value in row[0])
    cut = sum(288 - len(row[0]) for row in dodger)
    assert inside + cut == 236 + 101
    lengths = [len(row[0]) for row in read_set("ts_PLAID").series]
    assert (min(lengths), max(lengths), np.median(lengths)) == (101, 1344, 301)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TS))
def test_ts_sets_value_for_value(name: str) -> None:
    result = read_set(f"ts_{name}")
    expected = []
    for path in sorted((REAL_DATA / f"ts_{name}").glob("*.ts")):
        body = path.read_text().partition("@data")[2]
        for line in body.split("\n"):
            if line.strip():
                *channels, label = line.strip().split(":")
                expected.append(
                    (np.array([channel.split(",") for channel in channels], np.float64).astype(np.float32), label)
                )
    assert len(expected) == sum(TS[name])
    assert {values.shape[0] for values, _ in expected} == {6 if name == "BasicMotions" else 12}
    for (found, label), (values, wanted) in zip(result.rows, expected, strict=True):
        assert label == wanted
        np.testing.assert_array_equal(np.array(found, np.float32), values)


def test_the_notes_and_the_tests_name_the_same_sets() -> None:
    there = {path.name for path in REAL_DATA.iterdir() if path.is_dir()}
    assert there <= {name.split("/")[0] for name in SETS}, json.dumps(sorted(there))
