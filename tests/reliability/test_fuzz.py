"""What the fuzz found stays mended, and the fuzz itself notices what it should."""

from __future__ import annotations

from pathlib import Path

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
