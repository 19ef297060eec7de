"""What all tests share: nothing phones home, no server unless a test starts one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import checked_shapes  # noqa: F401 (before anything of seqcls is imported)
from tests.faults.broken_world import maybe_broken_world, world  # noqa: F401 (fixtures)
from tests.postgres import postgres_server, postgres_url  # noqa: F401 (fixtures)
from tests.trained_projects import copy, nursery, promoted, scored, trained, untrained  # noqa: F401 (fixtures)

for name, value in {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}.items():
    os.environ[name] = value
for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "SEQCLS_FAILPOINT"):
    os.environ.pop(name, None)

if find_spec("seqcls_flows") is None:
    raise pytest.UsageError("flows/ is not installed as seqcls_flows: run `make install` or `pip install -e .` again")

ROOT = Path(__file__).parents[1]
SLOW_FIXTURES = {"nursery", "untrained", "trained", "scored", "promoted", "stack", "world", "maybe_broken_world",
                 "postgres_server", "searched"}  # fmt: skip
SLOW_FOLDERS = {"benchmarks", "faults", "flows", "reliability", "tasks"}
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`make fast` does not import what is slow as a whole: that would take half of its time."""
    fast = config.option.markexpr == "not slow"
    return True if fast and collection_path.parent == ROOT / "tests" and collection_path.name in SLOW_FOLDERS else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts processes or servers, or needs a trained project: `make fast` leaves it out.

    Files with such tests come first, those with servers before the others: no worker begins a long file at the end.
    """
    order: dict[Path, int] = {}
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if (
            folder in SLOW_FOLDERS
            or item.get_closest_marker("soak")
            or SLOW_FIXTURES & set(getattr(item, "fixturenames", ()))
        ):
            item.add_marker("slow")
        waits = item.get_closest_marker("server") is not None or folder == "flows"
        rank = 0 if waits else 1 if item.get_closest_marker("slow") else 2
        order[item.path] = min(rank, order.get(item.path, rank))
    items.sort(key=lambda item: order[item.path])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """The last words of a run: what was skipped for want of what."""
    yield
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(session.config, "workerinput"):
        return
    skipped = Counter(
        # What pytest.skip and a mark say stands at the end of (path, line, "Skipped: reason").
        report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "no reason given"
        for report in terminal.stats.get("skipped", [])
    )
    terminal.write_line(f"skipped: {skipped.total() or 'nothing'}")
    for reason, count in skipped.most_common():
        terminal.write_line(f"{count:6d}  {reason}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets, which are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    return SHARED_DATA
