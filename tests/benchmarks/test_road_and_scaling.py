"""The arithmetic of the measurements, on figures made by hand; that they run, on a handful of rows."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pyarrow.csv
import pytest

from benchmarks import auto, fast_text, limits, measured, road_speed, road_speed_step, scaling, speed
from benchmarks.measured import Row, read_rows
from benchmarks.road_data import CONFIG, write_dna


def steps(**changes: float) -> list[Row]:
    """Steps of a road that holds every target, but for what is changed."""
    rows: list[Row] = []
    for count, bases in ((100, 150), (1000, 150), (1000, road_speed.SHORT)):
        for step in road_speed.STEPS:
            rows.append({"rows": count, "bases": bases, "step": step, "seconds": 1.0, "rows_s": 1000, "peak_mib": 100})
    by_place = {(row["rows"], row["bases"], row["step"]): row for row in rows}
    by_place[1000, road_speed.SHORT, "validate"]["seconds"] = 0.001
    by_place[1000, 150, "encode"] |= {"by_pyarrow": 2.0, "lowest": 1.9, "highest": 2.1}
    for name, value in changes.items():
        step, _, figure = name.partition("__")
        by_place[1000, 150, step.replace("_", " ")][figure] = value
    return rows


def missed(rows: list[Row]) -> list[str]:
    return [str(row["target"]) for row in road_speed.targets(rows, 1000) if not row["holds"]]


def test_a_road_that_holds_every_target_misses_none() -> None:
    assert missed(steps()) == []
    found = {row["target"]: row["measured"] for row in road_speed.targets(steps(), 1000)}
    assert found["validate, s a million short rows"] == 1.0, "0.001 s for 1,000 rows"
    assert found["ingest + encode by pyarrow, s"] == 2.0


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"road__rows_s": 699}, "road by scorer, rows/s"),
        ({"scorer__rows_s": 1000, "scorer_again__rows_s": 2000, "road__rows_s": 1049}, "road by scorer, rows/s"),
        ({"encode__by_pyarrow": 2.01}, "ingest + encode by pyarrow, s"),
        ({"split__peak_mib": 160.1}, "peak of split, MiB"),
    ],
)
def test_a_target_that_is_just_missed_is_named(change: dict[str, float], target: str) -> None:
    assert missed(steps(**change)) == [target]


def test_of_laps_the_median_counts_and_each_has_its_own_ratio() -> None:
    def lap(pyarrow: float, ingest: float, encode: float) -> list[Row]:
        took = {"pyarrow": pyarrow, "ingest": ingest, "encode": encode}
        return [{"step": step, "seconds": s, "rows_s": 100 / s, "peak_mib": 10 * s} for step, s in took.items()]

    found = {row["step"]: row for row in road_speed.summary([lap(1, 1, 1), lap(4, 2, 2), lap(1, 3, 2)])}
    assert (found["ingest"]["seconds"], found["ingest"]["rows_s"], found["ingest"]["peak_mib"]) == (2, 50, 30)
    encode = found["encode"]
    assert (encode["by_pyarrow"], encode["lowest"], encode["highest"], encode["laps"]) == (2.0, 1.0, 5.0, 3)


def test_simulated_rows_are_as_many_and_as_long_as_asked_for(tmp_path: Path) -> None:
    write_dna(tmp_path / "rows.csv", 50_007, length=20)
    write_dna(tmp_path / "again.csv", 50_007, length=20)
    write_dna(tmp_path / "night.csv", 3, length=20, labelled=False, seed=1)
    table = pyarrow.csv.read_csv(tmp_path / "rows.csv")
    assert table.column_names == ["id", "sequence", "label"]
    assert len(set(table["id"].to_pylist())) == table.num_rows == 50_007
    assert set(table["label"].to_pylist()) == {"class0", "class1", "class2", "class3"}
    assert {len(sequence) for sequence in table["sequence"].to_pylist()} == {20}
    assert set("".join(table["sequence"].to_pylist()[:100])) == set("ACGT")
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert pyarrow.csv.read_csv(tmp_path / "night.csv").column_names == ["id", "sequence"]


def test_a_step_of_the_road_says_what_it_did(tmp_path: Path) -> None:
    write_dna(tmp_path / "rows.csv", 200)
    (tmp_path / "road.toml").write_text(CONFIG, "utf-8")
    assert road_speed_step.pyarrow_alone(tmp_path, 200)[0] == 200
    rows, seconds = road_speed_step.stage(tmp_path, 200, "ingest")
    assert rows == 200
    assert seconds > 0
    with pytest.raises(AssertionError, match="found in the store"):
        road_speed_step.stage(tmp_path, 200, "ingest")


def test_scaling_grows_one_axis_at_a_time_by_fours() -> None:
    assert scaling.grid("length", 3) == [{**scaling.START, "length": length} for length in (64, 256, 1024)]


def test_the_exponent_of_a_law_is_found_again() -> None:
    """Rows a second fall as the square of the length, and do not depend on the rows."""
    by_length: list[Row] = [{"rows": 8, "length": n, "train_rows_s": 1e6 / n**2} for n in (64, 256, 1024)]
    assert scaling.exponent(by_length, "length", "train") == pytest.approx(2.0)
    by_rows: list[Row] = [{"rows": n, "score_rows_s": 500.0} for n in (10, 100)]
    assert scaling.exponent(by_rows, "rows", "score") == pytest.approx(1.0)
    assert math.isnan(scaling.exponent(by_rows[:1], "rows", "score"))


def test_the_share_of_the_limit_is_the_time_at_the_limit_by_the_time_taken() -> None:
    """text: 26.2 MFLOP a row forward; at 100 GFLOP/s 3,814 rows/s are possible, so 1,907 are half."""
    row: Row = {"case": "text", "what": "score", "seqcls_rows_s": "1907", "batch": "32"}
    found = limits.share(row, flop_s=100e9, bytes_s=1e9)
    assert (found["share"], found["bound"]) == (pytest.approx(0.5, abs=0.001), "arithmetic")
    # ecg: a million parameters; 28 bytes each in 32 rows are 0.9 MB a row: at 1 GB/s no more than 1,131 rows/s
    row = {"case": "ecg", "what": "train", "seqcls_rows_s": "500", "batch": "32"}
    found = limits.share(row, flop_s=100e9, bytes_s=1e9)
    assert (found["share"], found["bound"]) == (pytest.approx(500 / 1131, abs=0.005), "memory")


def test_the_ratio_is_the_median_over_pairs_to_the_better_peer() -> None:
    rates = ((100.0, 50.0, 80.0), (30.0, 30.0, 20.0), (90.0, 10.0, 30.0))
    names = ("seqcls", "torch", "keras")
    pairs = [{name: {"train": one, "loss": 1.0} for name, one in zip(names, pair, strict=True)} for pair in rates]
    line = speed.summary("text", "train", pairs)
    assert (line["ratio"], line["lowest"], line["highest"]) == (1.25, 1.0, 3.0)
    assert (line["seqcls_rows_s"], line["torch_rows_s"], line["keras_rows_s"]) == (90, 30, 30)


def test_another_goes_first_in_each_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def run(name: str, command: list[str]) -> dict[str, float]:
        seen.append(command[0])
        return {"train": 1.0}

    monkeypatch.setattr(speed, "run", run)
    for turn in range(3):
        speed.run_pair({"seqcls": ["a"], "torch": ["b"], "keras": ["c"]}, turn)
    assert "".join(seen) == "abcbcacab"


def test_text_is_compared_pair_by_pair() -> None:
    same = {"score": 100.0, "accuracy": 0.5, "valid": 0.75}
    ours = [{"train_seconds": s, "train_cpu": s, **same} for s in (1.0, 2.0, 4.0)]
    other = {"score": 50.0, "accuracy": 0.25, "valid": 0.5, "version": "9"}
    theirs = [{"train_seconds": 4.0, "train_cpu": 1.0, **other}] * 3
    row = fast_text.summary("trec", ours, theirs)
    assert (row["train_ratio"], row["score_ratio"], row["seqcls_train_seconds"]) == (2.0, 2.0, 2.0)
    assert (row["seqcls_valid"], row["fasttext_valid"]) == (0.75, 0.5)


def test_a_new_row_takes_the_place_of_its_older_one_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file.csv"
    measured.replace(path, [{"set": "a", "seed": 0, "x": 1}, {"set": "b", "seed": 0, "x": 2}], ("set", "seed"))
    measured.replace(path, [{"set": "a", "seed": 0, "x": 3, "load": 0.5}], ("set", "seed"))
    with open(path, newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["set", "seed", "x", "load"], ["a", "0", "3", "0.5"], ["b", "0", "2", ""]]
    assert measured.number(read_rows(path)[1], "load") is None
    assert [one.name for one in path.parent.iterdir()] == ["file.csv"]


def test_rows_that_come_in_any_order_can_be_kept_in_the_order_of_their_key(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    for name in ("b", "c", "a"):
        measured.replace(path, [{"set": name}], ("set",), ordered=True)
    assert [row["set"] for row in read_rows(path)] == ["a", "b", "c"]


def test_a_run_of_auto_that_is_in_the_file_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[object, ...]] = []

    def run(*asked: object) -> Row:
        ran.append(asked)
        row = dict(zip(auto.KEY, asked, strict=True))
        return {**row, "chosen": "gru", "accuracy": 0.5, "seconds": 1.0}

    monkeypatch.setattr(auto, "run", run)
    command = ["auto", "--budget", "9s", "--only", "trec", "--threads", "1", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*command, "--seeds", "0", "1"])
    auto.main()
    monkeypatch.setattr("sys.argv", [*command, "--seeds", "0", "1", "2"])
    auto.main()
    assert ran == [("trec", seed, "9s", 1) for seed in (0, 1, 2)]
    assert len(read_rows(tmp_path / "auto.csv")) == 3


def test_auto_keeps_of_a_config_what_says_what_the_data_is() -> None:
    import tomllib

    from benchmarks.runs import CONFIGS, change

    assert {path.stem for path in CONFIGS.glob("*.toml")} >= set(auto.SETS)
    before = tomllib.loads((CONFIGS / "ecg5000.toml").read_text("utf-8"))
    after = change(before, auto.settings(2, "5m", 1))
    assert {name: after[name] for name in ("source", "split", "rules")} == {
        name: before[name] for name in ("source", "split", "rules")
    }
    assert (after["encode"], after["model"], after["seed"]) == ({}, {"family": "auto"}, 2)
    assert json.loads(json.dumps(after["train"])) == {"budget": "5m", "threads": 1}
