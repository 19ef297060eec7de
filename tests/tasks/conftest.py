"""One embedded Prefect server for the tests of tasks, with files of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect import settings
from prefect.testing.utilities import prefect_test_harness


# Of these tests alone: the changed settings would reach the tests of flows that run after them in the same process.
@pytest.fixture(scope="package", autouse=True)
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
