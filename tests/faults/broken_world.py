"""A machine that fails on order: the Nth write, sync, rename or creation of a file, or a clock that is moved.

In: an order. Out: commands of the nursery that meet the fault as a real error of a system call, whoever makes the call
(Python, Arrow, SQLite, torch). Built from broken_world.c with the machine's C compiler; without one it cannot be had.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("broken_world.c")
KINDS = ("write", "sync", "rename", "create")


class BrokenWorld:
    """Orders for the commands that start from now on."""

    def __init__(self, folder: Path) -> None:
        self.library, self.orders = folder / "broken_world.so", folder / "orders"
        compiler = shutil.which("cc") or shutil.which("gcc") or "cc"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-o", str(self.library), str(SOURCE), "-ldl", "-lpthread"], check=True
        )
        self.fix()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to be reached by the orders."""
        return {"LD_PRELOAD": str(self.library), "SEQCLS_BROKEN_WORLD": str(self.orders)}

    def fail(self, kind: str, number: int, folder: Path, nth: int, *, persist: bool = False) -> None:
        """The Nth call of a kind on files below a folder fails with this errno; with `persist` all later ones too."""
        self._order(kind, nth, persist, number, 0, folder)

    def move_clock(self, seconds: int) -> None:
        self._order("none", 1, False, 0, seconds, Path("/nowhere"))

    def fix(self) -> None:
        self.orders.write_text("")

    def start_counting(self, kind: str, folder: Path) -> None:
        self._counts.unlink(missing_ok=True)
        self._order(kind, 0, False, 0, 0, folder)

    def counted(self) -> int:
        """Calls since `start_counting`."""
        return self._counts.stat().st_size

    @property
    def _counts(self) -> Path:
        return self.orders.with_name("orders.count")

    def _order(self, kind: str, nth: int, persist: bool, number: int, seconds: int, folder: Path) -> None:
        assert kind in (*KINDS, "none")
        self.orders.write_text(f"{kind} {nth} {int(persist)} {number} {seconds} {folder}")


def has_compiler() -> bool:
    return bool(shutil.which("cc") or shutil.which("gcc"))


@pytest.fixture(scope="session")
def maybe_broken_world(tmp_path_factory: pytest.TempPathFactory) -> BrokenWorld | None:
    return BrokenWorld(tmp_path_factory.mktemp("world")) if has_compiler() else None


@pytest.fixture
def world(maybe_broken_world: BrokenWorld | None) -> Iterator[BrokenWorld]:
    """Makes commands of the nursery meet failing system calls; whole again after the test."""
    if maybe_broken_world is None:
        pytest.skip("no C compiler on this machine to build tests/faults/broken_world.c with")
    yield maybe_broken_world
    maybe_broken_world.fix()
