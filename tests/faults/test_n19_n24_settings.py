"""N19, N24: columns that stand twice where no header says so, and settings that once ended in a traceback."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.cli import main
from seqcls.config import load_pipeline
from seqcls.config.loading import parse_pipeline
from seqcls.config.pipeline import AnyPipeline
from seqcls.config.source import SourceConfig
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from tests.faults.travel import refusal

CONFIG: dict[str, Any] = {
    "name": "p", "kind": "text", "source": {"format": "csv", "files": ["data.csv"]}, "model": {"family": "cnn"},
}  # fmt: skip
START = 'name = "p"\nkind = "text"\n[source]\nformat = "csv"\nfiles = ["data.csv"]\n'


@pytest.mark.fault("N19", tried="an SQL query with two columns of one name", outcome="refused, as in csv")
@pytest.mark.parametrize("query", ["select id, sequence, label, number as id from rows", "select *, label from rows"])
def test_a_query_that_names_a_column_twice_is_refused(
    query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("create table rows (id text, sequence text, label text, number int)")
        connection.executemany("insert into rows values (?, ?, ?, ?)", [("a", "x y", "l", 1), ("b", "y x", "m", 2)])
    monkeypatch.setenv("DATA_URL", f"sqlite:///{tmp_path / 'a.db'}")
    source = SourceConfig(format="sql", url_env="DATA_URL", query=query, id="id")
    (file,) = find_files(source, tmp_path)
    with pytest.raises(DataRefused, match=r"'(id|label)' occurs twice among the columns.*with AS"):
        list(read_file(file, source, "text", labelled=True, folder=tmp_path))


@pytest.mark.fault("N19", tried="Parquet with two columns of one name", outcome="refused, as in csv")
def test_a_parquet_file_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    columns = [pa.array(["one", "two"]), pa.array(["a", "b"]), pa.array(["three", "four"])]
    pq.write_table(pa.Table.from_arrays(columns, names=["sequence", "label", "sequence"]), tmp_path / "b.parquet")
    error = refusal(tmp_path, (tmp_path / "b.parquet").read_bytes(), name="data.parquet", format="parquet")
    assert "'sequence'" in error.found
    assert "twice" in error.found


@pytest.mark.fault(
    "N24", tried='encoding = "idna", "punycode", "undefined", "zlib"', outcome="refused: no text encoding"
)
@pytest.mark.parametrize("name", ["idna", "punycode", "undefined", "zlib", "rot13", "base64"])
def test_an_encoding_that_reads_no_files_is_refused(name: str) -> None:
    with pytest.raises(ConfigRefused, match=f"source.encoding: unknown text encoding '{name}'"):
        parse_pipeline({**CONFIG, "source": {**CONFIG["source"], "encoding": name}}, "p.toml")


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "shift_jis"])
def test_encodings_of_files_are_known(name: str) -> None:
    parse_pipeline({**CONFIG, "source": {**CONFIG["source"], "encoding": name}}, "p.toml")


def whole_numbers(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every place of a JSON schema where a whole number may stand."""
    if schema.get("type") == "integer":
        yield schema
    for value in schema.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from whole_numbers(part)


@pytest.mark.fault("N24", tried="whole numbers of 2^63 in every setting", outcome="every setting has a bound")
@pytest.mark.parametrize("pipeline", get_args(get_args(AnyPipeline)[0]), ids=lambda one: one.__name__)
def test_every_whole_number_of_the_config_has_a_bound(pipeline: Any) -> None:
    found = list(whole_numbers(pipeline.model_json_schema()))
    assert len(found) > 30
    assert [place for place in found if not {"maximum", "exclusiveMaximum"} & set(place)] == []
    assert max(place.get("maximum", place.get("exclusiveMaximum")) for place in found) <= 2**60


@pytest.mark.fault("N24", tried="chunk_rows = 2^63, a floor of 10^400", outcome="one message with the places")
def test_numbers_that_no_machine_holds_are_one_message() -> None:
    floors = [{"metric": "accuracy", "at_least": 10**400}]
    wrong = {"score": {"chunk_rows": 2**63}, "train": {"threads": 2**63}, "promote": {"floors": floors}}
    with pytest.raises(ConfigRefused) as caught:
        parse_pipeline({**CONFIG, **wrong}, "p.toml")
    assert caught.value.found.startswith("3 faults")
    for place in ("score.chunk_rows", "train.threads", "promote.floors[0].at_least"):
        assert f"  {place}: " in caught.value.found


@pytest.mark.fault("N24", tried="a dotted key of 150,000 parts; as a header; quoted", outcome="refused before parsing")
@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "a = {{ {} = 1 }}"])
@pytest.mark.parametrize("part", ["a", '"a"', " 'b' "])
def test_a_deep_key_is_refused_before_it_is_parsed(line: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('name = "p"\n' + line.format(".".join([part] * 150_000)))
    with pytest.raises(ConfigRefused, match="line 2: a key of a hundred parts"):
        load_pipeline(path)


@pytest.mark.fault("N24", tried="60,000 unknown keys", outcome="the first fifty are listed, the rest counted")
def test_many_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text("".join(f"key{number} = 1\n" for number in range(60_000)))
    with pytest.raises(ConfigRefused) as caught:
        load_pipeline(path)
    assert len(caught.value.found.splitlines()) < 120
    assert " more" in caught.value.found


@pytest.mark.fault("N24", tried="the installed command with such a setting", outcome="one message, exit code 2")
def test_the_installed_command_tells_it_in_one_message(tmp_path: Path) -> None:
    wrong = 'encoding = "idna"\n[model]\nfamily = "cnn"\n[score]\nchunk_rows = 9223372036854775808\n'
    (tmp_path / "p.toml").write_text(START + wrong)
    done = subprocess.run([Path(sys.executable).with_name("seqcls"), "check", tmp_path / "p.toml"],
                          env=dict(os.environ), capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert "source.encoding" in done.stderr
    assert "score.chunk_rows" in done.stderr


@pytest.mark.fault("N24", tried="layers of 2^31 units", outcome="one message")
def test_a_network_that_no_memory_holds_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"word{n} other,{'ab'[n % 2]}\n" for n in range(40))
    (tmp_path / "data.csv").write_text("sequence,label\n" + rows)
    huge = '[model]\nfamily = "cnn"\nembedding = 2147483647\nfilters = [2147483647]\n'
    (tmp_path / "p.toml").write_text(START + huge)
    assert main(["check", str(tmp_path / "p.toml")]) in (2, 5)
    assert "Next: " in capsys.readouterr().err
