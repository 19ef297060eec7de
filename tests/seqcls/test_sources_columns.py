"""JSON lines, Parquet and SQL: typed values become the same table, and wrong types are named."""

from __future__ import annotations

import datetime
import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from seqcls.config.source import SourceConfig
from seqcls.errors import ConfigRefused, DataRefused, SeqclsError, WorldFailed
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from seqcls.table import Kind
from tests.seqcls.reading_files import Read, read, read_bytes

JSONL = [
    '{"sequence": "ab\\ncd", "label": "x", "extra": [1]}',
    '{"sequence": "é\\u2028", "label": 7}',
    '{"sequence": null, "label": true}',
    '{"label": "x"}',
    "",
    '["a"]',
    '{"sequence": "a", "sequence": "b", "label": "x"}',
    '{"sequence": 5, "label": "x"}',
    '{"sequence": "a", "label": [1]}',
    '{"sequence": "a"',
    '{"sequence": "\\ud800", "label": "x"}',
    '{"sequence": "a\\u0000", "label": "x"}',
    '{"sequence": "a", "label": 1.5}',
    "[" * 100_000,
    '{"sequence": "a", "label": ' + "9" * 5000 + "}",
    '{"sequence": "z", "label": 2.0}',
]


def test_jsonl_keeps_what_is_sound_and_names_what_is_not(tmp_path: Path) -> None:
    result = read_bytes(tmp_path, "\n".join(JSONL).encode(), format="jsonl", name="a.jsonl")
    assert result.rows == [("ab\ncd", "x"), ("é\u2028", "7"), (None, "true"), (None, "x"), ("z", "2")]
    reasons = {row: reason for row, _, reason in result.refused}
    assert sorted(reasons) == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert reasons[6] == "the key 'sequence' stands twice"
    assert reasons[7] == "an integer where text is expected"
    assert "column" in reasons[9]
    assert "surrogate" in reasons[10]
    assert "NUL" in reasons[11]


def test_jsonl_tokens_and_series(tmp_path: Path) -> None:
    lines = [
        '{"s": ["a", 5], "label": "x"}',
        '{"s": "a  b", "label": "x"}',
        '{"s": ["a", null], "label": "x"}',
        '{"s": [], "label": "x"}',
    ]
    tokens = read_bytes(tmp_path, "\n".join(lines).encode(), "tokens", format="jsonl", sequence="s")
    assert tokens.series == [["a", "5"], ["a", "b"], []]
    assert tokens.refused == [(3, "type", "null where a token is expected, at position 2 of 2")]
    values = [
        "[1, null, NaN]",
        "[[1, 2], [3, 4]]",
        '"1 2 ?"',
        "[1, Infinity]",
        "[true]",
        '[1, "2"]',
        "[[1], [2, 3]]",
        "5",
        "[1e999]",
        "null",
    ]
    data = "\n".join(f'{{"s": {value}, "label": "x"}}' for value in values)
    series = read_bytes(tmp_path, data.encode(), "series", format="jsonl", sequence="s")
    assert series.series == [[[1, None, None]], [[1, 2], [3, 4]], [[1, 2, None]], None]
    assert [row for row, _, _ in series.refused] == [4, 5, 6, 7, 8, 9]


def test_jsonl_one_key_a_channel(tmp_path: Path) -> None:
    data = b'{"x": [1, 2], "y": [3, 4], "label": "a"}\n{"x": [1, 2], "y": [3], "label": "a"}\n'
    data += b'{"x": null, "y": [3], "label": "a"}\n'
    result = read_bytes(tmp_path, data, "series", format="jsonl", channels=["x", "y"])
    assert result.series == [[[1, 2], [3, 4]], None]
    assert [(row, rule) for row, rule, _ in result.refused] == [(2, "channels")]


NESTED = [
    '{"data": {"text": "ab"}, "label": ["x"]}',
    '{"data": {"text": "cd"}, "label": ["x", "y"]}',
    '{"data": {"text": "ef"}, "label": []}',
    '{"data": "gh", "label": ["y"]}',
    '{"data.text": "ij", "label": ["y"]}',
    '{"data": {"text": "kl"}, "label": "y"}',
    '{"data": {}, "label": null}',
]


def test_jsonl_keys_below_keys_and_lists_of_one(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(NESTED))
    options: dict[str, Any] = {
        "format": "jsonl", "files": ["a.jsonl"], "sequence": "data.text", "label": "label[0]",
        "extra_columns": "refuse",
    }  # fmt: skip
    result = read(tmp_path, **options)
    assert result.rows == [("ab", "x"), ("ef", None), ("ij", "y"), (None, None)]
    assert result.refused == [
        (2, "type", "2 values ['x', 'y'] where a list of one value is expected"),
        (4, "type", "'gh' where an object with 'text' is expected"),
        (6, "type", "'y' where a list of one value is expected"),
    ]
    new = read(tmp_path, labelled=False, **options)
    assert [text for text, _ in new.rows] == ["ab", "cd", "ef", "ij", "kl", None]


def test_jsonl_a_path_that_no_row_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(NESTED[0])
    with pytest.raises(DataRefused, match=r"no column 'data\.title'"):
        read(tmp_path, format="jsonl", files=["a.jsonl"], sequence="data.title", label="label[0]")


def parquet(
    folder: Path, kind: Kind = "text", *, labelled: bool = True, options: dict[str, Any] | None = None, **columns: Any
) -> Read:
    pq.write_table(pa.table(columns), folder / "a.parquet")
    return read(folder, kind, labelled=labelled, format="parquet", files=["a.parquet"], **(options or {}))


def test_parquet_columns_of_many_types(tmp_path: Path) -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    result = parquet(
        tmp_path,
        sequence=pa.array(["a", "b", None], pa.large_string()).dictionary_encode(),
        label=[1.0, 2.5, None],
        when=pa.array([moment] * 3, pa.timestamp("ns")),
        who=[1, 2, 3],
        options={"time": "when", "group": "who", "time_zone": "Europe/Berlin"},
    )
    assert result.rows == [("a", "1"), (None, None)]
    assert result.table["time"][0].as_py() == datetime.datetime(2026, 1, 2, 2, 4, 5, tzinfo=datetime.UTC)
    assert result.table["group"].to_pylist() == ["1", "3"]
    assert result.refused == [(2, "type", "2.5 where a name is expected")]


@pytest.mark.slow
def test_parquet_series_and_tokens(tmp_path: Path) -> None:
    flat = parquet(
        tmp_path, "series", sequence=[[1, None, 2], None, [float("nan")], [float("inf"), 1]], label=["a"] * 4
    )
    assert flat.series == [[[1, None, 2]], None, [[None]]]
    assert flat.refused == [(4, "number", "inf is not finite (float32 ends at 3.4e38), at position 1 of 2")]
    nested = parquet(
        tmp_path, "series", sequence=[[[1, 2], [3, 4]], [[1], [2, 3]], [[1, 2], None], None], label=["a"] * 4
    )
    assert nested.series == [[[1, 2], [3, 4]], None]
    assert nested.refused[0][:2] == (2, "channels")
    assert parquet(tmp_path, "tokens", sequence=[[1, 2], [], None], label=["a"] * 3).series == [["1", "2"], [], None]
    channels = parquet(tmp_path, "series", x=[[1, 2]], y=[[3, 4]], label=["a"], options={"channels": ["x", "y"]})
    assert channels.series == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"sequence": [1, 2], "label": ["a", "b"]}, "column has type int64"),
        ({"sequence": [b"a"], "label": ["a"]}, "type binary"),
        ({"sequence": ["a"], "labels": ["a"]}, "no column 'label'; the nearest is 'labels'"),
        ({"sequence": ["a"], "label": [["a"]]}, "type list"),
    ],
)
def test_parquet_of_other_types_is_refused_before_reading(tmp_path: Path, columns: Any, message: str) -> None:
    with pytest.raises(DataRefused, match=message):
        parquet(tmp_path, **columns)


def test_drift_between_parquet_files_is_refused_with_the_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"sequence": ["a"], "label": ["x"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"sequence": [1.5], "label": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(DataRefused, match=r"b.parquet:sequence: the column has type double"):
        read(tmp_path, format="parquet", files=["*.parquet"])


@pytest.mark.slow
@pytest.mark.parametrize("rows", [4000, 400])
def test_a_parquet_bomb_is_refused_in_little_memory(tmp_path: Path, rows: int) -> None:
    table = pa.table(
        {
            "sequence": pa.array(["A" * 1_000_000]).take(pa.array([0] * rows))
            if rows < 1000
            else pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["A" * 1_000_000]),
            "label": ["x"] * rows,
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 2_000_000
    before = pa.total_allocated_bytes()
    with pytest.raises(DataRefused, match="after unpacking"):
        read(tmp_path, format="parquet", files=["a.parquet"], max_file_bytes=100_000_000)
    assert pa.total_allocated_bytes() - before < 10_000_000


def make_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute('create table reviews (id integer, body text, stars integer, "when" text)')
        rows = [(3, "good: yes", 5, "2026-01-02T00:00:00Z"), (1, "bad", 1, None), (2, None, 5, "yesterday")]
        connection.executemany("insert into reviews values (?, ?, ?, ?)", rows)
    connection.close()


SQL = {"format": "sql", "url_env": "REVIEWS_URL", "sequence": "body", "label": "stars", "id": "id", "time": "when"}


def read_query(**options: Any) -> tuple[str, Read]:
    source = SourceConfig(**(SQL | options))
    (file,) = find_files(source, Path("."))
    batches = list(read_file(file, source, "text", labelled=True, folder=Path(".")))
    return file.name, Read(
        pa.concat_tables([b.table for b in batches]),
        pa.concat_tables([b.rejects for b in batches]),
        sum(b.rows_in for b in batches),
    )


@pytest.fixture
def sqlite_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_sqlite(tmp_path / "a.db")
    monkeypatch.setenv("REVIEWS_URL", f"sqlite:///{tmp_path / 'a.db'}")
    return tmp_path / "a.db"


def check_reviews(name: str, result: Read, expected_name: str) -> None:
    assert name == expected_name
    assert result.rows == [("bad", "1"), ("good: yes", "5")]
    assert result.table["id"].to_pylist() == ["1", "3"]
    assert [(row, rule) for row, rule, _ in result.refused] == [(2, "time")]


def test_a_table_of_sqlite(sqlite_url: Path) -> None:
    check_reviews(*read_query(table="reviews"), expected_name="sql:reviews")


def test_a_query_with_colons(sqlite_url: Path) -> None:
    _, result = read_query(query="select id, body, stars, \"when\" from reviews where body like '%: yes' order by id")
    assert result.rows == [("good: yes", "5")]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"table": "reviews; drop table reviews"}, ConfigRefused, "letters, digits and underscores"),
        ({"query": "delete from reviews"}, ConfigRefused, "not a single SELECT"),
        ({"query": "select 1; drop table reviews"}, ConfigRefused, "not a single SELECT"),
        ({"query": "with x as (select 1) delete from reviews"}, DataRefused, "readonly"),
        ({"query": "select no_such from reviews"}, DataRefused, "no such column"),
        ({"table": "review"}, DataRefused, "one of reviews"),
        ({"table": "reviews", "label": "star"}, DataRefused, "the nearest is 'stars'"),
        ({"table": "reviews", "url_env": "NOT_SET_ANYWHERE"}, ConfigRefused, "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_sql_that_is_refused(sqlite_url: Path, options: dict[str, Any], error: type[SeqclsError], message: str) -> None:
    with pytest.raises(error, match=message):
        read_query(**options)
    with sqlite3.connect(sqlite_url) as connection:
        assert connection.execute("select count(*) from reviews").fetchone() == (3,)
    connection.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@h/d",
        "postgresql+psycopg://u:hunter2@127.0.0.1:1/d",
        "sqlite:////nowhere/hunter2.db",
        "hunter2",
    ],
)
def test_no_message_holds_the_url(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWS_URL", url)
    with pytest.raises((ConfigRefused, DataRefused, WorldFailed)) as caught:
        read_query(table="reviews")
    assert "hunter2" not in str(caught.value)
    assert "REVIEWS_URL" in str(caught.value)


def test_rows_that_changed_since_they_were_found_are_refused(sqlite_url: Path) -> None:
    source = SourceConfig(**SQL, table="reviews")
    (file,) = find_files(source, Path("."))
    assert find_files(source, Path(".")) == [file]
    with sqlite3.connect(sqlite_url) as connection:
        connection.execute("update reviews set body = 'worse' where id = 1")
    connection.close()
    with pytest.raises(DataRefused, match="changed while being read"):
        list(read_file(file, source, "text", labelled=True, folder=Path(".")))


@pytest.fixture
def postgres(postgres_url: str) -> str:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            'create schema shop; create table shop.reviews (id int, body text, stars int, "when" text, wave float8[]);'
            "insert into shop.reviews values (3, 'good: yes', 5, '2026-01-02T00:00:00Z', '{1,2}'),"
            " (1, 'bad', 1, null, '{3,NaN}'),"
            " (2, null, 5, 'yesterday', '{1,Infinity}');"
        )
    engine.dispose()
    return url


@pytest.mark.slow
def test_a_table_of_postgresql(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIEWS_URL", postgres)
    check_reviews(*read_query(table="shop.reviews"), expected_name="sql:shop.reviews")
    with pytest.raises(DataRefused, match="data-modifying"):
        read_query(query="with x as (delete from shop.reviews returning *) select * from x")
    with pytest.raises(DataRefused, match="read-only transaction"):
        read_query(query="select lo_create(0)")
    with pytest.raises(DataRefused, match="refuses the query"):
        read_query(query="select no_such from shop.reviews")
    source = SourceConfig(**(SQL | {"table": "shop.reviews", "sequence": "wave", "time": None}))
    (batch,) = read_file(find_files(source, Path("."))[0], source, "series", labelled=True, folder=Path("."))
    assert batch.table["sequence"].to_pylist() == [[[3, None]], [[1, 2]]]
    assert batch.rejects["id"].to_pylist() == ["2"]


@pytest.mark.slow
def test_json_of_the_real_world_survives(tmp_path: Path) -> None:
    rows = [{"sequence": f"text {n} “quoted” 😀", "label": "ab"[n % 2]} for n in range(500)]
    data = "\n".join(json.dumps(row, ensure_ascii=n % 2 == 0) for n, row in enumerate(rows))
    assert read_bytes(tmp_path, data.encode(), format="jsonl").rows == [(row["sequence"], row["label"]) for row in rows]
