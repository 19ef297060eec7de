"""The whole road in one process: trained, promoted, scored, accounted for, run twice, rolled back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from seqcls.errors import ConfigRefused, DataRefused, GateRefused
from seqcls.ledger.models import list_models
from seqcls.registry import versions as registry
from seqcls.road import ScoreOutcome, TrainOutcome, score_pipeline, train_pipeline
from seqcls.scoring.lineage import find_lineage
from seqcls.scoring.predict import predict_one
from seqcls.scoring.scoring_run import require_usable
from seqcls.workspace import open_workspace
from tests.road_data import write_project, write_rows


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one promoted model; copied by each test."""
    folder = tmp_path_factory.mktemp("trained")
    train(write_project(folder))
    return folder


@pytest.fixture
def config(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "project")) / "pairs.toml"


def train(config: Path) -> TrainOutcome:
    with open_workspace(config) as workspace:
        return train_pipeline(workspace)


def score(config: Path) -> ScoreOutcome:
    with open_workspace(config) as workspace:
        return score_pipeline(workspace)


def scores_of(config: Path) -> list[dict[str, object]]:
    folder = config.parent / "scores"
    files = [str(path) for path in folder.glob("model=*/**/*.parquet")]
    return ds.dataset(files).to_table().to_pylist() if files else []


def rejects_of(config: Path) -> list[dict[str, object]]:
    files = [str(path) for path in (config.parent / "scores" / "rejects").rglob("*.parquet")]
    return ds.dataset(files).to_table().to_pylist() if files else []


def test_training_accounts_for_every_row_and_promotes(trained: Path) -> None:
    outcome = train(trained / "pairs.toml")
    assert outcome.rows == {"in": 242, "accepted": 240, "rejected": 2}
    assert outcome.champion
    assert outcome.metrics["test"]["accuracy"] > 0.8
    assert Path(outcome.report).is_file()


def test_training_again_with_nothing_changed_repeats_nothing(config: Path) -> None:
    outcome = train(config)
    assert outcome.reused == ("ingest", "validate", "split", "encode", "train", "evaluate")
    assert outcome.model == "pairs@v1"
    with open_workspace(config) as workspace:
        assert len(list_models(workspace.ledger)) == 1


def test_a_changed_setting_repeats_only_what_depends_on_it(config: Path) -> None:
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 7"))
    assert train(config).reused == ("ingest", "validate", "split", "encode")


def test_changed_content_is_seen_whatever_the_name_and_date(config: Path) -> None:
    data = config.parent / "data" / "train.csv"
    data.write_text(data.read_text() + "late-1,w1 first w2 second,yes\n")
    outcome = train(config)
    assert outcome.reused == ()
    assert outcome.rows["in"] == 243


def test_each_new_row_is_scored_rejected_or_abstained_once(config: Path) -> None:
    write_rows(
        config.parent / "incoming" / "night.csv",
        100,
        seed=1,
        labelled=False,
        extra=[["e1", ""], ["e2", "   "], ["too", "many", "fields"]],
    )
    outcome = score(config)
    rows = outcome.run.rows
    assert (rows.rows_in, rows.scored, rows.rejected, rows.abstained) == (103, 100, 3, 0)
    found = scores_of(config)
    assert len(found) == 100
    assert {row["id"] for row in found} == {f"night-{number}" for number in range(100)}
    assert sorted(row["source_row"] for row in rejects_of(config)) == [101, 102, 103]
    for row in found:
        assert row["p_no"] + row["p_yes"] == pytest.approx(1.0, abs=1e-5)
        assert row["confidence"] == pytest.approx(max(row["p_no"], row["p_yes"]))
        assert row["label"] == ("yes" if row["p_yes"] > row["p_no"] else "no")
        assert row["model"] == "pairs@v1"
        assert row["scored_at"] is not None
        assert row["run_id"]


def test_the_network_has_learned_the_order_of_the_words(config: Path) -> None:
    write_rows(config.parent / "incoming" / "night.csv", 200, seed=2, labelled=True)
    score(config)
    rows = {row["id"]: row["label"] for row in scores_of(config)}
    truth = dict(
        line.split(",")[::2] for line in (config.parent / "incoming" / "night.csv").read_text().splitlines()[1:]
    )
    assert sum(rows[name] == label for name, label in truth.items()) > 170


def test_the_same_file_twice_late_or_renamed_is_scored_once(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "a.csv", 50, seed=1, labelled=False)
    shutil.copy(incoming / "a.csv", incoming / "b.csv")
    assert score(config).run.rows.rows_in == 50
    (incoming / "a.csv").rename(incoming / "renamed.csv")
    again = score(config)
    assert again.run.rows.rows_in == 0
    assert sorted(again.discovery.known) == ["incoming/b.csv", "incoming/renamed.csv"]
    write_rows(incoming / "late.csv", 7, seed=3, labelled=False)
    assert score(config).run.rows.rows_in == 7
    assert len(scores_of(config)) == 57


def test_a_file_that_cannot_be_used_is_named_and_stops_no_other(config: Path) -> None:
    incoming = config.parent / "incoming"
    write_rows(incoming / "good.csv", 5, seed=1, labelled=False)
    (incoming / "page.csv").write_text("<!DOCTYPE html><html>404</html>")
    outcome = score(config)
    assert outcome.run.rows.scored == 5
    with pytest.raises(DataRefused, match=r"1 file refused.*\n.*page\.csv"):
        require_usable(outcome.prepared)


def test_uncertain_rows_abstain_when_asked(config: Path) -> None:
    config.write_text(config.read_text() + "abstain_below = 0.999999\n")
    write_rows(config.parent / "incoming" / "night.csv", 60, seed=1, labelled=False)
    rows = score(config).run.rows
    assert rows.abstained > 0
    assert rows.scored + rows.abstained == 60
    abstained = [row for row in scores_of(config) if row["label"] is None]
    assert len(abstained) == rows.abstained
    assert all("abstained" in row["flags"] for row in abstained)


def test_a_score_leads_back_to_its_raw_row_and_its_training_data(config: Path) -> None:
    write_rows(config.parent / "incoming" / "night.csv", 90, seed=1, labelled=False, extra=[["empty-one", ""]])
    score(config)
    with open_workspace(config) as workspace:
        (found,) = find_lineage(workspace, "night-71")
        assert found["raw row"] == "incoming/night.csv:72"
        assert found["outcome"] == "scored"
        assert found["model"].startswith("pairs@v1")
        assert "data/train.csv" in found["training files"]
        (rejected,) = find_lineage(workspace, "empty-one")
        assert rejected["outcome"] == "rejected"
        assert rejected["raw row"] == "incoming/night.csv:91"
        with pytest.raises(DataRefused, match="no row with id 'nobody'"):
            find_lineage(workspace, "nobody")


def test_a_worse_model_is_not_promoted_but_a_person_may_insist_and_go_back(config: Path) -> None:
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 1").replace("0.02", "0.00001"))
    outcome = train(config)
    assert (outcome.promoted, outcome.champion) == (False, False)
    assert any("not worse than pairs@v1" in refusal or "predicted" in refusal for refusal in outcome.decision.refusals)
    with open_workspace(config) as workspace:
        second = registry.find_version(workspace, 2)
        with pytest.raises(GateRefused, match="the gate refused the model"):
            registry.require_promoted(registry.promote(workspace, second))
        registry.promote(workspace, second, force=True, why="trying it")
        assert registry.champion(workspace).version == 2
        before, after = registry.rollback(workspace)
        assert (before.version, after.version) == (2, 1)
        assert registry.champion(workspace).version == 1


def test_a_model_that_was_rolled_back_does_not_come_back_by_itself(config: Path) -> None:
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 9"))
    with open_workspace(config) as workspace:
        version = registry.find_version(workspace, None)
    second = train(config)
    with open_workspace(config) as workspace:
        if not second.champion:
            registry.promote(workspace, registry.find_version(workspace, 2), force=True, why="for the test")
        registry.rollback(workspace)
    again = train(config)
    assert not again.champion
    assert any("rolled back" in refusal for refusal in again.decision.refusals)
    with open_workspace(config) as workspace:
        assert registry.champion(workspace).version == version.version


def test_rolling_back_the_first_champion_is_refused(config: Path) -> None:
    with open_workspace(config) as workspace, pytest.raises(ConfigRefused, match="no earlier champion"):
        registry.rollback(workspace)


def test_scoring_without_a_champion_says_what_to_do(tmp_path: Path) -> None:
    config = write_project(tmp_path)
    with (
        open_workspace(config) as workspace,
        pytest.raises(ConfigRefused, match=r"no model is champion yet.*seqcls train"),
    ):
        score_pipeline(workspace)


@pytest.mark.slow
def test_a_floor_that_is_not_reached_keeps_the_model_out(tmp_path: Path) -> None:
    config = write_project(tmp_path, more='[[promote.floors]]\nmetric = "accuracy"\nat_least = 1.01')
    outcome = train(config)
    assert not outcome.champion
    assert "floor of accuracy" in outcome.decision.refusals[0]


def test_one_sequence_is_classified_from_the_command_line(config: Path) -> None:
    with open_workspace(config) as workspace:
        answer = predict_one(workspace, registry.champion(workspace), "w1 first w2 w3 second w4")
    assert answer["label"] == "yes"
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)


def test_the_summary_has_the_promised_shape(config: Path) -> None:
    write_rows(config.parent / "incoming" / "night.csv", 10, seed=1, labelled=False)
    trained, scored = train(config).summary(), score(config).summary()
    assert {"pipeline", "model", "metrics", "rows", "seconds", "train_rows_per_second"} <= set(
        json.loads(json.dumps(trained))
    )
    assert set(trained["metrics"]["test"]) == {"accuracy", "balanced_accuracy", "macro_f1", "mcc"}
    assert set(scored["rows"]) == {"in", "scored", "rejected", "abstained"}
    assert {"model", "rows_per_second", "output"} <= set(scored)
