"""A scorer: a table of any size row for row, and encoding that goes on while the network computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.encode import TextEncode
from seqcls.data.batch import Batch
from seqcls.encoders import Encoded, Encoder
from seqcls.engines.scorer import BATCHES_AHEAD, Scorer
from seqcls.engines.torch_engine import TorchEngine
from seqcls.ledger.models import ModelVersion
from seqcls.models.logits import Logits
from tests.seqcls.encoder_cases import fit
from tests.seqcls.table_examples import make_rows

VERSION = ModelVersion("night", 3, "ab" * 32, "cd" * 32, {}, {}, "run-0", 0.0)
SECONDS = 10.0
"""For what takes no time at all; a failing test waits so long."""


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return fit("text", TextEncode(max_length=6), ["good film", "bad film"])


def count_positions(batch: Batch) -> Logits:
    """Logits that tell of a row how long it is and with which word it begins."""
    assert batch.tokens is not None
    return np.stack([batch.lengths.numpy(), batch.tokens[:, 0].numpy()], axis=1).astype(np.float32)


def scorer_of(
    encoder: Encoder, run: Callable[[Batch], Logits] = count_positions, batch_size: int = 2, *, room: bool = True
) -> Scorer:
    """A real encoder; of the model only the temperature counts."""
    model = SimpleNamespace(
        manifest=SimpleNamespace(temperature=1.0), inputs=encoder.inputs, labels=tuple(encoder.labels)
    )
    engine = SimpleNamespace(name="torch", run=run, leaves_room=room)
    return Scorer(VERSION, model, encoder, batch_size, engine=engine)  # type: ignore[arg-type]


@dataclass
class Watched:
    """An encoder that says when it was asked for the second time, and by which threads."""

    encoder: Encoder
    second: threading.Event
    threads: list[str]

    @property
    def labels(self) -> list[str]:
        return self.encoder.labels

    @property
    def inputs(self) -> object:
        return self.encoder.inputs

    def encode(self, sequences: pa.Array) -> Encoded:
        if self.threads:
            self.second.set()
        self.threads.append(threading.current_thread().name)
        return self.encoder.encode(sequences)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.sampled_from(["good", "bad film", "what a good film", "bad " * 9, "new"]), max_size=70),
       batch_size=st.integers(1, 3), room=st.booleans())  # fmt: skip
def test_rows_of_many_pieces_are_scored_as_if_each_were_alone(
    encoder: Encoder, texts: list[str], batch_size: int, *, room: bool
) -> None:
    together, flags = scorer_of(encoder, batch_size=batch_size, room=room).score(make_rows("text", texts))
    alone = [scorer_of(encoder).score(make_rows("text", [text])) for text in texts]
    assert together.shape == (len(texts), 2)
    assert np.array_equal(together, np.concatenate([np.zeros((0, 2)), *(found for found, _ in alone)]))
    for name, marks in flags.items():
        assert marks.tolist() == [bool(each[name][0]) for _, each in alone]


def test_the_next_rows_are_encoded_while_those_before_are_computed(encoder: Encoder) -> None:
    watched = Watched(encoder, threading.Event(), [])
    waited: list[bool] = []

    def run(batch: Batch) -> Logits:
        waited.append(watched.second.wait(SECONDS))  # in turn, the second piece would come only after this one
        return count_positions(batch)

    scorer_of(watched, run).score(make_rows("text", ["good film"] * (2 * BATCHES_AHEAD + 1)))  # type: ignore[arg-type]
    assert all(waited)
    assert len(watched.threads) == 2
    assert threading.current_thread().name not in watched.threads


def test_where_the_engine_takes_every_processor_rows_are_encoded_at_their_turn(encoder: Encoder) -> None:
    watched = Watched(encoder, threading.Event(), [])
    scorer = scorer_of(watched, room=False)  # type: ignore[arg-type]
    scorer.score(make_rows("text", ["good film"] * (2 * BATCHES_AHEAD + 1)))
    assert set(watched.threads) == {threading.current_thread().name}


@pytest.mark.parametrize("free", [0, 1])
def test_torch_leaves_room_where_it_has_fewer_threads_than_there_are_processors(
    free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqcls.engines.torch_engine.processors", lambda: torch.get_num_threads() + free)
    engine = TorchEngine("torch", torch.nn.Linear(1, 1), torch.device("cpu"), lower=False)
    assert engine.leaves_room == bool(free)
    assert TorchEngine("torch", torch.nn.Linear(1, 1), torch.device("cuda"), lower=False).leaves_room


def test_a_failing_batch_leaves_no_thread_at_work(encoder: Encoder) -> None:
    def run(batch: Batch) -> Logits:
        raise ValueError("no numbers today")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no numbers today"):
        scorer_of(encoder, run).score(make_rows("text", ["good"] * (9 * BATCHES_AHEAD)))
    assert threading.active_count() == before
