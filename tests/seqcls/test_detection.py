"""seqcls.detection: what `init --from` finds in files of each common shape, and what it asks where it cannot know."""

from __future__ import annotations

import gzip
import io
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqcls.cli import main
from seqcls.config import parse_pipeline
from seqcls.detection import Found, detect
from seqcls.detection.writing import write
from seqcls.errors import DataRefused
from seqcls.stages import VALIDATE, run_until
from seqcls.store.artefacts import read_manifest
from seqcls.workspace import open_workspace

WORDS = ("the parcel came late and was open", "my card was charged two times", "how do I change my address")
TEAMS = ("delivery", "billing", "account")


def table(delimiter: str, *, encoding: str = "utf-8", start: str = "Nr,Nachricht,Abteilung") -> bytes:
    rows = [f"{n}{delimiter}{WORDS[n % 3]} für {n}{delimiter}{TEAMS[n % 3]}" for n in range(60)]
    return "\n".join([start.replace(",", delimiter), *rows, ""]).encode(encoding)


def points(n: int) -> list[float]:
    return [round((n % 2) * step + n / 100, 3) for step in range(8)]


def ucr(sign: str = ".", delimiter: str = "\t") -> bytes:
    return "".join(
        delimiter.join([str(n % 2 + 1), *(f"{x:.2f}".replace(".", sign) for x in points(n))]) + "\n" for n in range(30)
    ).encode()


def wide(titles: str = "label,v0,v1,v2,v3,v4,v5,v6,v7") -> bytes:
    return "\n".join([titles, *(",".join(["ab"[n % 2], *map(str, points(n))]) for n in range(30)), ""]).encode()


def long() -> bytes:
    rows = [f"s{n},{step},{lead},{x},{'ab'[n % 2]}" for n in range(12) for lead in "xy" for step, x in
            enumerate(points(n))]  # fmt: skip
    return "\n".join(["rec,t,lead,mv,rhythm", *rows, ""]).encode()


def fasta(header: str, letters: str = "ACGTTGCA") -> bytes:
    made = (letters[n % 8 :] + letters * 4 + letters[: n % 5] + letters[n // 8] for n in range(40))
    return "".join(f">{header.format(n=n, c='pq'[n % 2])}\n{text}\n" for n, text in enumerate(made)).encode()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def arrow(columns: dict[str, list[str]]) -> bytes:
    table, file = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


SHAPES: dict[str, tuple[dict[str, bytes], str, dict[str, object]]] = {
    "comma": ({"d.csv": table(",")}, "text",
              {"format": "csv", "sequence": "Nachricht", "label": "Abteilung", "id": "Nr"}),
    "semicolon in cp1252": ({"d.csv": table(";", encoding="cp1252")}, "text",
                            {"delimiter": ";", "encoding": "cp1252", "label": "Abteilung"}),
    "tab in utf-16": ({"d.txt": table("\t", encoding="utf-16")}, "text", {"format": "tsv", "encoding": "utf-16"}),
    "gzip": ({"d.csv.gz": gzip.compress(table(","))}, "text", {"format": "csv", "sequence": "Nachricht"}),
    "no header": ({"d.csv": table(",").split(b"\n", 1)[1]}, "text",
                  {"header": False, "sequence": "1", "label": "2"}),
    "no header, wide": ({"d.csv": "".join(
        f"{','.join(map(str, points(n)))},{'ab'[n % 2]}\n" for n in range(30)).encode()}, "series",
        {"format": "wide", "header": False, "values": "0:8", "label": "8"}),
    "sep=": ({"d.csv": b"sep=;\n" + table(";")}, "text", {"skip_lines": 1, "delimiter": ";", "sequence": "Nachricht"}),
    "long with times": ({"d.csv": b"run,timestamp,acc,state\n" + "".join(
        f"r{n},2031-05-06T00:00:{step:02}Z,{x},{'ab'[n % 2]}\n" for n in range(12) for step, x in enumerate(points(n))
    ).encode()}, "series", {"format": "long", "position": "timestamp", "id": "run", "label": "state"}),
    "German dates": ({"d.csv": b"text;created;team\n" + "".join(
        f"{WORDS[n % 3]} {n};{n % 28 + 1:02}.03.2031 08:{n:02};{TEAMS[n % 3]}\n" for n in range(60)).encode()}, "text",
        {"time": "created", "time_format": "%d.%m.%Y %H:%M"}),
    "recordings": ({f"{TEAMS[n % 3]}/{n}.csv": b"time,x,y\n" + "".join(
        f"{step},{x},{x + n}\n" for step, x in enumerate(points(n))).encode() for n in range(30)}, "series",
        {"format": "recording", "label_from": "folder"}),
    "key=value folders": ({f"team={TEAMS[n % 3]}/{n}.csv": f"nr,text\n{n},{WORDS[n % 3]}\n9{n},and {n}\n".encode()
                           for n in range(30)}, "text", {"format": "csv", "label": "team"}),
    "npz": ({"d.npz": npz(X=np.array([points(n) for n in range(30)]), y=np.array([n % 2 for n in range(30)]))},
            "series", {"format": "numpy", "sequence": "X", "label": "y"}),
    "arrow": ({"d.arrow": arrow({"text": [f"{WORDS[n % 3]} {n}" for n in range(30)],
                                 "label": [TEAMS[n % 3] for n in range(30)]})}, "text", {"format": "arrow"}),
    "label studio": ({"d.json": json.dumps([
        {"data": {"body": f"{WORDS[n % 3]} {n}", "from": "x"},
         "annotations": [{"result": [{"value": {"choices": [TEAMS[n % 3]]}}]}]} for n in range(30)]).encode()}, "text",
        {"format": "label-studio", "sequence": "body"}),
    "doccano": ({"d.jsonl": lines(*({"id": n, "text": f"{WORDS[n % 3]} {n}", "label": [TEAMS[n % 3]]}
                                    for n in range(30)))}, "text", {"sequence": "text", "label": "label[0]"}),
    "spacy": ({"d.jsonl": lines(*({"text": f"{WORDS[n % 3]} {n}", "cats": {t: float(t == TEAMS[n % 3]) for t in TEAMS}}
                                  for n in range(30)))}, "text", {"format": "prodigy"}),
    "nested json": ({"d.jsonl": lines(*({"data": {"text": f"{WORDS[n % 3]} {n}"}, "answer": {"team": TEAMS[n % 3]}}
                                        for n in range(30)))}, "text",
                    {"sequence": "data.text", "label": "answer.team"}),
    "pretty json": ({"d.json": "\n".join(json.dumps({"text": f"{WORDS[n % 3]} {n}", "team": TEAMS[n % 3]}, indent=2)
                                         for n in range(30)).encode()}, "text", {"format": "jsonl", "label": "team"}),

    "splits by name": ({"my_train.csv": table(","), "my_test.csv": table(",").replace(b"\n", b"\n9")[:-1]}, "text",
                       {"train": ["my_train.csv"], "test": ["my_test.csv"]}),
    "json lines": ({"d.jsonl": lines(*({"body": WORDS[n % 3], "team": TEAMS[n % 3], "uid": n} for n in range(30)))},
                   "text", {"format": "jsonl", "sequence": "body", "label": "team"}),
    "tokens": ({"d.jsonl": lines(*({"clicks": ["in", f"page{n % 3}", "out"], "target": "ab"[n % 2]}
                                   for n in range(30)))},
               "tokens", {"sequence": "clicks", "label": "target"}),
    "series in json": ({"d.jsonl": lines(*({"x": points(n), "y": points(n), "class": n % 2} for n in range(30)))},
                       "series", {"channels": ["x", "y"], "label": "class"}),
    "series in a cell": ({"d.csv": b"k;curve\n" + b"".join(
        f"{'ab'[n % 2]};{' '.join(f'{x:.2f}'.replace('.', ',') for x in points(n))}\n".encode() for n in range(30))},
        "series", {"delimiter": ";", "decimal": ",", "sequence": "curve", "label": "k"}),
    "ucr": ({"D_TRAIN.tsv": ucr()}, "series", {"format": "ucr"}),
    "ucr with decimal comma": ({"D.tsv": ucr(",")}, "series", {"format": "ucr", "decimal": ","}),
    "ucr with blanks": ({"D.txt": ucr(delimiter="  ")}, "series", {"format": "ucr", "delimiter": " "}),
    "wide": ({"d.csv": wide()}, "series", {"format": "wide", "values": ["v*"], "label": "label"}),
    "wide with numbers as titles": ({"d.csv": wide("label,-0.2,-0.1,0.0,0.1,0.2,0.3,0.4,0.5")}, "series",
                                    {"format": "wide", "label": "label"}),
    "long": ({"d.csv": long()}, "series", {"format": "long", "id": "rec", "position": "t", "channel": "lead",
                                           "value": "mv", "label": "rhythm"}),
    "fasta with a key": ({"d.fa": fasta("r{n} class={c}")}, "dna",
                         {"label_pattern": "class[=:](?P<label>[^ |;,\\t]+)"}),
    "fasta with bars": ({"d.fa": fasta("r{n}|{c}")}, "dna", {"label_pattern": r"\|(?P<label>[^| ]+)$"}),
    "a class a file": ({"amp_train.fa": fasta("a{n}", "MKVLAWGR"), "decoy_train.fa": fasta("d{n}", "WLPSTEDH")},
                       "protein", {"labels": {"amp_train.fa": "amp", "decoy_train.fa": "decoy"}}),
    "fasttext": ({"d.txt": "".join(f"__label__{TEAMS[n % 3]} {WORDS[n % 3]}\n" for n in range(30)).encode()}, "text",
                 {"format": "fasttext"}),
    "first word": ({"d.label": "".join(f"{TEAMS[n % 3]}:x {WORDS[n % 3]} {'ha ' * (n % 4)}\n"
                                       for n in range(30)).encode()}, "text", {"label_from": "pattern"}),
    "folders": ({f"{TEAMS[n % 3]}/{n}.txt": f"{WORDS[n % 3]}, number {n}".encode() for n in range(30)}, "text",
                {"format": "folder"}),
    "texts and classes": ({
        f"{split}_{part}.txt": "".join(f"{(WORDS if part == 'text' else TEAMS)[n % 3]}\n" for n in range(30)).encode()
        for split in ("train", "test") for part in ("text", "labels")}, "text",
        {"train": ["train_text.txt"], "label_files": ["train_labels.txt", "test_labels.txt"]}),
    "arff": ({"d.arff": b"@relation r\n" + b"".join(b"@attribute v%d numeric\n" % n for n in range(8))
              + b"@attribute kind {a,b}\n@data\n"
              + "".join(f"{','.join(map(str, points(n)))},{'ab'[n % 2]}\n" for n in range(30)).encode()},
             "series", {"format": "arff"}),
}  # fmt: skip


def laid_out(folder: Path, files: dict[str, bytes]) -> str:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return str(folder / next(iter(files))) if len(files) == 1 else str(folder)


def checked_rows(file: Path) -> int:
    """Rows that pass everything that `check` asks of them."""
    with open_workspace(file) as workspace:
        return int(read_manifest(run_until(workspace, VALIDATE)[-1].ref)["meta"]["accepted"])


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_found_and_passes(shape: str, tmp_path: Path) -> None:
    files, kind, wanted = SHAPES[shape]
    data = tmp_path / "data"
    data.mkdir()
    place, file = laid_out(data, files), data / "my.toml"
    found = detect(place, data)
    file.write_text(write(found, place, file), "utf-8")
    assert found.questions == []
    assert (found.kind, {key: found.settings.get(key) for key in wanted}) == (kind, wanted)
    assert checked_rows(file) >= 12


def asked(data: bytes, tmp_path: Path, name: str = "d.csv") -> Found:
    (tmp_path / name).write_bytes(data)
    return detect(str(tmp_path / name), tmp_path)


def test_a_table_without_a_class_says_so_in_the_file_and_in_the_last_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.csv").write_text("id,text\n" + "".join(f"{n},{WORDS[n % 3]} {n}\n" for n in range(30)), "utf-8")
    assert main(["init", "--from", str(tmp_path / "d.csv"), str(tmp_path / "my.toml")]) == 0
    said = capsys.readouterr().out
    assert "to fill in: label: no column has few values that repeat; the columns are 'id', 'text'" in said
    assert "Next: fill in what is missing in" in said
    text = (tmp_path / "my.toml").read_text("utf-8")
    assert "FILL IN: no column has few values that repeat" in text
    assert parse_pipeline(tomllib.loads(text), "my.toml").source.sequence == "text"


@pytest.mark.slow
@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_array_is_found_and_passes(
    indent: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"nr": n, "message": f"{WORDS[n % 3]} for {n}", "team": TEAMS[n % 3]} for n in range(60)]
    (tmp_path / "mails.json").write_text(json.dumps(rows, indent=indent))
    config = tmp_path / "my.toml"
    assert main(["init", "--from", str(tmp_path / "mails.json"), str(config)]) == 0
    assert main(["check", str(config)]) == 0
    assert "60 rows = 60 accepted + 0 rejected" in capsys.readouterr().out


@pytest.mark.parametrize("printed", ["array([1., 2., 3.])", "{'a': 1}"])
def test_what_a_program_printed_is_no_text(printed: str, tmp_path: Path) -> None:
    rows = "".join(f'"{printed}",{"ab"[n % 2]}\n' for n in range(20))
    assert "what a program printed" in asked(f"sequence,label\n{rows}".encode(), tmp_path).questions[0]


def test_short_names_that_repeat_are_no_text(tmp_path: Path) -> None:
    rows = "".join(f"s{n // 10},2024-03-31 01:{n:02},{'ab'[n // 30]}\n" for n in range(60))
    found = asked(f"session,when,activity\n{rows}".encode(), tmp_path)
    assert found.questions[0].startswith("sequence: no column holds texts")


@pytest.mark.parametrize(
    ("data", "found", "step"),
    [
        (b"\x93NUMPY\x01\x00v\x00", "not readable as NumPy", "save it again"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file", "Parquet"),
        (b"\n \n", "only blank lines", "another file"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way(data: bytes, found: str, step: str, tmp_path: Path) -> None:
    with pytest.raises(DataRefused) as caught:
        asked(data, tmp_path, "d.json")
    assert found in str(caught.value)
    assert step in str(caught.value)


def test_parquet_gives_its_columns(tmp_path: Path) -> None:
    rows = {"curve": [points(n) for n in range(30)], "state": ["ab"[n % 2] for n in range(30)]}
    pq.write_table(pa.table(rows), tmp_path / "d.parquet")
    found = detect(str(tmp_path / "d.parquet"), tmp_path)
    assert (found.kind, found.settings["sequence"], found.settings["label"]) == ("series", "curve", "state")


def test_only_the_beginning_of_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without an end is looked at as quickly as any other."""
    large = tmp_path / "d.csv"
    large.write_bytes(b"text,label\n" + b"".join(b"%s,%s\n" % (WORDS[n % 3].encode(), b"ab"[n % 2 : n % 2 + 1])
                                                 for n in range(200)))  # fmt: skip
    with large.open("r+b") as file:
        file.truncate(10**12)
    monkeypatch.setattr("seqcls.detection.heads.MOST_BYTES", 4000)
    read: Callable[[Path], object] = lambda path: detect(str(path), tmp_path)  # noqa: E731
    assert isinstance(read(large), Found)


def test_a_place_without_files_is_named_as_it_was_written(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"--from .*nothing: no file matches .* from the folder that you are in"):
        detect(str(tmp_path / "nothing"), tmp_path)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_parts_of_one_class_each_are_looked_at_together(ending: str, tmp_path: Path) -> None:
    for part, team in enumerate(TEAMS):
        rows = [{"note": f"{WORDS[part]} and more of it, number {n}", "team": team} for n in range(20)]
        path = tmp_path / f"part-{part}.{ending}"
        if ending == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        elif ending == "jsonl":
            path.write_bytes(lines(*rows))
        else:
            path.write_text("note,team\n" + "".join(f'"{row["note"]}",{row["team"]}\n' for row in rows), "utf-8")
    found = detect(str(tmp_path / f"*.{ending}"), tmp_path)
    assert (found.settings["sequence"], found.settings["label"], found.questions) == ("note", "team", [])
