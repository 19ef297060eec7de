"""`train.threads = "auto"`: fewer threads only where they are clearly faster; kept with the run, told, written down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seqcls.config.loading import parse_pipeline
from seqcls.config.train import TrainConfig
from seqcls.errors import ConfigRefused
from seqcls.models import build_model
from seqcls.store.artefacts import ArtefactStore
from seqcls.training import choices, seeding
from seqcls.training.choices import Start, Threads, choose_threads, judge_threads
from seqcls.training.epochs import Run
from seqcls.training.optimisation import Objective
from seqcls.training.train import train
from seqcls.training.trials import FASTER, STEPS_A_TURN, Taken, Way, take_turns
from tests.processor import SMALL, needs_bf16
from tests.seqcls.encoded_examples import SPECS
from tests.seqcls.test_models import batch_of, config_of
from tests.seqcls.training_examples import FAMILIES, make_encoded, make_pipeline

CPU = torch.device("cpu")
LONG = {"epochs": 20, "batch_size": 16, "threads": "auto"}  # 200 steps: long enough for a trial of two numbers


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(seeding, "most_threads", lambda sharing: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def start_of(steps: int = 1000, device: str = "cpu") -> Start:
    torch.manual_seed(0)
    batches = [batch_of(SPECS["tokens"], 16, seed) for seed in range(4)]
    model = build_model(config_of("gru", "mean"), SPECS["tokens"], 3)
    config = TrainConfig(threads="auto")
    return Start(config, model, Objective(0.0, None, CPU), batches, steps, torch.device(device))


@pytest.mark.parametrize(
    ("half", "one", "used"),
    [
        pytest.param(FASTER + 0.01, 0.5, 4, id="half-of-them"),
        pytest.param(FASTER + 0.01, FASTER + 0.02, 1, id="the-fastest-counts"),
        pytest.param(FASTER - 0.01, 0.5, 8, id="hardly-faster-is-noise"),
    ],
)
def test_fewer_threads_must_be_clearly_faster(half: float, one: float, used: int) -> None:
    taken = [Taken([], [1.0 / speed] * 14) for speed in (1.0, half, one)]
    chosen = judge_threads([8, 4, 1], taken)
    said = f"4 {half:.2f}, 1 {one:.2f}"
    why = f"{used}: steps by the time that all 8 threads take: {said} times as fast (at least {FASTER} is asked for)"
    assert chosen == Threads(used=used, why=why)


def test_starting_threads_is_no_part_of_a_step() -> None:
    """The first step of each turn, in which threads are started or end."""
    slow_start = Taken([], [3.0, 1.0] * 7)
    assert judge_threads([2, 1], [slow_start, Taken([], [1.0] * 14)]).used == 2


def test_what_is_tried_is_all_half_quarter_and_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[list[int]] = []

    def judge(counts: list[int], taken: list[Taken]) -> Threads:
        tried.append(counts)
        return Threads()

    monkeypatch.setattr(choices, "judge_threads", judge)
    monkeypatch.setattr(Start, "take_turns", lambda self, *ways: [])
    for most in (2, 3, 16):
        torch.set_num_threads(most)
        choose_threads(start_of())
    assert tried == [[2, 1], [3, 1], [16, 8, 4, 1]]


def test_each_way_has_its_threads_and_all_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    start, seen = start_of(), []
    objective = start.objective

    class Watched(Objective):
        def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return objective(logits, labels)

    state = torch.get_rng_state()
    ways = (Way(threads=2), Way(threads=1))
    both, one = take_turns(start.config, start.model, Watched(0.0, None, CPU), start.batches, ways, CPU)
    assert seen == ([2] * STEPS_A_TURN + [1] * STEPS_A_TURN) * (4 // STEPS_A_TURN)
    assert both.losses == pytest.approx(one.losses, rel=1e-4)
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("start", "most", "why"),
    [
        ({"steps": 139}, 2, "2: 139 steps at most are too few to be worth a trial"),
        ({}, 1, "1: there is no other"),
        ({"device": "cuda"}, 2, "2: the cuda computes"),
    ],
)
def test_where_nothing_can_be_won_nothing_is_tried(start: dict[str, Any], most: int, why: str) -> None:
    torch.set_num_threads(most)
    assert choose_threads(start_of(**start)) == Threads(used=most, why=why)


@pytest.mark.parametrize("small", [True, pytest.param(False, marks=needs_bf16)])
def test_threads_are_tried_in_the_precision_that_can_be_had(monkeypatch: pytest.MonkeyPatch, small: bool) -> None:
    tried: list[Way] = []

    def take_none(start: Start, *ways: Way) -> list[Taken]:
        tried.extend(ways)
        return [Taken([], [1.0] * 14) for _ in ways]

    monkeypatch.setattr(Start, "take_turns", take_none)
    if small:
        monkeypatch.setenv(*SMALL)
    choose_threads(replace(start_of(), config=TrainConfig(threads="auto", precision="bfloat16")))
    assert [way.precision for way in tried] == ["float32" if small else "bfloat16"] * 2


@pytest.mark.fault(
    "M02", tried='train.threads = "auto" while other programs take the processors',
    outcome="the line that tells the choice, and model.json, say that the machine was busy",
)  # fmt: skip
def test_the_choice_is_told_written_down_and_kept_for_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "busy_words", lambda waited: "; busy")
    monkeypatch.setattr(choices, "judge_threads", lambda counts, taken: Threads(used=1, why="1: as this test says"))
    monkeypatch.setattr(choices, "is_worth", lambda steps, ways: True)
    told: list[str] = []
    encoded, pipeline = make_encoded(tmp_path), make_pipeline(FAMILIES["cnn"], {**LONG, "epochs": 2})
    ref = train(encoded, pipeline, ArtefactStore(tmp_path), tell=told.append).ref
    manifest = json.loads((ref.folder / "model.json").read_bytes())
    assert told == ["train.threads: 1: as this test says; busy"]
    assert (manifest["threads"], manifest["threads_choice"]) == (1, "1: as this test says; busy")
    assert torch.get_num_threads() == 2, "the process is left as it was"

    Run(encoded, pipeline, CPU, tmp_path / "run", None)  # killed before its first step
    torch.set_num_threads(2)
    monkeypatch.setattr(choices, "judge_threads", lambda counts, taken: pytest.fail("it is known already"))
    again = Run(encoded, pipeline, CPU, tmp_path / "run", None)
    assert (again.state.threads.used, torch.get_num_threads()) == (1, 1)


def test_auto_is_measured_for_real_and_says_what_it_found(tmp_path: Path) -> None:
    told: list[str] = []
    pipeline = make_pipeline(FAMILIES["lstm"], {**LONG, "epochs": 40, "patience": 1})
    train(make_encoded(tmp_path), pipeline, ArtefactStore(tmp_path), tell=told.append)
    [line] = told
    assert re.fullmatch(
        r"train\.threads: [12]: steps by the time that all 2 threads take: 1 \d+\.\d\d times as fast "
        rf"\(at least {FASTER} is asked for\)(; the machine was busy: threads waited .+)?", line
    )  # fmt: skip


@pytest.mark.parametrize(
    ("family", "threads", "message"),
    [
        ("ngrams", "auto", r'train\.threads = "auto" tries steps of a training, and ngrams takes none: set a number'),
        ("auto", "auto", r'train\.threads = "auto" is for one family'),
        ("cnn", "all", r"train\.threads: 'all' is neither a whole number from 0 to 2147483647 nor \"auto\""),
        ("cnn", -1, r"train\.threads: -1 is neither"),
        ("cnn", True, r"train\.threads: True is neither"),
        ("cnn", 1.5, r"train\.threads: 1\.5 is neither"),
    ],
)
def test_what_threads_may_be(family: str, threads: Any, message: str) -> None:
    data: dict[str, Any] = {"name": "example", "kind": "text", "source": {"format": "csv", "files": ["rows.csv"]}}
    with pytest.raises(ConfigRefused, match=message):
        parse_pipeline({**data, "model": {"family": family}, "train": {"threads": threads}}, "example.toml")
