"""`family = "auto"` from the pipeline file to the scores: command line, report, model card, the next run."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from seqcls.cli import main
from seqcls.registry.versions import champion
from seqcls.workspace import open_workspace
from tests.road_data import write_project, write_rows


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 240 rows that leaves the family to a search."""
    folder = tmp_path_factory.mktemp("auto")
    config = write_project(folder, family="auto")
    text = config.read_text().replace("embedding = 16", 'candidates = ["gru"]')
    config.write_text(text.replace("epochs = 8", 'epochs = 4\nbudget = "40m"\nbatch_size = 30'))
    write_rows(folder / "incoming" / "night.csv", 30, seed=5, labelled=False)
    return config


@pytest.mark.slow
def test_check_says_what_would_be_tried(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(project)]) == 0
    shown = capsys.readouterr().out
    assert "network: auto, 2 classes; would try ngrams, gru" in shown
    assert "within 40m, then check the gate" in shown


@pytest.fixture(scope="module")
def trained(project: Path) -> tuple[str, str]:
    """What the first `seqcls train` wrote: standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        assert main(["train", str(project)]) == 0
    return out.getvalue(), " ".join(err.getvalue().split())


def test_training_tells_trial_by_trial_and_ends_with_the_lines_to_pin(trained: tuple[str, str]) -> None:
    out, told = trained
    assert "auto: 2 candidates, 5-fold cross-validation twice (168 training rows, fewer than 2,000)" in told
    assert re.search(r"auto: ngrams: balanced_accuracy 0\.\d{4}, .* s left", told)
    assert re.search(r"auto: gru: balanced_accuracy [01]\.\d{4} after 4 of 4 epochs", told)
    assert "auto chose ngrams of 2 candidates, 2 judged in " in out
    pinned = out.split("put these lines in the place of yours:\n")[1]
    assert pinned.startswith('  [model]\n  family = "ngrams"\n')
    assert "  [split]\n  valid = 0.0\n" in pinned  # it learns the validation rows as well


@pytest.mark.usefixtures("trained")
def test_report_and_card_show_every_candidate_and_the_chosen_family(project: Path) -> None:
    with open_workspace(project) as workspace:
        version = champion(workspace)
        folder = workspace.store.ref("evaluation", version.evaluation_digest).folder
        assert not list((workspace.store.root / "search").iterdir())
    page, card = (folder / "report.html").read_text(), (folder / "model_card.md").read_text()
    assert '<h2 id="search">What auto tried</h2>' in page
    assert '<span class="tag">ngrams</span>' in page
    assert "ngrams (chosen, reference)" in page
    assert "gru" in page
    assert (folder / "figures" / "search.svg").read_text().startswith("<svg")
    assert "## What auto tried" in card
    assert "| ngrams (chosen, reference) | ngrams | " in card
    assert "| gru | gru | " in card
    assert 'family: "ngrams"' in card


@pytest.mark.usefixtures("trained")
def test_a_second_run_searches_nothing_and_the_model_scores(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(project)]) == 0
    assert "auto: " not in capsys.readouterr().err
    assert main(["score", str(project)]) == 0
    assert "30 rows in = 30 scored" in capsys.readouterr().out
