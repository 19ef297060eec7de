"""`seqcls` commands as processes that can be killed, twenty times as fast as starting Python each time.

A nursery is one process that has imported everything (torch takes seconds) and forks a child for each command; the
child runs `seqcls.cli.main` and is a process of its own: it is killed with SIGKILL, holds its own leases, opens its
own files. `python -m tests.reliability.processes` is that nursery: JSON lines in, JSON lines out.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
WARM = (
    "seqcls.cli", "seqcls.road", "seqcls.messages", "seqcls.maintenance.doctor", "seqcls.maintenance.repair",
    "seqcls.maintenance.evidence", "seqcls.maintenance.gc",
    "seqcls.encoders.encode", "seqcls.sources.ingest", "seqcls.validation.validate", "seqcls.validation.expectations",
    "seqcls.splitting.split", "seqcls.training.train", "seqcls.evaluation.evaluate", "seqcls.models.package",
    "seqcls.scoring.scoring_run", "seqcls.scoring.lineage", "seqcls.sources.delimited", "great_expectations",
    "sklearn.linear_model", "sklearn.feature_extraction.text", "matplotlib.figure", "matplotlib.backends.backend_svg",
    "sqlalchemy.dialects.sqlite", "torch", "torch._dynamo", "torch.onnx", "pyarrow.dataset", "rich._emoji_codes",
)  # fmt: skip


class Command:
    """One running `seqcls` command."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self.nursery, self.pid, self.output = nursery, pid, output
        self.status: int | None = None

    def poll(self) -> int | None:
        """Its exit code (minus the signal that ended it), or None while it runs."""
        if self.status is None:
            self.status = self.nursery.ask({"poll": self.pid})
        return self.status

    def wait(self, seconds: float = 120.0) -> int:
        """Wait for its end."""
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                self.send(signal.SIGKILL)
                raise TimeoutError(f"still running after {seconds:.0f} s: {self.text}")
            time.sleep(0.004)
        assert self.status is not None
        return self.status

    def wait_until_stopped(self, seconds: float = 60.0) -> None:
        """Wait until it has stopped itself (SIGSTOP)."""
        end = time.monotonic() + seconds
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < end, self.text
            assert self.poll() is None, self.text
            time.sleep(0.004)

    def send(self, number: signal.Signals) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:  # not reaped yet, so the number is still its own
            os.kill(self.pid, number)

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.output.read_text(errors="replace")


class Nursery:
    """Starts commands; leaves none behind."""

    def __init__(self, folder: Path, more: dict[str, str] | None = None) -> None:
        """`more` are variables of the environment of the nursery and of all that it starts."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.count = folder, 0
        self.running: list[Command] = []
        fixed = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"}
        environment = {**os.environ, **fixed, **(more or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.processes"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, question: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(
        self, *arguments: str | Path, failpoint: str = "", patches: dict[str, Any] | None = None,
        limits: dict[str, int] | None = None, without_rights: bool = False, folder: Path | None = None,
    ) -> Command:  # fmt: skip
        """Begin `seqcls ARGUMENTS`; `patches` are constants of modules that the child changes in itself.

        `without_rights`: permissions count, also where the tests run as root. `folder`: where it is called.
        """
        self.count += 1
        output = self.folder / f"{self.count}.txt"
        patches = {"seqcls.store.failpoints:_SETTING": failpoint, **(patches or {})}
        question = {"arguments": [str(a) for a in arguments], "output": str(output), "patches": patches}
        command = Command(
            self,
            self.ask(
                {**question, "limits": limits or {}, "without_rights": without_rights, "folder": str(folder or ROOT)}
            ),
            output,
        )
        self.running = [other for other in self.running if other.status is None] + [command]
        return command

    def run(self, *arguments: str | Path, **options: Any) -> Command:
        """Begin a command and wait for its end."""
        command = self.start(*arguments, **options)
        command.wait()
        return command

    def close(self) -> None:
        for command in self.running:
            command.send(signal.SIGKILL)
            command.wait()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.kill()  # torch would take seconds to say goodbye
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Installed:
    """Starts the installed command itself: a Python of its own each time, as people do it. Leaves none behind."""

    def __init__(self, folder: Path, more: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.count = folder, 0
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", **(more or {})}

    def start(self, *arguments: str | Path, failpoint: str = "") -> InstalledCommand:
        """Begin `seqcls ARGUMENTS`."""
        self.count += 1
        output = self.folder / f"{self.count}.txt"
        command = [Path(sys.executable).with_name("seqcls"), *arguments]
        with open(output, "wb") as file:
            process = subprocess.Popen(
                command, env={**self.environment, "SEQCLS_FAILPOINT": failpoint}, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file,
            )  # fmt: skip
        return InstalledCommand(process, output)


class InstalledCommand:
    """One running command, with what `Command` can do."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process, self.output = process, output

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code, minus the signal that ended it."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f"still running after {seconds:.0f} s: {self.text}") from None

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")


def serve() -> None:
    """The nursery's own loop."""
    for name in WARM:
        importlib.import_module(name)
    for line in sys.stdin:
        question = json.loads(line)
        answer = _status(question["poll"]) if "poll" in question else _fork(question)
        print(json.dumps(answer), flush=True)


def _status(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _fork(question: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _become(question)
    return pid


def _become(question: dict[str, Any]) -> None:
    """In the child: its own output, its constants, then the command."""
    code = 1
    try:
        for number, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, _open(question)), (2, 1)):
            os.dup2(target, number)
        for place, value in question["patches"].items():
            module, _, name = place.partition(":")
            setattr(importlib.import_module(module), name, value)
        if question["limits"]:
            import resource

            for name, value in question["limits"].items():
                resource.setrlimit(getattr(resource, name), (value, value))
        os.chdir(question["folder"])
        if question["without_rights"]:
            _give_up_rights()
        from seqcls.cli import main

        code = main(question["arguments"])
    except SystemExit as request:
        code = int(request.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _give_up_rights() -> None:
    """Root without its capabilities may do what the owner of a file may do (capabilities(7))."""
    import ctypes

    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def _open(question: dict[str, Any]) -> int:
    return os.open(question["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


if __name__ == "__main__":
    serve()
