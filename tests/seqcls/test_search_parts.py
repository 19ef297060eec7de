"""The parts of a search, each by itself: folds, plan, clock, presets, the lines to pin."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.base import duration_seconds
from seqcls.config.loading import parse_pipeline
from seqcls.config.pipeline import Pipeline
from seqcls.data.encoded_split import EncodedSplit
from seqcls.data.folds import assign_folds, same_sequences
from seqcls.errors import ConfigRefused
from seqcls.evaluation.tried import FILE
from seqcls.listener import SILENT
from seqcls.models.package import load_model
from seqcls.search import sizing
from seqcls.search.bench import Bench
from seqcls.search.candidate import Candidate, make_candidate, pin
from seqcls.search.clock import Clock, TimeIsUp
from seqcls.search.deciding import choose, seconds_for_whole
from seqcls.search.encodings import Encodings
from seqcls.search.folds import Cut, Fold, Judging, make_folds, possible_cuts, worth_folding
from seqcls.search.halving import rank
from seqcls.search.judging import choose_judging
from seqcls.search.plan import RUNGS, Costs, make_plan, planned_seconds, rung_epochs
from seqcls.search.presets import PRESETS, pipeline_of, presets_for, with_validation_rows
from seqcls.search.search import chosen_pipeline, folder_of, search
from seqcls.search.trial import Trial, TrialFacts, TrialStore
from seqcls.store.artefacts import ArtefactStore, Ref
from seqcls.store.parquet import read_parquet, shards
from seqcls.training.train import train
from tests.seqcls.encoded_examples import SPECS, encoded_table, write_encoded
from tests.seqcls.search_examples import LONG, SPEC, as_it_is, make_encoded, make_pipeline, order_table

SOURCES = {
    "series": {"format": "ucr", "files": ["rows.tsv"]},
    "text": {"format": "csv", "files": ["rows.csv"]},
    "tokens": {"format": "csv", "files": ["rows.csv"]},
    "dna": {"format": "csv", "files": ["rows.csv"]},
    "protein": {"format": "csv", "files": ["rows.csv"]},
}


def auto(kind: str, **sections: object) -> Pipeline:
    document = {"name": "example", "kind": kind, "source": SOURCES[kind], "model": {"family": "auto"}}
    return parse_pipeline({**document, **sections}, "example.toml")


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_the_reference_is_the_first_candidate_of_each_kind_whatever_is_asked_for(kind: str) -> None:
    assert [preset.name for preset in PRESETS[kind] if preset.reference] == [PRESETS[kind][0].name]
    assert len({preset.name for preset in PRESETS[kind]}) == len(PRESETS[kind]) >= 6
    chosen = presets_for(auto(kind, model={"family": "auto", "candidates": ["gru"]}))
    assert [preset.name for preset in chosen] == [PRESETS[kind][0].name, "gru"]


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_the_lines_to_pin_give_the_candidate_again(kind: str) -> None:
    pipeline = auto(kind, train={"budget": "10m", "threads": 1, "calibrate": True, "balance": "weights"})
    for preset in presets_for(pipeline):
        own = make_candidate(preset, pipeline, epochs=7).pipeline
        data = tomllib.loads(pin(own))
        again = auto(kind, **data)
        assert (again.model, again.encode) == (own.model, own.encode)
        assert again.train == own.train
        assert (own.train.threads, own.train.calibrate, own.train.balance) == (1, True, "weights")


def test_keys_that_the_pipeline_file_sets_stay_as_they_are() -> None:
    cnn = next(preset for preset in PRESETS["series"] if preset.name == "cnn")
    assert cnn.train["epochs"] == 100
    set_by_hand = pipeline_of(cnn, auto("series", train={"epochs": 9, "budget": "1m"})).train
    assert (set_by_hand.epochs, set_by_hand.batch_size, set_by_hand.budget) == (9, cnn.train["batch_size"], "5m")


def test_kmers_are_words() -> None:
    names = [preset.name for preset in presets_for(auto("dna", encode={"unit": "kmers", "k": 6}))]
    assert names == [preset.name for preset in PRESETS["text"]]


def test_a_budget_is_hours_minutes_and_seconds() -> None:
    assert [duration_seconds(text) for text in ("90s", "5m", "1h30m", "2h0m5s")] == [90, 300, 5400, 7205]
    for wrong in ("5", "m5", "", "5 m", "1m1h", "-5m"):
        with pytest.raises(ConfigRefused, match=r"train\.budget: "):
            auto("text", train={"budget": wrong})


def test_a_budget_without_auto_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r'train\.budget is for model\.family = "auto"; cnn takes the time'):
        auto("text", model={"family": "cnn"}, train={"budget": "10m"})


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=80),
    st.integers(2, 6),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_equal_sequences_are_dealt_together_and_parts_are_as_even_as_cards(
    rows: list[tuple[int, int]], parts: int, seed: int
) -> None:
    groups = np.array([group for _, group in rows])
    labels = groups % 4  # a group is of one class
    part = assign_folds(labels, groups, parts, seed)
    assert all(len(set(part[groups == group])) == 1 for group in groups)
    for label in set(labels):  # groups of each class, by part
        of_class = [part[groups == group][0] for group in set(groups[labels == label])]
        counts = np.bincount(of_class, minlength=parts)
        assert counts.max() - counts.min() <= 1


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(0, 2), max_size=3), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_sequences_are_the_same_where_their_values_are(rows: list[list[int]]) -> None:
    for value_type in (pa.int32(), pa.uint8(), pa.float32()):
        column = pa.array(rows, pa.list_(value_type))
        found = same_sequences(column.values.to_numpy(), column.offsets.to_numpy())
        for first, one in enumerate(rows):
            assert [found[first] == number for number in found] == [one == other for other in rows]


def test_folds_score_each_row_once_and_never_train_on_what_they_score(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path, test=False)
    judging = make_folds(Encodings(encoded), ArtefactStore(tmp_path / "own"), 0, possible_cuts(encoded)[0], "few")
    assert judging.why == "5-fold cross-validation (few)"
    assert sorted(np.concatenate([fold.rows for fold in judging.folds]).tolist()) == list(range(205))
    whole = [EncodedSplit.open(encoded, split) for split in ("train", "valid")]
    names = np.concatenate([split.ids.to_numpy() for split in whole])
    assert judging.labels.tolist() == np.concatenate([split.labels for split in whole]).tolist()
    for fold in judging.folds:
        parts = {}
        for split in ("train", "valid", "test"):
            table = read_parquet(shards(fold.encoded.own.folder / split), ["sequence", "label"])
            parts[split] = {tuple(sequence) for sequence in table["sequence"].to_pylist()}
        assert not parts["test"] & (parts["train"] | parts["valid"])
        assert not parts["train"] & parts["valid"]
        scored = EncodedSplit.open(fold.encoded.own, "test")
        assert scored.labels.tolist() == judging.labels[fold.rows].tolist()
        assert sorted(scored.ids.to_pylist()) == sorted(names[fold.rows].tolist())


def test_very_few_rows_are_cut_twice(tmp_path: Path) -> None:
    spec = SPECS["tokens"]
    rows = [[1 + row % 8, 1 + row // 8 % 8, 1 + row // 64] for row in range(100)]
    table = encoded_table(rows, [row % 2 for row in range(100)], spec)
    encoded = write_encoded(tmp_path, spec, {"train": table.slice(0, 80), "valid": table.slice(80)}, ["a", "b"])
    judging = make_folds(Encodings(encoded), ArtefactStore(tmp_path / "own"), 0, possible_cuts(encoded)[0], "few")
    assert [fold.repeat for fold in judging.folds] == [0] * 5 + [1] * 5
    assert possible_cuts(encoded) == [Cut(5, 2), Cut(5, 1), Cut(3, 1)]
    assert judging.folds[0].rows.tolist() != judging.folds[5].rows.tolist()


def test_no_folds_where_they_would_part_groups_or_mix_times(tmp_path: Path) -> None:
    encoded = make_encoded(tmp_path)
    assert worth_folding(encoded, make_pipeline([])) == (True, "165 training rows, fewer than 2,000")
    source = {"format": "csv", "files": ["rows.csv"], "group": "patient"}
    assert worth_folding(encoded, make_pipeline([], source=source))[0] is False
    source = {"format": "csv", "files": ["rows.csv"], "time": "day"}
    assert worth_folding(encoded, make_pipeline([], source=source, split={"method": "time"}))[0] is False


def test_a_fit_that_cross_validates_takes_as_long_as_all_its_fits() -> None:
    facts = TrialFacts(key="", epochs=1, finished=True, seconds=10.0, train_rows=1)
    chosen = make_candidate(PRESETS["tokens"][0], make_pipeline([]))
    chosen.trials = (Trial(facts, np.zeros((1, 2), np.float32)),)
    assert seconds_for_whole(chosen) == 60  # five folds and all rows
    rocket = make_candidate(PRESETS["series"][0], make_pipeline([]))  # one fit, whichever rows it gets
    rocket.trials = chosen.trials
    assert seconds_for_whole(rocket) == 0


def test_rows_of_a_group_or_of_later_days_do_not_judge_others_within_a_fit() -> None:
    grouped = {"source": {"format": "csv", "files": ["rows.csv"], "group": "patient"}}
    later = {"source": {"format": "csv", "files": ["rows.csv"], "time": "day"}, "split": {"method": "time"}}
    ngrams = PRESETS["tokens"][0]
    assert with_validation_rows(ngrams, make_pipeline([])).split.valid == 0
    for sections, why in ((grouped, "groups"), (later, "later rows")):
        assert with_validation_rows(ngrams, make_pipeline([], **sections)).split.valid > 0
        split = {**sections.get("split", {}), "valid": 0.0}
        with pytest.raises(ConfigRefused, match=rf"split\.valid = 0: ngrams would deal .* {why}.*; set it to 0\.1"):
            make_pipeline([], train={"epochs": 1}, **{**sections, "split": split, "model": {"family": "ngrams"}})


def test_the_plan_of_the_hand_example() -> None:
    costs = [Costs(name, 90, 1.0, steps=20) for name in "abc"]
    # All to the end: 270 s. Halved: 3 * 10 epochs, then 1 * 20, then 1 * 60 = 110 s.
    assert make_plan(costs, 1, 270, 0).rungs == (1.0,)
    assert planned_seconds(costs, dict.fromkeys("abc", 90), RUNGS[0], 1, 0) == pytest.approx(110)
    halved = make_plan(costs, 1, 110, 0)
    assert (halved.rungs, halved.epochs) == (RUNGS[0], dict.fromkeys("abc", 90))
    assert make_plan(costs, 1, 55, 0).epochs == dict.fromkeys("abc", 45)
    # Training the chosen one again after five folds: 5 * 110 + 90.
    assert make_plan(costs, 5, 640, 1).epochs == dict.fromkeys("abc", 90)


def test_a_first_rung_of_few_steps_is_no_rung() -> None:
    # 4 steps an epoch: a ninth of 90 epochs is 40 steps, a third 120. Two rungs: 3 * 30 + 1 * 60 = 150 s.
    costs = [Costs(name, 90, 1.0, steps=4) for name in "abc"]
    assert make_plan(costs, 1, 150, 0).rungs == RUNGS[1]
    # 300 steps are 75 epochs: before the epochs are fewer, the last is left out. 2 * 27 + 1 * 54 = 108 s.
    assert make_plan(costs, 1, 110, 0).epochs == {"a": 81, "b": 81}


def test_where_time_is_short_the_last_of_the_list_are_left_out() -> None:
    costs = [Costs("first", 30, 1.0, 50), Costs("slow", 30, 100.0, 50)]
    plan = make_plan(costs, 1, 30, 0)
    assert plan.epochs == {"first": 30}
    assert plan.left_out == {"slow": "training takes 3000 s, and 30 s were left for 2 candidates"}
    assert make_plan(costs, 1, 0.5, 0).epochs == {}


@given(
    st.lists(st.tuples(st.integers(1, 100), st.floats(0.01, 20), st.integers(1, 500)), min_size=1, max_size=8),
    st.integers(1, 10),
    st.floats(0, 2000),
    st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_a_plan_fits_into_the_time_that_is_left(
    given_costs: list[tuple[int, float, int]], folds: int, seconds: float, after: float
) -> None:
    costs = [Costs(f"c{number}", *cost) for number, cost in enumerate(given_costs)]
    plan = make_plan(costs, folds, seconds, after)
    tried = [cost for cost in costs if cost.name in plan.epochs]
    assert set(plan.epochs) | set(plan.left_out) == {cost.name for cost in costs}
    assert tried == costs[: len(tried)]
    if tried:
        assert planned_seconds(tried, plan.epochs, plan.rungs, folds, after) <= seconds
    assert all(1 <= plan.epochs[cost.name] <= cost.epochs for cost in tried)


def test_rungs_grow_by_three_and_end_with_all_epochs() -> None:
    assert [rung_epochs(90, rung) for rung in RUNGS[0]] == [10, 30, 90]
    assert [rung_epochs(2, rung) for rung in RUNGS[0]] == [1, 1, 2]


def test_the_clock_knows_what_earlier_processes_spent_and_stops_before_the_reserve(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    path.write_text(json.dumps({"seconds": 40.0}))
    clock = Clock(path, 100.0)
    assert 40 <= clock.spent < 50
    clock.check()
    clock.write()
    assert json.loads(path.read_bytes())["seconds"] >= 40
    clock.reserve(61.0)
    with pytest.raises(TimeIsUp):
        clock.check()
    assert clock.left == 0


def test_the_documentation_lists_the_presets_as_they_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "auto.md").read_text()
    for kinds in (("series",), ("text", "tokens"), ("dna", "protein")):
        first, *others = (PRESETS[kind] for kind in kinds)
        assert all(other == first for other in others)
        names = ", ".join(f"{one.name} (reference)" if one.reference else one.name for one in first)
        assert f"| {names} |" in page


def _judged(name: str, right: list[bool]) -> Candidate:
    """A candidate that is right about some of the rows of class 0 and 1, in turn."""
    labels = np.arange(len(right)) % 2
    predicted = np.where(right, labels, 1 - labels)
    candidate = make_candidate(next(one for one in PRESETS["tokens"] if one.name == name), make_pipeline([]))
    facts = TrialFacts(key=name, epochs=1, finished=True, seconds=1.0, train_rows=1)
    logits = np.eye(2, dtype=np.float32)[predicted]
    fold = Fold(Encodings(Ref(kind="encoded", digest="", path="")), "valid", np.arange(len(right)))
    candidate.take([Trial(facts, logits)], Judging((fold,), labels, "", 0), "balanced_accuracy")
    return candidate


@pytest.mark.parametrize(
    ("network", "chosen"),
    [(0.9, "lstm"), (0.74, "ngrams"), (0.6, "ngrams")],  # 200 rows: an interval of about 0.06 either side
)
def test_a_network_is_chosen_only_if_it_is_better_by_more_than_noise(network: float, chosen: str) -> None:
    def right(share: float, seed: int) -> list[bool]:
        return list(np.random.default_rng(seed).permutation(200) < 200 * share)

    judged = sorted([_judged("ngrams", right(0.7, 0)), _judged("lstm", right(network, 1))], key=rank)
    judging = Judging(
        (Fold(Encodings(Ref(kind="encoded", digest="", path="")), "valid", np.arange(200)),), np.arange(200) % 2, "", 0
    )
    assert choose(judged, judging, "balanced_accuracy").name == chosen


@pytest.mark.slow
def test_a_candidate_that_the_plan_left_out_is_tried_if_there_is_time_after_all(tmp_path: Path) -> None:
    """The plan of a machine that seemed slow; folds of the network take a moment."""
    store, encoded, pipeline = ArtefactStore(tmp_path), make_encoded(tmp_path), make_pipeline(["gru"], LONG)
    root = folder_of(encoded, pipeline, store)
    root.mkdir(parents=True)
    (root / "plan.json").write_text('{"epochs": {}, "rungs": [1.0], "left_out": {"gru": "no time"}}')
    found = search(encoded, pipeline, store, as_it_is)
    assert {one.name: one.state for one in found.candidates} == {"ngrams": "finished", "gru": "finished"}


@pytest.mark.slow
def test_few_validation_rows_are_no_judge_even_if_there_is_no_time_for_networks(tmp_path: Path) -> None:
    """20 rows, and networks that would take hours: the fitted families are compared on folds."""
    store = ArtefactStore(tmp_path)
    splits = {"train": order_table(20, 0), "valid": order_table(2, 1)}
    encoded = Encodings(write_encoded(tmp_path, SPEC, splits, ["no", "yes"]))
    pipeline = make_pipeline([], {"budget": "1m"})
    bench = Bench(pipeline, tmp_path, TrialStore(store), Clock(tmp_path / "clock.json", 60.0), SILENT)
    candidates = [make_candidate(preset, pipeline) for preset in PRESETS["tokens"]]
    costs = [Costs("lstm", 20, 3600.0, 10), Costs("gru", 20, 3600.0, 10)]
    judging = choose_judging(bench, encoded, candidates, costs)
    assert judging.why.startswith("5-fold cross-validation twice (20 training rows")


@pytest.mark.slow
def test_a_fit_that_takes_too_large_a_part_of_the_budget_learns_from_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model, the record and the lines to pin all say from how many; a search that is resumed measures nothing."""
    monkeypatch.setattr(sizing, "FIRST_ROWS", (16, 16))
    monkeypatch.setattr(sizing, "SHARE", 0.0)
    store, encoded, pipeline = (
        ArtefactStore(tmp_path),
        make_encoded(tmp_path),
        make_pipeline(["ngrams-opening"], {"budget": "40m"}),
    )
    found = search(encoded, pipeline, store, as_it_is)
    reference = next(one for one in found.candidates if one.name == "ngrams")
    assert (found.chosen[:6], reference.most_rows, found.whole) == ("ngrams", 16, False)
    assert "most_rows = 16" in found.pin
    root = folder_of(encoded, pipeline, store)
    (root / FILE).unlink()
    monkeypatch.setattr(sizing, "run_trial", None)
    assert search(encoded, pipeline, store, as_it_is).pin == found.pin
    chosen = chosen_pipeline(found, pipeline)
    assert getattr(chosen.model, "most_rows", None) == 16
    fitted = load_model(train(encoded, chosen, store).ref)
    everything = chosen.model_copy(update={"model": chosen.model.model_copy(update={"most_rows": None})})
    full = load_model(train(encoded, everything, store).ref)
    assert fitted.manifest.weights_sha256 != full.manifest.weights_sha256
