"""What a form may ask for and the pipeline does not take; the flows beside train and score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.errors import ConfigRefused
from seqcls_flows.clean import clean_flow
from seqcls_flows.promote import promote_flow
from seqcls_flows.train import train_flow

pytestmark = pytest.mark.server


def test_a_setting_without_effect_fails_the_run_at_its_start(
    untrained: Path, copy: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="prefect")
    with pytest.raises(ConfigRefused, match=r"train\.budget is for model\.family = \"auto\""):
        train_flow(config=str(copy(untrained)), budget="90s")
    assert "Created task run" not in caplog.text
    assert not list(untrained.parent.glob("store/artefacts/*/*"))


def test_against_the_gate_needs_a_reason(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = str(copy(trained))
    with pytest.raises(ConfigRefused, match="Against the gate without a reason"):
        promote_flow(config=config, version="v1", force=True)
    with pytest.raises(ConfigRefused, match="no decision waits for a person"):
        promote_flow(config=config, answer="yes", why="looked at it", who="Ada")


def test_clean_lists_first_and_deletes_when_asked(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    left = config.parent / "store" / "artefacts" / "table"
    spare = next(left.iterdir())
    before = len(list(left.iterdir()))
    assert clean_flow(config=str(config), age=0)["dry_run"] is True
    assert len(list(left.iterdir())) == before
    done = clean_flow(config=str(config), age=0, dry_run=False)
    assert done["dry_run"] is False
    assert spare.exists(), "what the champion was made from is kept"


def test_parameters_of_deployments_of_earlier_versions_are_still_read() -> None:
    found = train_flow.validate_parameters({"params": {"config": "pairs.toml"}})
    assert (found["config"], found["epochs"]) == ("pairs.toml", None)
