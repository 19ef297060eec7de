"""A pipeline file is read once; every fault comes with its place, what is allowed and the nearest name."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from seqcls.config import load_pipeline, parse_pipeline
from seqcls.config.source import FORMATS_FOR_SERIES
from seqcls.errors import ConfigRefused

GOOD = """
name = "ecg"
kind = "series"
[source]
format = "wide"
files = ["ecg/*.csv"]
label = "rhythm"
values = ["v*"]
[encode]
max_length = 500
[model]
family = "cnn"
[train]
epochs = 5
"""

# (place and new value, words that the message must contain)
MISTAKES: list[tuple[str, Any, list[str]]] = [
    ("nmae", "ecg", ["nmae: unknown key", "did you mean 'name'"]),
    ("name", "My ECG", ["name:", "'My ECG'", "Lower-case letters, digits and hyphens"]),
    ("name", 7, ["name: 7", "valid string"]),
    ("kind", "serie", ["kind: 'serie' is not known", "did you mean 'series'"]),
    ("kind", "text", ["source.format 'wide' holds series, but kind is 'text'"]),
    ("seed", "0", ["seed: '0'", "valid integer"]),
    ("seed", -1, ["seed: -1", "greater than or equal to 0"]),
    ("trian", {}, ["trian: unknown key", "did you mean 'train'"]),
    ("train.epoch", 3, ["train.epoch: unknown key", "did you mean 'epochs'"]),
    ("train.epochs", 0, ["train.epochs: 0", "greater than or equal to 1"]),
    ("train.epochs", 2.5, ["train.epochs: 2.5", "valid integer"]),
    ("train.epochs", "five", ["train.epochs: 'five'", "valid integer"]),
    ("train.learning_rate", 0, ["train.learning_rate: 0", "greater than 0"]),
    ("train.balance", "weight", ["train.balance: 'weight' is not known", "did you mean 'weights'"]),
    ("train.warmup", 1.5, ["train.warmup: 1.5", "less than or equal to 1"]),
    ("model.family", "cnnn", ["model.family: 'cnnn' is not known", "did you mean 'cnn'"]),
    ("model.filter", [32], ["model.filter: unknown key", "did you mean 'filters'"]),
    ("model.filters", [], ["model.filters: []", "at least 1 item"]),
    ("model.filters", [32, -1], ["model.filters[1]: -1", "greater than or equal to 1"]),
    ("model.width", 64, ["model.width: unknown key"]),
    ("model.pooling", "average", ["model.pooling: 'average' is not known", "last, mean, max"]),
    ("model.dropout", 1.0, ["model.dropout: 1.0", "less than 1"]),
    ("source.format", "cvs", ["source.format: 'cvs' is not known", "did you mean 'csv'"]),
    ("source.format", "fasta", ["source.format 'fasta' holds no series"]),
    ("source.files", "ecg.csv", ["source.files: 'ecg.csv'", "valid list"]),
    ("source.files", [], ["source: name either files, or train"]),
    ("source.train", ["a.csv"], ["source: name either files, or train"]),
    ("source.encoding", "utf-9", ["source.encoding: unknown text encoding 'utf-9'", "cp1252"]),
    ("source.delimiter", "||", ["source.delimiter: '||'", "at most 1 character"]),
    ("source.values", [], ["source: format wide needs values"]),
    ("encode.normalise", "zscore", ["encode.normalise: 'zscore' is not known", "series, channel, robust, none"]),
    ("encode.vocabulary", 100, ["encode.vocabulary: unknown key"]),
    ("split.method", "random", ["split.method: 'random' is not known", "hash, stratified, time"]),
    ("split.test", 0.95, ["split: valid + test leave less than 5 %"]),
    ("split.method", "time", ['split.method = "time" needs source.time']),
    ("rules.reject_budget", 5, ["rules.reject_budget: 5", "less than or equal to 1"]),
    ("rules.length", "drop", ["rules.length: 'drop' is not known", "off, warn, reject, fail"]),
    (
        "rules.custom",
        [{"name": "loud", "measure": "maximum", "polcy": "warn"}],
        ["rules.custom[0].polcy: unknown key", "did you mean 'policy'"],
    ),
    ("promote.floors", [{"metric": "f1", "at_least": 0.5}], ["promote.floors[0].metric: 'f1' is not known"]),
    ("score.chunk_rows", 0, ["score.chunk_rows: 0", "greater than or equal to 1"]),
    ("score.source", {"format": "csv", "values": ["v"]}, ["score.source.values: format 'csv' does not use it"]),
]  # fmt: skip


def with_mistake(place: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(tomllib.loads(GOOD))
    here = data
    *parents, key = place.split(".")
    for parent in parents:
        here = here.setdefault(parent, {})
    here[key] = value
    return data


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "ecg.toml").write_text(GOOD)
    loaded = load_pipeline(tmp_path / "ecg.toml")
    assert loaded.pipeline.kind == "series"
    assert loaded.pipeline.train.epochs == 5
    assert loaded.store == (tmp_path / "store").resolve()


@pytest.mark.parametrize(("place", "value", "words"), MISTAKES, ids=lambda v: str(v)[:40])
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(place: str, value: Any, words: list[str]) -> None:
    with pytest.raises(ConfigRefused) as caught:
        parse_pipeline(with_mistake(place, value), "ecg.toml")
    message = str(caught.value)
    for word in words:
        assert word in message
    assert message.startswith("ecg.toml: 1 fault\n")
    assert "`seqcls check ecg.toml`" in message


def test_all_mistakes_come_at_once() -> None:
    data = with_mistake("train.epoch", 3)
    data["model"]["filter"] = [1]
    data["rules"] = {"lenght": "warn"}
    data["seed"] = "x"
    with pytest.raises(ConfigRefused) as caught:
        parse_pipeline(data, "ecg.toml")
    message = str(caught.value)
    assert message.startswith("ecg.toml: 4 faults\n")
    for place in ("train.epoch:", "model.filter:", "rules.lenght:", "seed:"):
        assert place in message


def test_a_wrong_kind_does_not_hide_the_other_mistakes() -> None:
    data = with_mistake("kind", "serie")
    data["train"]["epoch"] = 3
    with pytest.raises(ConfigRefused, match="2 faults") as caught:
        parse_pipeline(data, "ecg.toml")
    assert "train.epoch: unknown key" in str(caught.value)


def test_nothing_in_a_config_is_executed(tmp_path: Path) -> None:
    data = with_mistake("store", "$(touch /tmp/owned)")
    assert parse_pipeline(data, "x").store == "$(touch /tmp/owned)"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name = ", ["not TOML", "end of document"]),
        (b"name = 'a'\nname = 'b'", ["not TOML", "overwrite"]),
        (b"\xff\xfe", ["byte 0 is not UTF-8"]),
        (b"", ["name: missing", "kind: missing", "source: missing"]),
        (b"# " + b"x" * 1_000_001, ["1000003 bytes", "at most"]),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, content: bytes, words: list[str]) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(ConfigRefused) as caught:
        load_pipeline(tmp_path / "x.toml")
    for word in words:
        assert word in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="seqcls init"):
        load_pipeline(tmp_path / "none.toml")


def test_all_misfits_between_sections_come_at_once() -> None:
    data = tomllib.loads(GOOD) | {"split": {"method": "time"}, "model": {"family": "gru", "pooling": "flatten"}}
    data["source"]["format"] = "fasta"
    with pytest.raises(ConfigRefused) as caught:
        parse_pipeline(data, "ecg.toml")
    assert caught.value.found.splitlines() == [
        "3 faults",
        "  model.pooling: 'flatten' is for cnn; known: last, mean, max, attention",
        "  source.format 'fasta' holds no series; use one of " + ", ".join(sorted(FORMATS_FOR_SERIES)),
        '  split.method = "time" needs source.time, the column of the time',
    ]
