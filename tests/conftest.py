"""What all tests share: nothing phones home, no server unless a test starts one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.broken_world import maybe_broken_world, world  # noqa: F401 (fixtures)
from tests.trained_projects import copy, nursery, promoted, scored, trained, untrained  # noqa: F401 (fixtures)

for name, value in {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}.items():
    os.environ[name] = value
for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "SEQCLS_FAILPOINT"):
    os.environ.pop(name, None)

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets, which are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    return SHARED_DATA
