"""What the fuzz found stays fixed, and the fuzz itself notices what it should."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fuzz
from tests.mutations import read_mutated


def test_what_the_fuzz_found_stays_mended(tmp_path: Path) -> None:
    for path in sorted(fuzz.CRASHES.glob("*")):
        assert read_mutated(tmp_path, path.name.rpartition("-")[0], path.read_bytes()) in ("read", "refused")


def test_an_input_is_decided_by_seed_and_number(tmp_path: Path) -> None:
    first = [fuzz.try_one(tmp_path, 7, number) for number in range(40)]
    assert first == [fuzz.try_one(tmp_path, 7, number) for number in range(40)]
    assert {"read", "refused"} == set(first)


def test_a_foreign_exception_is_a_crash_and_its_input_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> str:
        raise UnicodeError("not an error of ours")

    monkeypatch.setattr(fuzz, "read_mutated", fail)
    monkeypatch.setattr(fuzz, "CRASHES", tmp_path / "crashes")
    assert fuzz.try_one(tmp_path, 1, 1) == "crashed"
    assert len(list((tmp_path / "crashes").iterdir())) == 1


def test_a_kept_crash_is_made_as_small_as_it_can_be_while_it_fails() -> None:
    tried: list[bytes] = []

    def fails(data: bytes) -> bool:
        tried.append(data)
        return b"x" in data and b"y" in data

    assert fuzz.shrink(b"aaaaaaaaxbbbbbbbbbbbbbbybbb", fails) == b"xy"
    assert len(tried) < 60


def test_a_run_that_goes_on_keeps_the_figures_of_the_parts_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(fuzz, "FIGURES", tmp_path / "figures.json")
    monkeypatch.setattr(fuzz, "record", lambda section, figures: written.update({section: figures}))

    def save(first: int, **outcomes: int) -> dict[str, Any]:
        fuzz.save(3, first, Counter(outcomes), 10, 20)
        fuzz.FIGURES.write_text(json.dumps(written))
        return written["fuzz, seed 3"]

    save(0, read=60, refused=40)
    save(100, read=5, refused=5)
    both = save(100, read=50, refused=49, crashed=1)  # the same part, further on
    assert [(part["first"], part["times"]) for part in both["parts"]] == [(0, 100), (100, 100)]
    assert (both["times"], both["read"], both["refused"], both["seconds"]) == (200, 110, 89, 20)
    assert list(both["wrong"].values()) == [1]
    assert save(0, read=1)["times"] == 1
