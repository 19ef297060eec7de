"""One server and worker for all tests of this folder: to start them takes as long as the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.stack import Stack, copy_project


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The project's own prefect.yaml, flows and tasks, deployed as `make deploy` does."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    with Stack(tmp_path_factory.mktemp("prefect"), project) as stack:
        stack.start_server()
        assert "instead of" not in stack.deploy(), "the server runs with the settings of pyproject.toml"
        stack.start_worker("seqcls")
        yield stack
