"""`promote.approval = "person"`: the decision waits in the ledger, is answered once, reminds and expires."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.config.promote import PromoteConfig
from seqcls.errors import ConfigRefused
from seqcls.ledger.decisions import list_decisions
from seqcls.registry import approval
from seqcls.registry.approval import find_question, settle_question
from seqcls.registry.journal import read_journal
from seqcls.registry.versions import answer, champion, find_version
from seqcls.workspace import Workspace, open_workspace
from tests.reliability.processes import Nursery

PERSON = '\n[promote]\napproval = "person"\ntolerance = 1.0\nevery_class_predicted = false\n'


@pytest.fixture(scope="module")
def asking(trained: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 is champion; v2 passed every check and waits."""
    folder = Path(shutil.copytree(trained, tmp_path_factory.mktemp("asking") / "project"))
    config = folder / "pairs.toml"
    config.write_text(config.read_text().replace("epochs = 3", "epochs = 2") + PERSON)
    command = nursery.run("train", config)
    assert command.status == 0, command.text
    assert "not promoted yet: every check passed; a person decides (promote.approval)" in command.text
    assert f"`seqcls promote {config} --yes --why TEXT`, or --no --why TEXT" in command.text
    return folder


@pytest.fixture
def config(asking: Path, copy: Callable[[Path], Path]) -> Path:
    return copy(asking)


def states(workspace: Workspace) -> list[str]:
    return [row.state for row in list_decisions(workspace.ledger, "pairs") if row.version == 2]


def test_a_yes_promotes_and_is_in_the_journal_with_its_reason(config: Path, nursery: Nursery) -> None:
    scored = nursery.run("score", config)  # the night goes on with the champion, and says what waits
    assert "by pairs@v1" in scored.text
    assert "pairs@v2 waits for a person: `seqcls promote" in scored.text
    assert "pairs@v2 waits for a person" in nursery.run("models", config).text
    done = nursery.run("promote", config, "--yes", "--why", "looks right")
    assert "pairs@v2 is champion" in done.text
    with open_workspace(config) as workspace:
        assert champion(workspace).version == 2
        assert states(workspace) == ["waiting", "promoted"]
        last = max(
            (entry.move for entry in read_journal(workspace.store, "pairs", "champion")), key=lambda move: move.counter
        )
        assert (last.to_version, last.why) == (2, "looks right")
    again = nursery.run("promote", config, "--yes", "--why", "twice")
    assert again.status == 2
    assert "no decision waits for a person" in again.text


def test_a_no_stays_a_no_until_a_person_names_the_version(config: Path, nursery: Nursery) -> None:
    done = nursery.run("promote", config, "--no", "--why", "one class is odd")
    assert "pairs@v2 is not promoted; the champion stays" in done.text
    trained = nursery.run("train", config)  # nothing changed: the same question is not asked again
    assert "a person's yes: declined by" in trained.text
    assert "one class is odd" in trained.text
    with open_workspace(config) as workspace:
        assert (champion(workspace).version, states(workspace)) == (1, ["waiting", "declined"])
    assert nursery.run("promote", config, "--version", "2").status == 0
    with open_workspace(config) as workspace:
        assert champion(workspace).version == 2


def test_the_question_expires_after_a_week_and_reminds_before(config: Path) -> None:
    with open_workspace(config) as workspace:
        row = find_question(workspace)
        assert row is not None
        day = 24 * 3600.0
        asked = row.decided_at
        assert [approval.reminders(workspace, row, asked + days * day) for days in (0.9, 1.1, 6.9)] == [0, 1, 6]
        assert "waits for a person" in settle_question(workspace, find_version, asked + 6.9 * day)[0]
        said = settle_question(workspace, find_version, asked + 7.1 * day)
        assert said == ["pairs@v2 is not promoted: no answer within 168h"]
        assert states(workspace) == ["waiting", "expired"]
        assert settle_question(workspace, find_version, asked + 9 * day) == []
        with pytest.raises(ConfigRefused, match="no decision waits"):
            answer(workspace, True, "too late")


def test_who_asks_late_finds_it_expired_without_any_daemon(config: Path, nursery: Nursery) -> None:
    config.write_text(config.read_text() + 'expire_after = "1s"\n')
    time.sleep(1.1)
    late = nursery.run("promote", config, "--yes", "--why", "late")
    assert (late.status, "no decision waits for a person" in late.text) == (2, True)


def test_the_question_survives_the_loss_of_the_ledger(config: Path, nursery: Nursery) -> None:
    for path in (config.parent / "store").glob("ledger.db*"):
        path.unlink()
    assert nursery.run("doctor", config, "--repair").status == 0
    assert "pairs@v2 is champion" in nursery.run("promote", config, "--yes", "--why", "after the repair").text


def test_an_answer_needs_a_reason_and_no_version(config: Path, nursery: Nursery) -> None:
    assert "--yes needs --why" in nursery.run("promote", config, "--yes").text
    both = nursery.run("promote", config, "--no", "--version", "2", "--why", "x")
    assert "--yes and --no are about the version that waits" in both.text


def test_settings_without_effect_are_refused() -> None:
    with pytest.raises(ValueError, match='expire_after is for approval = "person"'):
        PromoteConfig(expire_after="1h")
    with pytest.raises(ValueError, match="leave automatic out"):
        PromoteConfig(approval="person", automatic=False)
