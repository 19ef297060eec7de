"""An embedded Prefect server for each file of these tests, with files of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect import settings
from prefect.testing.utilities import prefect_test_harness


# Of a file alone: the changed settings would reach the tests of flows that run after it in the same process. (The scope
# "package" is that of the session in a folder without __init__.py.)
@pytest.fixture(scope="module", autouse=True)
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("prefect-home")
    changed = {
        settings.PREFECT_HOME: home,
        settings.PREFECT_RESULTS_LOCAL_STORAGE_PATH: home / "storage",
        settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        settings.PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with settings.temporary_settings(changed), prefect_test_harness(server_startup_timeout=120):
        yield
