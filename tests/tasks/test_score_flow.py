"""The score flow with what its form offers: re-scoring, a range of days, a dry run; what it writes is private."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from seqcls.errors import BudgetExceeded, DataRefused
from seqcls.scoring.export import write_current_scores
from seqcls.workspace import open_workspace
from seqcls_flows.job import job
from seqcls_flows.parameters import RunParams, ScoreParams
from seqcls_flows.score import score_flow
from seqcls_tasks.ingest import ingest
from tests.reliability.forging import forge_champion, too_large
from tests.reliability.invariants import Books, count_final, count_rescored, digests_of, visible_files

pytestmark = pytest.mark.server


def test_the_form_of_the_ui_shows_every_option_with_its_meaning() -> None:
    definition = score_flow.parameters.model_dump()
    assert list(definition["properties"]) == ["config", "rescore", "since", "until", "model", "dry_run"]
    assert definition["required"] == ["config"]
    assert all(field["title"] and field["description"] for field in definition["properties"].values())
    assert definition["properties"]["since"].items() >= {"type": "string", "format": "date"}.items()


def test_an_unknown_or_impossible_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="rescor"):
        ScoreParams.model_validate({"config": "pairs.toml", "rescor": True})
    with pytest.raises(ValidationError, match="since"):
        ScoreParams.model_validate({"config": "pairs.toml", "since": "2026-11-31"})


def test_the_flow_scores_history_again_once(promoted: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(promoted)
    before = digests_of(config)
    planned = score_flow(config=str(config), rescore=True, dry_run=True)
    assert ([file["rows"] for file in planned["files"]], planned["model"]) == ([92], "pairs@v2")
    assert digests_of(config) == before
    outside = score_flow(config=str(config), rescore=True, until=date(2020, 1, 1))
    assert outside["rows_in"] == 0
    assert score_flow(config=str(config), rescore=True)["scored"] == 90
    assert score_flow(config=str(config), rescore=True)["rows_in"] == 0
    assert before.items() <= digests_of(config).items()
    assert count_rescored(config, 2) == Books()


def test_a_file_that_is_set_aside_fails_the_flow_once(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    config.write_text(config.read_text() + 'unusable = "set_aside"\n')
    (config.parent / "incoming" / "page.csv").write_text("<!DOCTYPE html><html>404</html>")
    with pytest.raises(DataRefused, match=r"1 file set aside.*\n.*page\.csv"):
        score_flow(config=str(config))
    assert score_flow(config=str(config))["rows_in"] == 0


def test_a_flow_that_fails_tells_somebody_once_and_logs_what_could_not_be_told(
    trained: Path, copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="prefect.flow_runs")
    config = copy(trained)
    config.write_text(config.read_text() + '[alert]\nto_env = ["NO_ADDRESS"]\nfile = "alerts.jsonl"\n')
    (config.parent / "incoming" / "page.csv").write_text("<!DOCTYPE html><html>404</html>")
    for _ in range(2):
        with pytest.raises(DataRefused, match=r"page\.csv"):
            score_flow(config=str(config))
    (line,) = (config.parent / "alerts.jsonl").read_text().splitlines()
    assert '"about": "refused_files"' in line
    assert "alert not sent: the environment variable NO_ADDRESS of alert.to_env is not set" in caplog.text


@pytest.mark.fault(
    "N01",
    tried="the score flow while the server takes no artifacts and the last words cannot be made",
    outcome="a warning in the log for each; no task is run again, everything is scored and published",
)
def test_a_flow_whose_artifacts_fail_scores_and_publishes(
    trained: Path, copy: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = copy(trained)
    asked: list[str] = []

    def refuse(**given: object) -> None:
        asked.append(str(given["key"]))
        raise RuntimeError("no such table: artifact")

    monkeypatch.setattr("seqcls_tasks.show.create_markdown_artifact", refuse)
    monkeypatch.setattr("seqcls_flows.score.after_scoring", lambda *given: str(given[99]))
    assert score_flow(config=str(config))["scored"] == 90
    assert asked == ["pairs-scored-files", "pairs-scoring-run"]
    assert count_final(config) == Books()
    said = [record.getMessage() for record in caplog.records if "could not be shown" in record.getMessage()]
    assert said == [
        "the artifact scored-files could not be shown (RuntimeError: no such table: artifact); the run goes on",
        "the artifact scoring-run could not be shown (RuntimeError: no such table: artifact); the run goes on",
        "the last words of the run could not be shown (IndexError: tuple index out of range); the run goes on",
    ]


@pytest.mark.fault(
    "N02",
    tried="the score flow with a broken link and a name that is not UTF-8 beside a good file",
    outcome="the good file scored and published, then the run fails with both names",
)
def test_bad_entries_of_the_inbox_do_not_stop_the_flow(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    inbox = config.parent / "incoming"
    (inbox / "aa.csv").symlink_to("nowhere")
    (inbox / os.fsdecode(b"n\xe4chte.csv")).write_text("id,sequence\na,w1 first w2 second\n")
    with pytest.raises(DataRefused, match=r"2 files refused") as caught:
        score_flow(config=str(config))
    assert "incoming/aa.csv: cannot be accessed" in str(caught.value)
    assert r"incoming/n\udce4chte.csv: the name is not UTF-8" in str(caught.value)
    assert sum("rejects" not in path.parts for path in visible_files(config.parent)) == 3


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """That of a shell, of a worker under systemd, of a notebook."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Files and folders that anybody but their owner may enter, read or write."""
    return [
        str(path) for path in (folder, *sorted(folder.rglob("*"))) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]  # fmt: skip


@pytest.mark.fault(
    "N07",
    tried="the score flow and an export of the scores under umask 022, as a worker of Prefect or a notebook has it",
    outcome="score files, rejects, _current.json and the export have mode 0600, their folders 0700",
)
def test_what_a_flow_writes_can_be_read_by_its_user_alone(
    usual_umask: None, trained: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    score_flow(config=str(config))
    output = config.parent / "scores"
    names = {path.name for path in output.rglob("*") if path.is_file()}
    assert "_current.json" in names
    assert list(output.glob("rejects/*/*.parquet"))
    assert open_to_others(output) == []
    with open_workspace(config) as workspace:
        write_current_scores(workspace, config.parent / "out" / "current.csv")
    assert open_to_others(config.parent / "out") == []


def test_results_of_stages_lie_in_folders_of_their_user_alone(
    usual_umask: None, trained: Path, copy: Callable[[Path], Path]
) -> None:
    config = copy(trained)
    (config.parent / "store").rename(config.parent / "old")
    with open_workspace(config) as workspace:
        assert open_to_others(workspace.store.root) == []
        with workspace.store.write("table") as draft:
            (draft.folder / "rows.parquet").write_bytes(b"rows")
        folders = (workspace.store.root / "artefacts", draft.ref.folder.parent, draft.ref.folder)
        assert [stat.S_IMODE(path.stat().st_mode) for path in folders] == [0o700] * 3


@pytest.mark.fault(
    "N22",
    tried="a champion whose weights are finite and so large that no answer is; a night scored by the flow",
    outcome="the flow publishes, then fails in one message that names the input and score.reject_budget",
)
def test_a_night_that_loses_its_rows_in_scoring_fails_the_flow(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    forge_champion(config, too_large)
    with pytest.raises(BudgetExceeded, match=r"92 of 92 rows \(100\.00%\) are rejected, 90 of them"):
        score_flow(config=str(config))
    assert count_final(config) == Books()


@job("notes")
def first_task_only(params: RunParams) -> dict[str, Any]:
    """What is noted after a task of a run has closed its workspace."""
    table = ingest(params.config, {}).ref
    with open_workspace(params.config) as workspace:
        return {"noted": (table.kind, table.digest) in workspace.store.held()}


@pytest.mark.fault(
    "N10",
    tried="a run of a flow between two of its tasks: what the first has made, as gc sees it",
    outcome="noted as in use until the run ends",
)
def test_what_a_task_has_made_is_in_use_until_the_run_ends(trained: Path, copy: Callable[[Path], Path]) -> None:
    config = copy(trained)
    assert first_task_only(config=str(config)) == {"noted": True}
    assert not list((config.parent / "store").glob(".tmp-*"))
