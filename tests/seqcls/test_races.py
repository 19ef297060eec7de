"""Races on the whole road: run at promotion, kept beside the version, believed on the machine they were run on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import seqcls.engines.races
from seqcls.config.train import EngineName
from seqcls.engines.machine import Machine, this_machine
from seqcls.engines.race import Lane, Race
from seqcls.engines.races import AGAIN, KIND, Choice, choose_engine, ensure_race, list_races, read_race
from seqcls.engines.scorer import open_scorer
from seqcls.errors import ConfigRefused
from seqcls.ledger.chunks import done_chunks
from seqcls.ledger.models import ModelVersion
from seqcls.ledger.stages import list_stage
from seqcls.maintenance.gc import collect_garbage
from seqcls.registry.versions import champion
from seqcls.road import ScoreOutcome, score_pipeline, train_pipeline
from seqcls.scoring.chunks import cut_chunks
from seqcls.scoring.lineage import find_lineage
from seqcls.store.artefacts import read_manifest, verify
from seqcls.store.parquet import read_parquet
from seqcls.workspace import Workspace, open_workspace
from tests.processor import needs_bf16
from tests.recorder import Recorder
from tests.road_data import write_project, write_rows

MANY_VALIDATION_ROWS = "[split]\nvalid = 0.4\n"


def fixed_race(chosen: EngineName, margin: float = 0.0, waited: float | None = 0.0) -> Race:
    """A race as this machine would have run it, with an outcome that no stopwatch decides."""
    lanes = [Lane(engine="torch", rows_per_second=100.0)]
    if chosen != "torch":
        lanes.append(Lane(engine=chosen, rows_per_second=150.0, margin=margin))
    return Race(
        chosen=chosen, why="said by the test", rows=300, lap_rows=256, batch_size=256, threads=1,
        machine=this_machine(), lanes=tuple(lanes), waited=waited,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion whose race chose torch-folded (the real race is run by the first test)."""
    config = write_project(tmp_path_factory.mktemp("raced"), rows=700, more=MANY_VALIDATION_ROWS)
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 3"))
    with pytest.MonkeyPatch.context() as patch, open_workspace(config) as workspace:
        patch.setattr(seqcls.engines.races, "run_race", lambda *given: fixed_race("torch-folded"))
        train_pipeline(workspace)
    return config


def set_engine(config: Path, engine: str) -> Path:
    """The same project with another [score].engine, in a config of its own."""
    other = config.with_name(f"{engine}.toml")
    other.write_text(config.read_text().replace("[score]\n", f'[score]\nengine = "{engine}"\n'))
    return other


def score_new(workspace: Workspace, name: str) -> tuple[ScoreOutcome, list[str]]:
    write_rows(workspace.folder / "incoming" / f"{name}.csv", 30, seed=len(name), labelled=False)
    heard = Recorder()
    return score_pipeline(workspace.with_listener(heard)), heard.notes


@pytest.mark.slow
def test_a_race_is_run_at_promotion_and_kept_beside_the_model_which_stays_as_it_is(tmp_path: Path) -> None:
    config = write_project(tmp_path, rows=700, more=MANY_VALIDATION_ROWS)
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 1"))
    with open_workspace(config) as workspace:
        train_pipeline(workspace)
        version = champion(workspace)
        [race] = list_races(workspace, version)
        assert [lane.engine for lane in race.lanes] == [
            "torch",
            "torch-folded",
            "torch-bf16",
            "openvino",
            "openvino-bf16",
        ]
        assert race.lanes[0].rows_per_second is not None
        assert race.rows >= 256
        assert race.chosen == "torch" or next(lane for lane in race.lanes if lane.engine == race.chosen).refused == ""
        assert race.waited is not None, "this machine says how busy it is"
        quiet = race.model_copy(update={"waited": 0.0})  # this machine may be busy or not
        seqcls.engines.races._record(workspace, version, quiet)
        assert choose_engine(workspace, version) == Choice(race.chosen, margin=race.margin)
        verify(workspace.store.ref("model", version.model_digest))
        [(digest, facts)] = list_stage(workspace.ledger, KIND)
        assert read_manifest(workspace.store.ref(KIND, digest))["inputs"] == {"model": version.model_digest}
        page = (workspace.store.ref(KIND, digest).folder / "race.md").read_text()
        assert f"**{race.chosen}** scores" in page
        assert facts["line"].startswith(f"scored by {race.chosen}: ")
        assert ensure_race(workspace, version) == quiet  # once, not again


busy_race = pytest.mark.fault(
    "M02", tried="a race of the engines of scoring while other programs take the processors",
    outcome="the record and a line say so; its choice counts until a promotion or a scoring run on a quiet machine "
    "races again",
)  # fmt: skip


@pytest.fixture
def raced_when_busy(trained: Path, tmp_path: Path) -> Iterator[tuple[Workspace, ModelVersion]]:
    """A champion whose race chose torch-folded while the machine was busy."""
    config = Path(shutil.copytree(trained.parent, tmp_path / "copy")) / trained.name
    with open_workspace(config) as workspace:
        version = champion(workspace)
        seqcls.engines.races._record(workspace, version, fixed_race("torch-folded", waited=0.4))
        yield workspace, version


@busy_race
def test_a_race_on_a_busy_machine_counts_and_says_so_while_the_machine_is_busy(
    raced_when_busy: tuple[Workspace, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, version = raced_when_busy
    monkeypatch.setattr(seqcls.engines.races, "waited_so_far", lambda: 0.4)
    monkeypatch.setattr(seqcls.engines.races, "run_race", lambda *given: pytest.fail("it would be no better now"))
    outcome, notes = score_new(workspace, "busy")
    note = f"torch-folded scores: {version.name} was raced while the machine was busy; "
    assert notes == [f"{note}the next scoring run on a quiet machine races again"]
    assert outcome.run.engine == "torch-folded"


@busy_race
def test_a_quiet_scoring_run_races_again_and_keeps_what_it_finds(
    raced_when_busy: tuple[Workspace, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, version = raced_when_busy
    found = [fixed_race("torch"), fixed_race("torch-folded")]
    monkeypatch.setattr(seqcls.engines.races, "waited_so_far", lambda: 0.02)
    monkeypatch.setattr(seqcls.engines.races, "run_race", lambda *given: found.pop(0))
    assert choose_engine(workspace, version) == choose_engine(workspace, version) == Choice("torch")
    assert list_races(workspace, version) == [fixed_race("torch")], "one race counts, the other is gone from the books"
    assert len(found) == 1, "the second look finds a quiet race"


@busy_race
def test_without_the_rows_for_another_race_the_one_on_a_busy_machine_counts(
    raced_when_busy: tuple[Workspace, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, version = raced_when_busy
    shutil.rmtree(workspace.store.ref("encoded", version.inputs["encoded"]).folder)
    monkeypatch.setattr(seqcls.engines.races, "waited_so_far", lambda: 0.0)
    choice = choose_engine(workspace, version)
    assert (choice.engine, "busy" in choice.note) == ("torch-folded", True)
    assert ensure_race(workspace, version) == fixed_race("torch-folded", waited=0.4)


@busy_race
def test_a_record_of_an_earlier_version_says_nothing_of_the_load_and_counts(trained: Path) -> None:
    data = fixed_race("torch-folded").model_dump(mode="json")
    del data["waited"]
    race = Race.model_validate_json(json.dumps(data))
    assert (race.waited, race.was_busy) == (None, False)


def test_scores_are_made_by_the_engine_of_the_race_and_say_so(trained: Path) -> None:
    with open_workspace(trained) as workspace:
        outcome, notes = score_new(workspace, "first")
        chunk = done_chunks(workspace.ledger, "pairs")[-1]
        assert read_manifest(workspace.store.ref("scores", chunk.scores_digest))["meta"]["engine"] == "torch-folded"
        assert (outcome.run.engine, outcome.run.note) == ("torch-folded", "")
        assert outcome.summary()["engine"] == "torch-folded"
        assert not notes
        assert find_lineage(workspace, "first-3")[0]["engine"] == "torch-folded"
        assert (outcome.run.rows.rows_in, outcome.run.rows.scored) == (30, 30)


@pytest.mark.parametrize(
    ("engine", "margin"),
    [
        pytest.param("torch-bf16", 0.0, marks=needs_bf16),
        pytest.param("torch-bf16", 1.0, marks=needs_bf16),
        ("torch-folded", 1.0),
    ],
)
def test_near_ties_are_scored_by_pytorch_as_the_race_says(
    trained: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName, margin: float
) -> None:
    monkeypatch.setattr(seqcls.engines.races, "find_race", lambda *given: (fixed_race(engine, margin), ""))
    with open_workspace(trained) as workspace:
        score_new(workspace, f"{engine}-{margin}")
        chunk = done_chunks(workspace.ledger, "pairs")[-1]
        scores = workspace.store.ref("scores", chunk.scores_digest)
        assert read_manifest(scores)["meta"]["margin"] == margin
        ties = ", near ties (within 1.0000) by torch" if margin else ""
        assert find_lineage(workspace, f"{engine}-{margin}-3")[0]["engine"] == f"{engine}{ties}"
        checked = workspace.store.ref("checked", read_manifest(scores)["inputs"]["checked"])
        rows = next(cut_chunks(checked, 1_000))[1]
        exact = open_scorer(workspace, champion(workspace), "torch")
    found = read_parquet([scores.folder / "scores.parquet"])
    ours = np.stack([found[f"p_{label}"].to_numpy() for label in exact.labels], axis=1)
    assert np.array_equal(ours, exact.probabilities(rows).astype(ours.dtype)) == (
        margin == 1.0
    )  # within 1.0 all are near ties


def test_on_another_machine_pytorch_scores_and_a_line_says_what_is_other(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = this_machine()
    monkeypatch.setattr(seqcls.engines.races, "this_machine", lambda: here.model_copy(update={"processor": "Other"}))
    with open_workspace(trained) as workspace:
        outcome, notes = score_new(workspace, "elsewhere")
    note = f"torch scores: pairs@v1 was raced on another machine (processor Other, then {here.processor}); "
    assert notes == [f"{note}`seqcls promote CONFIG --version N` races here"]
    assert outcome.run.engine == "torch"


def test_a_race_by_other_rules_does_not_count_and_promotion_races_again(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path(shutil.copytree(trained.parent, tmp_path / "copy")) / trained.name
    monkeypatch.setattr(seqcls.engines.races, "RULES", 10**6)
    monkeypatch.setattr(seqcls.engines.races, "run_race", lambda *given: fixed_race("torch-folded", margin=0.5))
    with open_workspace(config) as workspace:
        version = champion(workspace)
        note = "torch scores: pairs@v1 was raced with earlier engines or rules; "
        assert choose_engine(workspace, version) == Choice("torch", f"{note}{AGAIN}")
        ensure_race(workspace, version)
        assert choose_engine(workspace, version) == Choice("torch-folded", margin=0.5)


def test_an_engine_that_is_named_in_the_config_scores_whatever_the_race_said(trained: Path) -> None:
    with open_workspace(set_engine(trained, "torch")) as workspace:
        outcome, _ = score_new(workspace, "by-word")
    assert (outcome.run.engine, outcome.run.note) == ("torch", "")


def test_an_unknown_engine_is_refused_with_those_that_there_are(trained: Path) -> None:
    with (
        pytest.raises(ConfigRefused, match=r"score\.engine: 'turbo' is not known; known: auto, torch, .*openvino"),
        open_workspace(set_engine(trained, "turbo")),
    ):
        pass


def test_clearing_up_keeps_the_race_of_a_version_that_is_kept(trained: Path) -> None:
    with open_workspace(trained) as workspace:
        collect_garbage(workspace, age_seconds=0.0)
        [race] = list_races(workspace, champion(workspace))
    assert race.chosen == "torch-folded"


def test_a_damaged_race_of_another_machine_is_set_aside_too(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path(shutil.copytree(trained.parent, tmp_path / "copy")) / trained.name
    here = this_machine()
    monkeypatch.setattr(seqcls.engines.races, "this_machine", lambda: here.model_copy(update={"processor": "Other"}))
    with open_workspace(config) as workspace:
        [(digest, _)] = list_stage(workspace.ledger, KIND)
        path = workspace.store.ref(KIND, digest).folder / "race.json"
        path.write_text(path.read_text()[:-9])
        assert choose_engine(workspace, champion(workspace)) == Choice("torch")
        assert not path.exists()


def test_a_tampered_race_is_set_aside_and_pytorch_scores(trained: Path, tmp_path: Path) -> None:
    with open_workspace(trained) as workspace:
        version = champion(workspace)
        [(digest, _)] = list_stage(workspace.ledger, KIND)
        path = workspace.store.ref(KIND, digest).folder / "race.json"
        whole = path.read_text()
        path.write_text(json.dumps(json.loads(whole) | {"chosen": "openvino"}))
        engine, note, _ = choose_engine(workspace, version)
        assert engine == "torch"
        assert note.startswith("torch scores: the record of its race is damaged (SHA-256 is ")
        assert not path.exists()
        assert choose_engine(workspace, version).note.startswith("torch scores: the record of its race is gone")


@pytest.mark.slow
def test_with_few_validation_rows_there_is_no_race_and_old_versions_score_as_ever(tmp_path: Path) -> None:
    config = write_project(tmp_path, rows=60)
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 1"))
    with open_workspace(config) as workspace:
        train_pipeline(workspace)
        assert list_stage(workspace.ledger, KIND) == []
        outcome, notes = score_new(workspace, "old")
        assert (outcome.run.engine, outcome.run.note) == ("torch", "")
        assert not notes


def test_a_record_with_an_unknown_engine_or_field_is_no_race(trained: Path, tmp_path: Path) -> None:
    data = fixed_race("torch").model_dump(mode="json")
    for wrong in ({"chosen": "/tmp/evil.so"}, {"run": "anything"}):
        with pytest.raises(ValueError, match="validation error"):
            Race.model_validate_json(json.dumps(data | wrong))
    assert Machine.model_validate(data["machine"]) == this_machine()
    assert read_race  # the reader of records checks exactly this, after the digests
