"""What is run inside an earlier version: `python steps.py FOLDER < steps.json`, with that version on PYTHONPATH.

In: a list of steps, each a list of arguments of `seqcls`, with how it must end and maybe a point at which it is killed.
Out: what each printed, as JSON. Each step is a fork of one process that has imported torch, as in
tests/reliability/processes.py, which cannot be used here: it stands beside today's `seqcls`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

WARM = (
    "seqcls.cli", "seqcls.road", "seqcls.ingest", "seqcls.encode", "seqcls.validation.expectations",
    "seqcls.training.train", "seqcls.evaluation.evaluate", "seqcls.models.package", "great_expectations",
    "sklearn.linear_model", "sklearn.feature_extraction.text", "matplotlib.backends.backend_svg",
)  # fmt: skip
PROCESSOR = "a processor that is not this one"
"""So that a race of engines that was run here counts as run on another machine, wherever it is looked up."""


def main() -> int:
    os.chdir(sys.argv[1])
    capabilities = {**torch.cpu.get_capabilities(), "cpu_name": PROCESSOR}
    torch.cpu.get_capabilities = lambda: capabilities
    for name in WARM:
        importlib.import_module(name)
    print(json.dumps([run(step) for step in json.load(sys.stdin)]))
    return 0


def run(step: dict[str, Any]) -> str:
    """Run one command to its end; what it printed on standard output."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        pid = os.fork()
        if pid == 0:
            become(step, output.fileno(), errors.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        for stream in (output, errors):
            stream.seek(0)
        text, error = output.read(), errors.read()
    assert status == step["status"], f"{step}: {status}\n{text}{error}"
    return text


def become(step: dict[str, Any], output: int, errors: int) -> None:
    """The child: the command, under its failpoint."""
    code = 1
    try:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        from seqcls import cli, failpoints

        assert not Path(cli.__file__).is_relative_to(Path(__file__).parents[2]), cli.__file__
        failpoints._SETTING = step["failpoint"]
        code = cli.main(step["arguments"])
    except SystemExit as request:
        code = int(request.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
