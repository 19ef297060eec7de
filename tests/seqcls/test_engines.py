"""Engines give PyTorch's answers on every family and form of input; the race refuses those that do not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqcls.config.model import Family, families_trained, find_family
from seqcls.config.train import EngineName
from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.engines import conversion
from seqcls.engines.deferral import Deferral, near_ties, run_engine
from seqcls.engines.engine import Engine, EngineUnavailable
from seqcls.engines.machine import this_machine
from seqcls.engines.openvino_engine import possible_widths
from seqcls.engines.race import Lane, Race, choose, compare, evenly, judge, run_race
from seqcls.engines.registry import ENGINES
from seqcls.engines.torch_engine import open_torch
from seqcls.evaluation.probabilities import softmax
from seqcls.models.building import build_model
from seqcls.models.instructions import processor
from seqcls.models.logits import Logits, run_batches
from seqcls.models.package import LoadedModel, ModelManifest
from tests.processor import SMALL, WITHOUT_BF16, WITHOUT_OPENVINO, needs_openvino
from tests.seqcls.encoded_examples import SPECS, encoded_table, random_table
from tests.seqcls.test_models import CLASSES, config_of, fits

ROOT = Path(__file__).parents[2]
LABELS = ("a", "b", "c")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loaded_of(config: Family, inputs: InputSpec, sharpness: float = 1.0, temperature: float = 1.0) -> LoadedModel:
    """A network with random weights; `sharpness` multiplies its logits, since untrained ones are nearly equal."""
    torch.manual_seed(0)
    network = build_model(config, inputs, CLASSES).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Linear) and layer.out_features == CLASSES:
            layer.weight.data *= sharpness
    manifest = ModelManifest(
        format=1, pipeline="p", kind="tokens", model=config, inputs=inputs, labels=LABELS, seed=0, threads=1,
        device="cpu", torch=torch.__version__, parameters=0, best_epoch=1, weights_sha256="", temperature=temperature,
    )  # fmt: skip
    return LoadedModel(network, LABELS, inputs, config, manifest)


def split_of(inputs: InputSpec, rows: int, seed: int = 1) -> EncodedSplit:
    return EncodedSplit.from_arrow(random_table(inputs, rows, CLASSES, seed), inputs)


def logits_of(engine: Engine, loaded: LoadedModel, split: EncodedSplit, batch_size: int = 7) -> Logits:
    return run_batches(engine.run, split, loaded.inputs, CLASSES, batch_size)


def open_or_skip(name: EngineName, loaded: LoadedModel) -> Engine:
    if name.startswith("openvino") and WITHOUT_OPENVINO:
        pytest.skip(WITHOUT_OPENVINO)
    if name.endswith("bf16") and WITHOUT_BF16:
        pytest.skip(WITHOUT_BF16)
    return ENGINES[name](loaded)


FORM_OF = {"cnn": "composition", "lite": "missing", "resnet": "values", "inception": "missing", "hybrid": "missing"}
"""A form of input for each family."""


@pytest.mark.slow
@pytest.mark.parametrize("family", families_trained("epochs"))
@pytest.mark.parametrize("name", ["torch-bf16", "openvino", "openvino-bf16"])
def test_every_engine_gives_the_answers_of_pytorch_for_every_family(name: EngineName, family: str) -> None:
    inputs = SPECS[FORM_OF.get(family, "tokens")]
    assert fits(family, FORM_OF.get(family, "tokens"))
    loaded = loaded_of(config_of(family, "attention" if family in ("gru", "cnn") else "last"), inputs, sharpness=5.0)
    engine, split = open_or_skip(name, loaded), split_of(inputs, 50)
    wanted, found = logits_of(open_torch(loaded), loaded, split), logits_of(engine, loaded, split)
    assert found.dtype == np.float32
    np.testing.assert_allclose(softmax(found), softmax(wanted), atol=1e-5 if name == "openvino" else 0.05)
    assert np.ptp(softmax(wanted)[:, 0]) > 0.01  # the rows do differ, or nothing would have been compared


@pytest.mark.slow
@needs_openvino
@pytest.mark.parametrize("form", SPECS)
def test_a_converted_network_is_exact_at_every_length_and_for_a_row_without_positions(form: str) -> None:
    inputs = SPECS[form].model_copy(update={"max_length": 40})
    loaded = loaded_of(config_of("lstm", "mean"), inputs)
    engine, reference = ENGINES["openvino"](loaded), open_torch(loaded)
    rows = [[1.0] * length * max(inputs.channels, 1) for length in range(41)]
    split = EncodedSplit.from_arrow(encoded_table(rows, [0] * 41, inputs), inputs)
    for row in range(41):  # each by itself, so that every width of a batch occurs
        batch = split.collate(np.array([row]), inputs)
        np.testing.assert_allclose(engine.run(batch), reference.run(batch), atol=1e-5, err_msg=f"{row} positions")


@pytest.mark.slow
@needs_openvino
def test_flattened_positions_are_computed_at_their_full_length_only() -> None:
    inputs = SPECS["values"].model_copy(update={"max_length": 40})
    loaded = loaded_of(config_of("cnn", "flatten"), inputs)
    engine, split = ENGINES["openvino"](loaded), split_of(inputs, 30)
    assert engine.widths[-1] == 40  # type: ignore[attr-defined]
    wanted = logits_of(open_torch(loaded), loaded, split)
    np.testing.assert_allclose(logits_of(engine, loaded, split), wanted, atol=1e-4)


@pytest.mark.slow
@needs_openvino
def test_both_strands_and_several_members_are_converted_too() -> None:
    spec = SPECS["composition"].model_copy(update={"complement": (0, 4, 3, 2, 1, 5)})
    loaded = loaded_of(config_of("gru", "last").model_copy(update={"members": 2}), spec)
    split = split_of(spec, 20)
    wanted = logits_of(open_torch(loaded), loaded, split)
    np.testing.assert_allclose(logits_of(ENGINES["openvino"](loaded), loaded, split), wanted, atol=1e-5)


@needs_openvino
def test_importing_openvino_tells_nobody() -> None:
    conversion.import_openvino()
    assert sys.modules["openvino_telemetry"] is None
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"


@pytest.mark.parametrize("family", [name for name in families_trained("fit") if name != "encoder"])
def test_fitted_families_are_left_to_pytorch_with_the_reason(family: str) -> None:
    config = find_family(family)()
    form = next(form for form in SPECS if fits(family, form))
    loaded = loaded_of(config, SPECS[form])  # type: ignore[arg-type]
    for name in ENGINES.keys() - {"torch"}:
        if name.startswith("torch") or conversion.is_installed():
            with pytest.raises(EngineUnavailable, match=f"score.engine: {name}: .*{config.family}|no instructions"):  # type: ignore[attr-defined]
                ENGINES[name](loaded)


def test_without_the_extra_openvino_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"not installed.*pip install 'seqcls\[openvino\]'"):
        ENGINES["openvino"](loaded_of(config_of("gru", "last"), SPECS["tokens"]))


@needs_openvino
def test_a_network_that_tracing_gets_wrong_is_refused() -> None:
    loaded = loaded_of(config_of("gru", "last"), SPECS["tokens"])
    with pytest.raises(EngineUnavailable, match="its results differ from those of PyTorch"):
        ENGINES["openvino"](replace(loaded, model=CountsCalls().eval()))


class CountsCalls(nn.Module):
    """Another answer at the first call, which is that of the conversion."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.ones(1, 3)), 0

    def forward(self, batch: Batch) -> torch.Tensor:
        assert batch.tokens is not None
        self.calls += 1
        ahead = torch.tensor([[5.0, 0.0, 0.0]]) if self.calls == 1 else torch.tensor([[0.0, 0.0, 5.0]])
        return batch.tokens[:, :1].float() * 0 * self.weight + ahead


def test_widths_are_eighths_of_the_longest_row() -> None:
    assert possible_widths(80) == (10, 20, 30, 40, 50, 60, 70, 80)
    assert possible_widths(20) == (8, 10, 13, 15, 18, 20)
    assert possible_widths(3) == (3,)


@dataclass(frozen=True)
class Shifted:
    """An engine that is wrong in a known way: PyTorch's logits, changed."""

    name: str
    true: Engine
    change: Callable[[Logits], Logits]

    def run(self, batch: Batch) -> Logits:
        return self.change(self.true.run(batch))


def race_with(change: Callable[[Logits], Logits]) -> Race:
    loaded = loaded_of(config_of("gru", "last"), SPECS["tokens"], sharpness=5.0)
    engines = {
        "torch": open_torch,
        "torch-bf16": lambda given: Shifted("torch-bf16", open_torch(given), change),
    }
    return run_race(loaded, split_of(SPECS["tokens"], 300), 256, engines)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda logits: logits[:, ::-1], r"keeps \d+\.\d+% of the labels, expected 99.9%"),
        (lambda logits: logits * 0.5, r"moves a probability by 0\.\d+, expected at most 0.05"),
        (lambda logits: logits * np.nan, "gives no finite numbers where PyTorch does"),
    ],
)
def test_an_engine_with_other_answers_is_not_timed_and_pytorch_scores(
    change: Callable[[Logits], Logits], reason: str
) -> None:
    race = race_with(change)
    lane = next(lane for lane in race.lanes if lane.engine == "torch-bf16")
    assert race.chosen == "torch"
    assert race.why.split("; ")[0] == "may not score: torch-bf16"  # a busy machine adds to it
    assert lane.rows_per_second is None
    assert re.search(reason, lane.refused)


@pytest.mark.slow
def test_an_engine_that_only_turns_near_ties_scores_and_leaves_those_to_pytorch() -> None:
    race = race_with(lambda logits: np.round(logits, 1))
    lane = race.lanes[1]
    assert (lane.refused, lane.same_labels) == ("", 1.0)
    assert lane.rows_per_second is not None
    assert 0 < lane.deferred < 0.2
    loaded, rows = loaded_of(config_of("gru", "last"), SPECS["tokens"], sharpness=5.0), split_of(SPECS["tokens"], 300)
    reference = open_torch(loaded)
    rounded = Shifted("torch-bf16", reference, lambda logits: np.round(logits, 1))
    wanted, alone = (run_engine(engine, loaded, rows, 256) for engine in (reference, rounded))
    found = run_engine(rounded, loaded, rows, 256, Deferral(reference, lane.margin))
    assert (alone.argmax(1) != wanted.argmax(1)).any(), "nothing to be left to PyTorch"
    np.testing.assert_array_equal(found.argmax(1), wanted.argmax(1))
    ties = near_ties(alone, 1.0, lane.margin)
    assert len(ties) / 300 == lane.deferred
    np.testing.assert_allclose(found[ties], wanted[ties], atol=1e-6)  # in other batches than before
    others = np.setdiff1d(np.arange(300), ties)
    np.testing.assert_array_equal(found[others], alone[others])


def test_large_moves_of_near_ties_are_left_to_pytorch_and_no_others() -> None:
    """Two classes, 1,000 rows: one at 0.52 moves by 0.07; the same move at 0.9 is no matter of a near tie."""
    wanted = np.tile(np.log(np.array([[0.9, 0.1]], np.float32)), (1000, 1))
    wanted[0] = np.log([0.52, 0.48])
    near, sure = wanted.copy(), wanted.copy()
    near[0], sure[1] = np.log([0.45, 0.55]), np.log([0.83, 0.17])
    lane = judge("torch-bf16", wanted, near, 1.0, 0.0)
    assert (lane.refused, lane.deferred, lane.most_moved) == ("", 0.001, 0.0)
    assert lane.margin == pytest.approx(0.14)
    assert judge("torch-bf16", wanted, sure, 1.0, 0.0).refused == "moves a probability by 0.070, expected at most 0.05"
    near[0] = np.log([0.40, 0.60])
    assert judge("torch-bf16", wanted, near, 1.0, 0.0).refused == "moves a probability by 0.120, expected at most 0.05"


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 6), most=st.floats(0, 0.05))
def test_a_label_turns_only_within_twice_what_probabilities_move(seed: int, classes: int, most: float) -> None:
    random = np.random.default_rng(seed)
    true = random.dirichlet(np.full(classes, 0.5), 200)
    true[:100, 1] = true[:100, 0]  # ties
    moved = np.maximum(true + random.uniform(-most, most, true.shape), 1e-9)
    moved /= moved.sum(axis=1, keepdims=True)
    given_logits = np.log(moved).astype(np.float32)
    margin = 2 * float(np.abs(softmax(given_logits) - true).max()) + 1e-6
    turned = np.flatnonzero(given_logits.argmax(1) != true.argmax(1))
    assert np.isin(turned, near_ties(given_logits, 1.0, margin)).all()


def test_a_row_without_numbers_is_no_near_tie() -> None:
    logits = np.array([[np.nan, 0.0], [0.0, 0.0], [9.0, 0.0]], np.float32)
    assert near_ties(logits, 1.0, 0.1).tolist() == [1]


@pytest.mark.slow
def test_the_race_says_what_it_compared_and_where() -> None:
    race = race_with(lambda logits: logits + np.float32(1.0))  # the same probabilities
    first, second = race.lanes
    assert (race.rows, race.batch_size, race.threads, race.machine) == (300, 256, 1, this_machine())
    assert first.rows_per_second is not None
    assert second.rows_per_second is not None
    assert (second.same_labels, second.refused) == (1.0, "")
    assert second.most_moved == pytest.approx(0.0, abs=1e-6)
    assert Race.model_validate_json(race.model_dump_json()) == race


def test_one_row_in_a_thousand_may_get_another_label_but_not_two() -> None:
    wanted = np.tile(np.array([[0.02, 0.0]], np.float32), (1000, 1))
    found = wanted.copy()
    found[0] = found[0, ::-1]
    assert compare("openvino", wanted, found, 1.0, 0.0).refused == ""
    found[1] = found[1, ::-1]
    assert compare("openvino", wanted, found, 1.0, 0.0).refused == "keeps 99.80% of the labels, expected 99.9%"


def test_probabilities_are_compared_at_the_temperature_of_the_scores() -> None:
    wanted, found = np.array([[2.0, 0.0]], np.float32), np.array([[2.4, 0.0]], np.float32)
    cold = compare("openvino", wanted, found, 0.5, 0.0).most_moved
    warm = compare("openvino", wanted, found, 4.0, 0.0).most_moved
    assert cold == pytest.approx(1 / (1 + np.exp(-4.8)) - 1 / (1 + np.exp(-4.0)), abs=1e-6)
    assert warm == pytest.approx(1 / (1 + np.exp(-0.6)) - 1 / (1 + np.exp(-0.5)), abs=1e-6)


def lane(engine: EngineName, speed: float | None, refused: str = "") -> Lane:
    return Lane(engine=engine, rows_per_second=speed, refused=refused)


def test_the_reason_says_how_many_rows_are_computed_twice() -> None:
    lanes = [lane("torch", 100.0), lane("torch-bf16", 150.0).model_copy(update={"margin": 0.01, "deferred": 0.0625})]
    why = "1.5 times the rows a second of torch, though 6.2% of the rows, near ties, are computed again by it"
    assert choose(lanes) == ("torch-bf16", why)


def test_the_fastest_engine_that_may_score_is_chosen_and_a_near_tie_stays_with_pytorch() -> None:
    fast = [lane("torch", 100.0), lane("torch-bf16", 150.0), lane("openvino", 210.0), lane("openvino-bf16", None, "x")]
    assert choose(fast) == ("openvino", "2.1 times the rows a second of torch")
    near = [lane("torch", 100.0), lane("torch-bf16", 109.0), lane("openvino", None, "x")]
    assert choose(near) == ("torch", "not 1.1 times as fast: torch-bf16; may not score: openvino")
    assert choose([lane("torch", 100.0)]) == ("torch", "no other engine")


def test_rows_of_a_race_are_spread_over_the_split_and_keep_their_values() -> None:
    split = split_of(SPECS["tokens"], 100)
    some = evenly(split, 12)
    assert len(some) == 12
    assert [some.ids[0].as_py(), some.ids[-1].as_py()] == ["row-0", "row-99"]
    inputs = SPECS["tokens"]
    here, there = some.collate(np.array([11]), inputs), split.collate(np.array([99]), inputs)
    assert torch.equal(here.tokens, there.tokens)  # type: ignore[arg-type]


def test_a_machine_says_in_words_what_is_other_elsewhere() -> None:
    here = this_machine()
    there = here.model_copy(update={"torch": "2.10.0", "bf16": ()})
    assert here.differences(here) == []
    assert f"torch {here.torch}, then 2.10.0" in here.differences(there)


@pytest.mark.fault(
    "M01",
    tried="ONEDNN_MAX_CPU_ISA=AVX2 on a processor with more: engines are opened and raced",
    outcome="torch-bf16 and OpenVINO (which crashed) are refused with the variable's name; it is another machine",
)
def test_what_the_user_keeps_back_of_the_processor_no_engine_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SMALL[0], raising=False)
    whole = this_machine()
    monkeypatch.setenv(*SMALL)
    limited = processor().limit
    if not limited:
        pytest.skip("this processor has nothing that AVX2 keeps back")
    assert limited == "ONEDNN_MAX_CPU_ISA=AVX2"
    here = this_machine()
    assert (here.processor, here.bf16) == (f"{whole.processor} (ONEDNN_MAX_CPU_ISA=AVX2)", ())
    loaded = loaded_of(config_of("attention", "mean"), SPECS["tokens"])
    race = run_race(loaded, split_of(SPECS["tokens"], 256), 256)
    refused = {lane.engine: lane.refused for lane in race.lanes if lane.engine not in ("torch", "torch-folded")}
    assert race.machine == here
    assert "no instructions for bfloat16" in refused["torch-bf16"]
    assert "no instructions for bfloat16" in refused["openvino-bf16"]
    assert "it respects ONEDNN_MAX_CPU_ISA=AVX2 only partly" in refused["openvino"] or not conversion.is_installed()


STOPPED_AFTER_TWO = """
import signal
import torch
from seqcls.engines.registry import ENGINES
from tests.seqcls.encoded_examples import SPECS
from tests.seqcls.test_engines import loaded_of
from tests.seqcls.test_models import config_of

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs with SIGINT ignored
loaded = loaded_of(config_of("cnn", "mean"), SPECS["tokens"])
first, second = (ENGINES["openvino"](loaded) for _ in range(2))
del first
del second  # in the order in which they began
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.slow
@needs_openvino
def test_a_signal_after_engines_have_been_closed_is_an_interrupt_and_no_crash() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED_AFTER_TWO], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
