"""The folded engine gives PyTorch's answers wherever it may be, and says where it may not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.engines import folded_engine
from seqcls.engines.engine import EngineUnavailable
from seqcls.engines.folded_engine import open_folded
from seqcls.engines.folding import fold, foldable, table_bytes
from seqcls.engines.torch_engine import open_torch
from seqcls.evaluation.probabilities import softmax
from seqcls.models.logits import Logits, run_once
from tests.seqcls.encoded_examples import SPECS, encoded_table
from tests.seqcls.test_engines import loaded_of, logits_of, split_of
from tests.seqcls.test_models import CLASSES, config_of


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tokens", "composition"])
@pytest.mark.parametrize("family", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("pooling", "depth", "bidirectional"), [("last", 1, False), ("max", 2, True)])
def test_answers_are_those_of_pytorch(form: str, family: str, pooling: str, depth: int, bidirectional: bool) -> None:
    config = config_of(family, pooling).model_copy(update={"depth": depth, "bidirectional": bidirectional})
    loaded = loaded_of(config, SPECS[form], sharpness=5.0)
    split = split_of(SPECS[form], 51)
    wanted, found = (logits_of(open_engine(loaded), loaded, split) for open_engine in (open_torch, open_folded))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.ptp(softmax(wanted)[:, 0]) > 0.01  # the rows do differ, or nothing would have been compared


@pytest.mark.slow
@pytest.mark.parametrize("family", ["rnn", "lstm", "gru"])
def test_rows_of_any_length_and_without_positions(family: str) -> None:
    inputs = SPECS["tokens"].model_copy(update={"max_length": 12})
    loaded = loaded_of(config_of(family, "mean"), inputs)
    engine, reference = open_folded(loaded), open_torch(loaded)
    split = EncodedSplit.from_arrow(encoded_table([[2] * length for length in range(13)], [0] * 13, inputs), inputs)
    for rows in (*([row] for row in range(13)), range(13)):  # alone (fewer rows than threads), and padded
        batch = split.collate(np.array(rows), inputs)
        np.testing.assert_allclose(engine.run(batch), reference.run(batch), atol=1e-5, err_msg=f"rows {rows}")


@pytest.mark.slow
def test_both_strands_and_every_member_are_folded() -> None:
    spec = SPECS["composition"].model_copy(update={"complement": (0, 4, 3, 2, 1, 5)})
    loaded = loaded_of(config_of("gru", "last").model_copy(update={"members": 2}), spec)
    assert len(foldable(loaded.model)) == 2
    assert not foldable(fold(loaded.model)), "nothing is left that reads vectors"
    split = split_of(spec, 20)
    wanted = logits_of(open_torch(loaded), loaded, split)
    np.testing.assert_allclose(logits_of(open_folded(loaded), loaded, split), wanted, atol=1e-5)
    assert len(foldable(loaded.model)) == 2, "the network itself stays as it was"


@pytest.mark.slow
def test_each_thread_computes_its_own_rows_and_all_others_have_what_they_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parts have to be under way at once for the barrier to open."""
    loaded, split = loaded_of(config_of("lstm", "last"), SPECS["tokens"]), split_of(SPECS["tokens"], 7)
    both, seen = threading.Barrier(2, timeout=60), list[tuple[list[int], int]]()

    def watched(network: torch.nn.Module, part: Batch, device: torch.device) -> Logits:
        both.wait()
        seen.append((part.rows.tolist(), torch.get_num_threads()))
        return run_once(network, part, device)

    engine, batch = open_folded(loaded), split.collate(np.arange(7), SPECS["tokens"])
    monkeypatch.setattr(folded_engine, "run_once", watched)
    np.testing.assert_allclose(engine.run(batch), open_torch(loaded).run(batch), atol=1e-5)
    elsewhere: list[int] = []
    another = threading.Thread(target=lambda: elsewhere.append(torch.get_num_threads()))
    another.start()
    another.join()
    assert sorted(seen) == [([0, 2, 4, 6], 1), ([1, 3, 5], 1)]
    assert (torch.get_num_threads(), elsewhere) == (2, [2])


def test_a_batch_without_rows_has_no_logits() -> None:
    loaded, split = loaded_of(config_of("gru", "last"), SPECS["tokens"]), split_of(SPECS["tokens"], 3)
    assert open_folded(loaded).run(split.collate(np.arange(0), SPECS["tokens"])).shape == (0, CLASSES)


def test_a_thread_that_cannot_be_started_is_a_refusal_and_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, start, started = loaded_of(config_of("gru", "last"), SPECS["tokens"]), threading.Thread.start, []

    def only_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", only_one)
    with pytest.raises(EngineUnavailable, match=r"2 threads cannot be started \(can't start new thread"):
        open_folded(loaded)
    started[0].join(timeout=60)
    assert not started[0].is_alive()
    assert torch.get_num_threads() == 2


def test_on_a_gpu_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = loaded_of(config_of("gru", "last"), SPECS["tokens"])
    monkeypatch.setattr(folded_engine, "device_of", lambda network: torch.device("cuda"))
    with pytest.raises(EngineUnavailable, match="torch-folded: the network is on a GPU"):
        open_folded(loaded)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "form"), [("cnn", "tokens"), ("hybrid", "tokens"), ("attention", "tokens"), ("lstm", "values")]
)
def test_without_a_recurrence_over_tokens_it_is_refused(family: str, form: str) -> None:
    loaded = loaded_of(config_of(family, "max"), SPECS[form])
    with pytest.raises(EngineUnavailable, match=f"torch-folded: {family} has no recurrence that reads tokens"):
        open_folded(loaded)


def test_tables_larger_than_any_cache_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = loaded_of(config_of("lstm", "last"), SPECS["tokens"])
    gates, directions, width = 4, 2, 8
    assert table_bytes(loaded.model) == 4 * SPECS["tokens"].vocabulary * gates * directions * width
    monkeypatch.setattr(folded_engine, "MOST_BYTES", 1 << 10)
    with pytest.raises(EngineUnavailable, match="its tables would take 0 MiB, 0 MiB is the most"):
        open_folded(loaded)
