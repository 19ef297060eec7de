"""The first rows of real data sets, as files to damage: read where the sets are, and never kept in the project.

In: ../shared/data. Out: one small file for each road. Formats that no real set comes in (jsonl, arff, long, fastq,
Parquet, gzip ...) are real rows written in them here.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqcls.table import Kind

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"
BYTES = 1500  # of each file at most; rows are kept whole
ROWS = 12

_SMS = {"header": False, "columns": ["label", "sequence"]}
_UCI = {"header": False, "columns": ["label", "name", "sequence"], "strip": True}
# Road -> kind, [source], name of the file.
REAL_ROADS: dict[str, tuple[Kind, dict[str, Any], str]] = {
    "core_promoters_csv": ("dna", {"format": "csv"}, "data"),
    "splice_csv": ("dna", {"format": "csv", "group": "name", **_UCI}, "data"),
    "promoters_csv": ("dna", {"format": "csv", "id": "name", **_UCI}, "data"),
    "sms_tsv": ("text", {"format": "tsv", **_SMS}, "data"),
    "sms_quoted_tsv": ("text", {"format": "tsv", "quoting": True, **_SMS}, "data"),
    "phrases_tsv": ("text", {"format": "tsv", "sequence": "text", "label": "label5"}, "data"),
    "reviews_lines": ("text", {"format": "lines", "encoding": "cp1252", "labels": {"*": "neg"}}, "data"),
    "questions_lines": ("text", {"format": "lines", "pattern": r"^(?P<label>[A-Z]+):\S+ (?P<sequence>.*)$"}, "data"),
    "trees_fasttext": ("text", {"format": "fasttext"}, "data"),
    "review_folder": ("text", {"format": "folder", "labels": {"*": "neg"}}, "data"),
    "power_ucr": ("series", {"format": "ucr"}, "data"),
    "loops_ucr": ("series", {"format": "ucr"}, "data"),
    "gestures_ucr": ("series", {"format": "ucr"}, "data"),
    "vowels_ts": ("series", {"format": "ts"}, "data"),
    "motions_ts": ("series", {"format": "ts"}, "data"),
    "bacteria_fasta": ("dna", {"format": "fasta", "labels": {"*": "x"}}, "data"),
    "peptides_fasta": ("protein", {"format": "fasta", "labels": {"*": "x"}}, "data"),
    "sms_csv": ("tokens", {"format": "csv"}, "data"),
    "sms_jsonl": ("tokens", {"format": "jsonl"}, "data"),
    "sms_parquet": ("text", {"format": "parquet"}, "data"),
    "sms_gz": ("text", {"format": "tsv", **_SMS}, "data.tsv.gz"),
    "power_arff": ("series", {"format": "arff"}, "data"),
    "power_wide": ("series", {"format": "wide", "values": ["v*"]}, "data"),
    "power_long": ("series", {"format": "long", "id": "id"}, "data"),
    "power_parquet": ("series", {"format": "parquet"}, "data"),
    "vowels_csv": ("series", {"format": "csv"}, "data"),
    "bacteria_fastq": ("dna", {"format": "fastq", "labels": {"*": "x"}}, "data"),
}


def read_real_seeds() -> dict[str, bytes]:
    """Road -> file; nothing where the sets are not on this machine."""
    if not REAL_DATA.is_dir():
        return {}
    return _first_rows() | _written_anew()


def parquet_of(columns: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def _lines(name: str) -> list[bytes]:
    """Lines of a real file with their ends: at least two, then up to BYTES."""
    kept: list[bytes] = []
    with open(REAL_DATA / name, "rb") as file:
        for line in file:
            if len(kept) >= 2 and (sum(map(len, kept)) + len(line) > BYTES or len(kept) >= ROWS):
                break
            kept.append(line)
    return kept


def _first_rows() -> dict[str, bytes]:
    files = {
        "core_promoters_csv": "dna_gue_prom_core_all/train.csv",
        "splice_csv": "dna_splice/splice.data",
        "promoters_csv": "dna_promoters/promoters.data",
        "sms_tsv": "text_sms_spam/SMSSpamCollection",
        "sms_quoted_tsv": "text_sms_spam/SMSSpamCollection",
        "phrases_tsv": "text_sst/derived/sst_phrases_train.tsv",
        "reviews_lines": "text_mr/rt-polarity.neg",
        "questions_lines": "text_trec/TREC.train",
        "trees_fasttext": "text_sst/fasttext_format/sst_train.txt",
        "review_folder": "text_mr/rt-polarity.neg",
        "power_ucr": "ts_ItalyPowerDemand/ItalyPowerDemand_TRAIN.tsv",
        "loops_ucr": "ts_DodgerLoopDay/DodgerLoopDay_TRAIN.tsv",
        "gestures_ucr": "ts_ShakeGestureWiimoteZ/ShakeGestureWiimoteZ_TRAIN.tsv",
        "bacteria_fasta": "dna_cnnprom_bacteria/Ecoli_non_prom.fa",
        "peptides_fasta": "prot_amp_scanner/AMP.tr.fa",
    }
    seeds = {road: b"".join(_lines(name)) for road, name in files.items()}
    seeds["vowels_ts"] = _ts("ts_JapaneseVowels/JapaneseVowels_TRAIN.ts")
    seeds["motions_ts"] = _ts("ts_BasicMotions/BasicMotions_TRAIN.ts")
    return seeds


def _ts(name: str) -> bytes:
    """The head of a .ts file without its comments, and two series."""
    lines = (REAL_DATA / name).read_bytes().splitlines(keepends=True)
    data = next(number for number, line in enumerate(lines) if line.strip().lower() == b"@data")
    head = [line for line in lines[:data] if line.startswith(b"@")]
    return b"".join([*head, *lines[data : data + 3]])


def _written_anew() -> dict[str, bytes]:
    messages = [line.decode().rstrip("\n").split("\t", 1) for line in _lines("text_sms_spam/SMSSpamCollection")]
    texts = {"sequence": [text for _, text in messages], "label": [label for label, _ in messages]}
    power = [line.decode().split() for line in _lines("ts_ItalyPowerDemand/ItalyPowerDemand_TRAIN.tsv")]
    series = [(values[0], values[1:]) for values in power]
    vowels = _ts("ts_JapaneseVowels/JapaneseVowels_TRAIN.ts").decode().splitlines()[-2:]
    letters = [line.strip() for line in _lines("dna_cnnprom_bacteria/Ecoli_non_prom.fa") if not line.startswith(b">")]
    rows = zip(texts["sequence"], texts["label"], strict=True)
    return {
        "sms_csv": _csv(["sequence", "label"], rows),
        "sms_jsonl": "".join(
            json.dumps({"sequence": text.split(), "label": label}) + "\n" for label, text in messages
        ).encode(),
        "sms_parquet": parquet_of(texts),
        "sms_gz": gzip.compress(b"".join(_lines("text_sms_spam/SMSSpamCollection")), mtime=0),
        "power_arff": _arff(series),
        "power_wide": _csv(
            ["label", *(f"v{at}" for at in range(1, 25))], ([label, *values] for label, values in series)
        ),
        "power_long": _csv(
            ["id", "time", "channel", "value", "label"],
            (
                [row, at, "mw", value, label]
                for row, (label, values) in enumerate(series)
                for at, value in enumerate(values)
            ),
        ),
        "power_parquet": parquet_of(
            {
                "sequence": [[float(value) for value in values] for _, values in series],
                "label": [label for label, _ in series],
            }
        ),
        "vowels_csv": _csv(["sequence", "label"], (_nested(line) for line in vowels)),
        "bacteria_fastq": b"".join(
            b"@r%d\n%s\n+\n%s\n" % (number, line, b"I" * len(line)) for number, line in enumerate(letters)
        ),
    }


def _csv(names: list[str], rows: Iterable[Iterable[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return out.getvalue().encode()


def _arff(series: list[tuple[str, list[str]]]) -> bytes:
    head = ["@relation power", *(f"@attribute t{at} numeric" for at in range(len(series[0][1])))]
    head += ["@attribute target {1,2}", "@data"]
    return "\n".join([*head, *(",".join([*values, label]) for label, values in series), ""]).encode()


def _nested(line: str) -> tuple[str, str]:
    """A line of a .ts file -> JSON lists, one a channel, and the class."""
    *channels, label = line.split(":")
    return json.dumps([[float(value) for value in channel.split(",")] for channel in channels]), label
