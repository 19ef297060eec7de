"""One night of new unlabelled data for the three scenarios, with bad rows and awkward files planted in it.

In: a folder, a date, a number of rows, a seed. Out: files under `SCENARIO/incoming/`, the true classes in
`SCENARIO/truth-DATE.csv`, and `night-DATE.json`, which says of each file how many rows are good and which rows
must be rejected, and why. Promise: the JSON is made from the same records as the files, so that a test or a demo can
ask for exactly these numbers; every file has each fault of its scenario once.

A night of a scenario has four files: two of that date, one of the day before that arrives late, and the first of
them sent again under another name (its rows must not be scored twice).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from examples.simulate import dna, ecg, reviews

MIN_ROWS: Final = 200  # so that the rejected rows stay below a twentieth of the night
Spoil = Callable[[bytes, bytes, bytes], bytes]  # (record, its id, id of the file's first row) -> the bad record


@dataclass(frozen=True)
class PlantedRow:
    """A row that must be rejected. `row` counts from 1, the header not counted."""

    row: int
    id: str
    fault: str


@dataclass(frozen=True)
class PlantedFile:
    """`same_as` names the file whose bytes this one repeats: then none of its rows is scored again."""

    file: str
    rows_in: int
    good: int
    bad: tuple[PlantedRow, ...]
    same_as: str | None = None


@dataclass(frozen=True)
class PlantedNight:
    """The books of one scenario; files that repeat another one are listed, but not in the sums."""

    rows_in: int
    good: int
    bad: int
    files: tuple[PlantedFile, ...]


@dataclass(frozen=True)
class _Scenario:
    """How one scenario makes, writes and spoils rows."""

    generate: Callable[[int, int, str], pa.Table]
    label: str
    ending: str
    header: Callable[[pa.Table], bytes]
    records: Callable[[pa.Table], list[bytes]]
    pack: Callable[[Path, list[bytes]], None]
    faults: Mapping[str, Spoil]


def write_night(folder: Path, day: date, rows: int, seed: int) -> dict[str, PlantedNight]:
    """Write the night of all three scenarios and its JSON; `rows` is the number of rows of each scenario."""
    if rows < MIN_ROWS:
        raise ValueError(f"{rows} rows a night; expected at least {MIN_ROWS}: fewer do not hold the planted faults")
    nights = {name: _write_scenario(folder / name, name, day, rows, seed) for name in SCENARIOS}
    document = {"date": day.isoformat(), **{name: asdict(night) for name, night in nights.items()}}
    (folder / f"night-{day}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return nights


def _write_scenario(folder: Path, name: str, day: date, rows: int, seed: int) -> PlantedNight:
    scenario = SCENARIOS[name]
    incoming = folder / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    night_seed = seed * 100_000_000 + int(f"{day:%Y%m%d}")
    table = scenario.generate(rows, night_seed, f"{name[0]}{day:%Y%m%d}-")
    _write_truth(folder / f"truth-{day}.csv", table, scenario.label)
    table = table.drop_columns([scenario.label])
    cuts = {
        f"{name}-{day}-1{scenario.ending}": table.slice(0, rows // 2),
        f"{name}-{day}-2{scenario.ending}": table.slice(rows // 2, rows // 4),
        f"{name}-{day - timedelta(days=1)}-late{scenario.ending}": table.slice(rows // 2 + rows // 4),
    }
    rng = np.random.default_rng([night_seed, 4])
    planted = [_write_file(incoming / file, part, scenario, rng) for file, part in cuts.items()]
    first = planted[0]
    copy = incoming / f"{name}-{day}-resent{scenario.ending}"
    copy.write_bytes((incoming / first.file).read_bytes())
    rows_in, good = sum(file.rows_in for file in planted), sum(file.good for file in planted)
    again = PlantedFile(copy.name, first.rows_in, 0, (), same_as=first.file)
    return PlantedNight(rows_in, good, rows_in - good, (*planted, again))


def _write_file(path: Path, table: pa.Table, scenario: _Scenario, rng: np.random.Generator) -> PlantedFile:
    """Spoil one row for each fault, then write; the first row stays good, since one fault repeats its id."""
    records = scenario.records(table)
    names = [str(name) for name in table.column(0).to_pylist()]
    places = rng.choice(np.arange(1, len(records)), len(scenario.faults), replace=False).tolist()
    planted = []
    for place, (fault, spoil) in sorted(zip(places, scenario.faults.items(), strict=True)):
        records[place] = spoil(records[place], names[place].encode(), names[0].encode())
        planted.append(PlantedRow(place + 1, names[0] if fault == "repeated id" else names[place], fault))
    scenario.pack(path, [scenario.header(table), *records])
    return PlantedFile(path.name, len(records), len(records) - len(planted), tuple(planted))


def _write_truth(path: Path, table: pa.Table, label: str) -> None:
    """What the classes were, for whoever wants to know how good the scores are."""
    lines = zip(table.column(0).to_pylist(), table[label].to_pylist(), strict=True)
    path.write_text("id,label\n" + "".join(f"{name},{truth}\n" for name, truth in lines), encoding="utf-8")


def _write_bytes(path: Path, parts: list[bytes]) -> None:
    path.write_bytes(b"".join(parts))


def _repeat_id(record: bytes, own: bytes, first: bytes) -> bytes:
    return record.replace(own, first, 1)


def _cut(record: bytes, _own: bytes, _first: bytes) -> bytes:
    """The first half of the fields of a CSV line, at least one."""
    fields = record.rstrip(b"\n").split(b",")
    return b",".join(fields[: max(1, len(fields) // 2)]) + b"\n"


def _only_id(_record: bytes, own: bytes, _first: bytes) -> bytes:
    return own + b"\n"


def _time(record: bytes) -> bytes:
    return record.rsplit(b",", 1)[1]


_REVIEW_FAULTS: Final[dict[str, Spoil]] = {
    "empty text": lambda record, own, _first: own + b",," + _time(record),
    "blank text": lambda record, own, _first: own + b',"   ",' + _time(record),
    "row of one field": _only_id,
    # cp1252 in a UTF-8 file: what a spreadsheet of another country sends.
    "byte that is not UTF-8": lambda record, own, _first: own + b",A film for a caf\xe9 on a wet day.," + _time(record),
    "repeated id": _repeat_id,
}


def _replace_value(record: bytes, value: bytes) -> bytes:
    """The eleventh point of an electrocardiogram (after record and patient)."""
    fields = record.split(b",")
    return b",".join([*fields[:12], value, *fields[13:]])


def _without(record: bytes, points: int) -> bytes:
    """The first `points` values missing."""
    fields = record.rstrip(b"\n").split(b",")
    return b",".join([*fields[:2], *[b""] * points, *fields[2 + points :]]) + b"\n"


_ECG_FAULTS: Final[dict[str, Spoil]] = {
    "all values missing": lambda record, _own, _first: _without(record, ecg.POINTS),
    "most values missing": lambda record, _own, _first: _without(record, 300),
    "row cut in the middle": _cut,
    "word for a number": lambda record, _own, _first: _replace_value(record, b"lead off"),
    "byte that is not UTF-8": lambda record, own, _first: record.replace(own + b",", own + b",Andr\xe9-", 1),
    "repeated id": _repeat_id,
}


def _in_sequence(record: bytes, letters: bytes) -> bytes:
    """Letters written over the beginning of the sequence."""
    header, _, sequence = record.partition(b"\n")
    return header + b"\n" + letters + sequence[len(letters) :]


_DNA_FAULTS: Final[dict[str, Spoil]] = {
    "empty sequence": lambda _record, own, _first: b">" + own + b"\n",
    "sequence of 20 bases": lambda record, own, _first: b">" + own + b"\n" + record.partition(b"\n")[2][:20] + b"\n",
    "letters of a protein": lambda record, _own, _first: _in_sequence(record, b"MEFLPQ"),
    "letter of no alphabet": lambda record, _own, _first: _in_sequence(record, b"AC1GT"),
    "a fifth unknown": lambda record, _own, _first: _in_sequence(record, b"N" * 30),
    "repeated id": _repeat_id,
}

SCENARIOS: Final[Mapping[str, _Scenario]] = {
    "reviews": _Scenario(
        lambda rows, seed, prefix: reviews.generate(rows, seed, prefix=prefix),
        "sentiment", ".csv", reviews.header, reviews.csv_records,
        _write_bytes, _REVIEW_FAULTS,
    ),
    "ecg": _Scenario(
        lambda rows, seed, prefix: ecg.generate(rows, seed, prefix=prefix),
        "rhythm", ".csv", ecg.header, ecg.csv_records,
        _write_bytes, _ECG_FAULTS,
    ),
    "dna": _Scenario(
        lambda rows, seed, prefix: dna.generate(rows, seed, prefix=prefix),
        "label", ".fa.gz", lambda _table: b"", dna.fasta_records, dna.write_fasta, _DNA_FAULTS,
    ),
}  # fmt: skip
