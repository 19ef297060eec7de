"""The oldest PyTorch that pyproject.toml allows: `python -m benchmarks.oldest_torch [--index URL] [--torch FOLDER]`.

Installs it into a folder of its own, which goes before this environment's packages, and runs the tests of the kernels
and of training with it. `--index` is where it is taken from (the processor build by default); `--torch` names a folder
that has it already. Ends with the exit code of the tests.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROCESSOR_BUILDS = "https://download.pytorch.org/whl/cpu"
TESTS = ("adam", "plain", "optimisation", "unrolled", "dense", "convolution", "averaging", "checkpoints", "training",
         "precision")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", default=PROCESSOR_BUILDS)
    parser.add_argument("--torch", type=Path)
    options = parser.parse_args()
    version = oldest(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    with tempfile.TemporaryDirectory() as folder:
        if options.torch is None:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
            subprocess.run([*pip, "--index-url", options.index, f"torch=={version}.*"], check=True)
        sys.exit(run_tests(version, options.torch or Path(folder)))


def oldest(dependencies: list[str]) -> str:
    """ "2.10" of "torch>=2.10,<3"."""
    [found] = [match[1] for line in dependencies if (match := re.match(r"torch>=([0-9.]+)", line))]
    return found


def run_tests(version: str, folder: Path) -> int:
    environment = {**os.environ, "PYTHONPATH": str(folder.resolve())}
    found = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.__version__)"],
        env=environment, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    assert found.startswith(f"{version}."), f"PyTorch {found} is used, not {version}"
    print(f"PyTorch {found}", flush=True)
    files = [f"tests/seqcls/test_{name}.py" for name in TESTS]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", *files], env=environment, cwd=ROOT
    ).returncode


if __name__ == "__main__":
    main()
