"""What a form may ask for and the pipeline does not take; the flows beside train and score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.errors import ConfigRefused
from seqcls_flows.clean import clean_flow
from seqcls_flows.promote import promote_flow
from seqcls_flows.run_names import is_made_up
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


def test_names_that_the_forms_propose_are_not_taken_for_typed_ones() -> None:
    assert all(map(is_made_up, ["", "tiny-rottweiler", "Sleek-Stoat", "Handmade-Polar Bear", "omega5-mudor-m"]))
    assert not any(map(is_made_up, ["experiment-7", "Small-run", "gamma", "Billing", "tiny-lstm", "pipe5-b"]))


def test_an_empty_field_of_a_form_has_one_type_and_its_choices() -> None:
    fields = train_flow.parameters.properties
    assert (fields["epochs"]["type"], fields["epochs"]["minimum"]) == ("integer", 1)
    assert "gru" in fields["family"]["enum"]
    assert not any("anyOf" in field or "default" in field for name, field in fields.items() if name != "config")
