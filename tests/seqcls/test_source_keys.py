"""A key of [source] that the format does not use is a fault, as an unknown key is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from seqcls.config.loading import parse_pipeline
from seqcls.config.source import SERIES_ONLY, Format, SourceConfig
from seqcls.config.source_keys import USED
from seqcls.errors import ConfigRefused
from tests.seqcls.reading_files import read_bytes

SET: dict[str, Any] = {
    "sequence": "x", "label": "y", "id": "i", "time": "t", "time_zone": "Europe/Berlin", "group": "g",
    "encoding": "cp1252", "delimiter": ";", "quoting": True, "header": False, "columns": ["a", "b"], "strip": True,
    "pattern": "(?P<sequence>.*)", "label_from": "file", "labels": {"*": "a"}, "label_files": ["l.txt"],
    "label_pattern": "(?P<label>.*)", "decimal": ",", "missing": ["NA"], "values": ["v"], "channel": "c",
    "channels": ["a"], "value": "v", "position": "p", "url_env": "URL", "table": "t", "query": "SELECT 1",
    "extra_columns": "refuse", "checksums": True, "max_row_bytes": 9, "max_file_bytes": 9, "files": ["f"],
    "quote": "'", "escape": "^", "skip_lines": 1, "max_quoted_lines": 9, "time_format": "unix",
    "split": "s", "channel_files": ["a", "b"], "label_table": {"file": "l.csv", "id": "i", "label": "c"},
    "classes": {"1": "a"}, "train": ["f"], "valid": ["f"], "test": ["f"],
}  # fmt: skip
"""A value that is not the default, for each key."""
FILES = {"files", "train", "valid", "test"}


def parse(kind: str, source: dict[str, Any], **more: Any) -> Any:
    return parse_pipeline({"name": "a", "kind": kind, "source": source, "model": {"family": "cnn"}, **more}, "a.toml")


def test_every_format_and_every_key_is_known() -> None:
    assert USED.keys() == set(get_args(Format))
    assert set().union(*USED.values()) == SourceConfig.model_fields.keys() == SET.keys() | {"format"}


@pytest.mark.parametrize("form", get_args(Format))
def test_a_key_without_use_is_named_and_one_with_use_is_not(form: Format) -> None:
    kind = {"fasta": "dna", "fastq": "dna"}.get(form, "series" if form in SERIES_ONLY else "text")
    base: dict[str, Any] = {"format": form}
    base |= {"url_env": "URL", "table": "t"} if form == "sql" else {"files": ["f"]}
    base |= {"values": ["v*"]} if form == "wide" else {}
    for name in SET.keys() - FILES - {"table", "query", "url_env", "format"}:
        needed = {"columns": ["a", "b"]} if name == "header" and "columns" in USED[form] else {}
        try:
            parse(kind, {**base, name: SET[name], **needed})
            message = ""
        except ConfigRefused as error:
            message = str(error)
        assert (f"source.{name}: format {form!r} does not use it" in message) == (name not in USED[form]), name


def test_the_remedy_for_fasta_is_said_and_works(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match=r"source.label_pattern with a group \(\?P<group>...\) takes it"):
        parse("protein", {"format": "fasta", "files": ["a.fa"], "group": "cluster"})
    pattern = r"^(?P<id>\w+)\|(?P<group>\w+)\|(?P<label>\w+)"
    parsed = parse("protein", {"format": "fasta", "files": ["a.fa"], "label_pattern": pattern})
    assert "groups" in parsed.apart, "the splits keep them apart"
    data = b">p1|famA|amp more\nKLL\n>p2|famA|other\nKWW\n>no pattern\nKKK\n"
    result = read_bytes(tmp_path, data, "protein", format="fasta", name="a.fa", label_pattern=pattern)
    assert result.table.select(["id", "group", "label"]).to_pylist() == [
        {"id": "p1", "group": "famA", "label": "amp"},
        {"id": "p2", "group": "famA", "label": "other"},
        {"id": "no", "group": None, "label": None},
    ]


def test_new_data_that_is_written_differently_needs_no_files_of_its_own() -> None:
    parsed = parse(
        "text", {"format": "csv", "files": ["a.csv"]}, score={"files": ["new/*.jsonl"], "source": {"format": "jsonl"}}
    )
    assert parsed.score_source.format == "jsonl"
    with pytest.raises(ConfigRefused, match=r"score.source.strip: format 'jsonl' does not use it; remove it"):
        parse("text", {"format": "csv", "files": ["a"]}, score={"source": {"format": "jsonl", "strip": True}})
