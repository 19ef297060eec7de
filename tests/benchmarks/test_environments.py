"""Environments of the peers: really made, used again only for the same list, and never half there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import environments


def test_an_environment_is_made_once_and_anew_when_its_list_changes(tmp_path: Path) -> None:
    lists, root = tmp_path / "lists", tmp_path / "made"
    lists.mkdir()
    (lists / "requirements-nobody.txt").write_text("# nothing\n", "utf-8")
    made = environments.environment("nobody", lists, root)
    assert made.python is not None
    said = subprocess.run([str(made.python), "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True)
    assert Path(said.stdout.strip()) == root / "nobody", "an interpreter of its own"
    (root / "nobody" / "kept").touch()
    assert environments.environment("nobody", lists, root) == made
    assert (root / "nobody" / "kept").exists(), "the same list: nothing was made"
    (lists / "requirements-nobody.txt").write_text("/no/such-1.0-py3-none-any.whl\n", "utf-8")
    failed = environments.environment("nobody", lists, root)
    assert failed.python is None
    assert failed.reason is not None
    assert "pip could not install nobody" in failed.reason
    assert "such-1.0-py3-none-any.whl" in failed.reason
    assert not (root / "nobody" / "kept").exists()
    assert not (root / "nobody" / environments.MADE_FROM).exists(), "what failed is not taken for made"


def test_the_last_word_of_a_command_that_fails_is_the_reason() -> None:
    assert environments.failure([sys.executable, "-c", "pass"]) is None
    said = environments.failure([sys.executable, "-c", "import sys; sys.exit('one\\nno such wheel\\n')"])
    assert said == "no such wheel"
    assert environments.failure([sys.executable, "-c", "raise SystemExit(3)"]) == "exit code 3 without a word"


def test_a_peer_without_a_list_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["environments", "kears"])
    with pytest.raises(SystemExit):
        environments.main()
    assert "'kears' has no requirements-kears.txt; known are aeon, fasttext, keras" in capsys.readouterr().err


def test_every_pin_is_exact() -> None:
    """A peer's figures are those of a version, so its list leaves none open."""
    for name in environments.known():
        lines = (environments.LISTS / f"requirements-{name}.txt").read_text("utf-8").splitlines()
        assert all("==" in line for line in lines if line and not line.startswith("#")), name
