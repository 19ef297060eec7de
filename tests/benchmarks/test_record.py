"""Where figures are written: also code from an unpacked source archive can be loaded, and says that it is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import copytree

from tests.conftest import ROOT


def test_without_a_git_checkout_the_code_is_of_a_source_archive(tmp_path: Path) -> None:
    copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=lambda _folder, _names: ["results", "peers"])
    code = "from benchmarks.record import COMMIT; print(COMMIT)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "source archive\n"
