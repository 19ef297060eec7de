"""What an operator sees of a run: its name, its log, its artifacts; of one that failed, the message and the checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.flow_engine import run_flow
from prefect.states import Pending

from seqcls.errors import BudgetExceeded, DataRefused
from seqcls_flows.run_names import is_made_up
from seqcls_flows.score import score_flow
from seqcls_flows.train import train_flow
from seqcls_tasks.ours import TAG
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

pytestmark = pytest.mark.server


def read_run(number: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(number)


def run(flow: Flow[..., Any], **fields: Any) -> FlowRun:
    """A run, as it stands on the server when it has ended."""
    state = flow(**fields, return_state=True)
    assert state.state_details.flow_run_id is not None
    return read_run(state.state_details.flow_run_id)


def artifacts(found: FlowRun) -> dict[str, Any]:
    """Key -> artifact."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[found.id]))
    with get_client(sync_client=True) as client:
        return {str(item.key): item for item in client.read_artifacts(artifact_filter=wanted)}


def spoil(config: Path) -> None:
    """A third of the training rows without a sequence: more than the budget of a tenth."""
    path = config.parent / "data" / "train.csv"
    lines = path.read_text().splitlines()
    for number in range(1, len(lines), 3):
        name, _, label = lines[number].split(",")
        lines[number] = f"{name},,{label}"
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.fault(
    "O05",
    tried="the train flow on a file of which a third breaks a rule",
    outcome="the run has the table of checks and a page with the message; its state and log say it without a traceback",
)
def test_a_failed_validation_shows_its_checks_and_one_message(
    untrained: Path, copy: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    config = copy(untrained)
    spoil(config)
    caplog.set_level("INFO")
    found = run(train_flow, config=str(config))
    assert found.state_name == "Failed"
    shown = artifacts(found)
    checks = shown["pairs-checks"]
    assert checks.data.startswith("# Stopped: ")
    assert "| NO | empty |" in checks.data
    assert "are rejected: empty" in checks.description
    failed = shown["pairs-failed"]
    assert "rows (34.43%) are rejected" in failed.data
    assert "lists each rejected row with all reasons" in failed.data
    assert found.state is not None
    assert "`seqcls rejects " in str(found.state.message)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.exc_info for record in errors] == [None] * len(errors)
    assert len(errors) >= 2, "of the task and of the flow"
    assert all("reject_budget" in record.getMessage() for record in errors)
    assert "Traceback" not in caplog.text


@pytest.mark.fault(
    "O05",
    tried="a night with a file of which most rows break a rule",
    outcome="the page shows the checks of the refused file; the others are scored",
)
@pytest.mark.fault(
    "O07",
    tried="the same file, with apostrophes, angle brackets and a pipe in its name",
    outcome="the night's page shows them as they are: no HTML entities; the reason stands whole in a list",
)
def test_a_refused_file_of_a_night_shows_its_checks_and_its_whole_reason(
    trained: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    name = "it's <b>|bad.csv"
    rows = [[f"x{number}", ""] for number in range(20)]
    write_rows(config.parent / "incoming" / name, 5, seed=3, labelled=False, extra=rows)
    found = run(score_flow, config=str(config))
    assert found.state_name == "Failed"
    shown = artifacts(found)
    assert "| NO | empty |" in shown["pairs-refused-checks"].data
    night = shown["pairs-scoring-run"]
    [line] = [line for line in night.data.splitlines() if line.startswith("- **")]
    assert line.startswith("- **incoming/it's \\<b\\>\\|bad.csv**: ")
    assert "each rejected row stands with its reasons in " in line
    assert "&#" not in night.data
    assert "&lt;" not in night.data
    assert night.description == "92 rows: 90 scored, 2 rejected, 0 abstained, by pairs@v1; 1 file refused"


@pytest.mark.fault(
    "O11",
    tried="a training and a scoring with nothing new",
    outcome="log, artifacts and the names of the runs say so, in the words of the command",
)
@pytest.mark.fault(
    "O16",
    tried="titles and tables of the artifacts of a training",
    outcome="titles say what came of it; the table of files begins with the name and has no digest; shares are rounded",
)
def test_a_run_that_found_nothing_new_says_so(
    trained: Path, copy: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    config = copy(trained)
    caplog.set_level("INFO", logger="prefect.task_runs")
    found = run(train_flow, config=str(config))
    assert found.state_name == "Completed"
    assert found.name == "train-pairs v1"
    assert found.tags == [TAG], "ours also without a deployment"
    for stage in ("ingest", "validate", "split", "encode", "train", "evaluate"):
        assert f"{stage}: unchanged" in [record.getMessage() for record in caplog.records]
    shown = artifacts(found)
    assert "Nothing was trained" in shown["pairs-training"].data
    assert shown["pairs-training"].description.endswith("; unchanged")
    assert shown["pairs-decision"].description == "pairs@v1 is champion, nothing had changed"
    assert shown["pairs-files"].description == "1 file, 122 rows in, 122 accepted, 0 rejected; unchanged"
    assert shown["pairs-files"].data.startswith("| file | rows in | accepted | rejected |")
    assert shown["pairs-files"].data.splitlines()[2].startswith("| train.csv | 122 | 122 | 0 |")
    assert "%" in shown["pairs-encoded"].data
    assert shown["pairs-model-card"].description.startswith("Model card: balanced accuracy ")


@pytest.mark.fault("O09", tried="a name typed in the form, and names drawn by Prefect", outcome="the typed one is kept")
def test_a_typed_name_is_kept(scored: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(scored)
    wanted = {"config": str(config)}
    with get_client(sync_client=True) as client, tags(TAG):
        made = [
            client.create_flow_run(score_flow, parameters=wanted, name=name, state=Pending())
            for name in ("experiment-7-bigger-vocabulary", None)
        ]
        assert is_made_up(made[1].name)
        for item in made:
            run_flow(score_flow, flow_run=client.read_flow_run(item.id))
    assert [read_run(item.id).name for item in made] == ["experiment-7-bigger-vocabulary", "score-pairs 0 rows"]


def test_an_error_that_is_a_bug_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, trained: Path, copy: Callable[[Path], Path], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_config: str, _request: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("seqcls_flows.score.discover", fail)
    caplog.set_level("INFO")
    with pytest.raises(ZeroDivisionError):
        score_flow(config=str(copy(trained)))
    assert "Traceback" in caplog.text


def test_the_flow_still_raises_our_own_error_to_who_calls_it(untrained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(untrained)
    spoil(config)
    with pytest.raises(BudgetExceeded, match="are rejected: empty"):
        train_flow(config=str(config))
    assert issubclass(BudgetExceeded, DataRefused)


@pytest.mark.fault(
    "O11",
    tried="a training that is killed after its second epoch and started again as a flow",
    outcome="log and artifact say that it goes on from the third epoch",
)
def test_a_training_that_resumes_says_where(
    untrained: Path, copy: Callable[[Path], Path], nursery: Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    config = copy(untrained)
    assert nursery.run("train", config, failpoint="epoch_ended=kill@3").status == -9
    caplog.set_level("INFO", logger="prefect.task_runs")
    found = run(train_flow, config=str(config))
    assert found.state_name == "Completed"
    assert any("goes on from epoch 3" in record.getMessage() for record in caplog.records)
    assert "; goes on from epoch 3; " in artifacts(found)["pairs-training"].description
