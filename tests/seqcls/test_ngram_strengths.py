"""`ngrams` without validation rows: training rows choose the strength, each judged by a fit that does not know it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcls.config.encode import TextEncode
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders import InputSpec
from seqcls.errors import DataRefused
from seqcls.models.building import build_model
from seqcls.models.families.ngrams import NgramsModel
from seqcls.models.fitted import FitRecord, FitRows
from seqcls.models.ngrams import strengths
from seqcls.models.ngrams.solver import mean_loss
from seqcls.models.ngrams.strengths import STRENGTHS, parts_of
from tests.seqcls.test_ngrams import encoder_of, logits_of, split_of

WORDS = NgramsModel(characters=[0, 0], words=1, min_rows=1)


def reviews(rows: int, seed: int = 0) -> tuple[EncodedSplit, EncodedSplit, InputSpec]:
    """Of five words two speak for the class, nine times in ten; and as many rows that none is equal to."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 2 * rows)
    said = np.where(random.random(2 * rows) < 0.9, labels, 1 - labels)
    texts = [
        " ".join(
            [*(f"w{n}" for n in random.integers(0, 300, 3)), *(f"{'bg'[s]}{n}" for n in random.integers(0, 40, 2))]
        )
        for s in said
    ]
    encoder = encoder_of("text", texts, TextEncode(unit="characters"))
    halves = slice(0, rows), slice(rows, None)
    first, second = (split_of(encoder, texts[half], labels[half].tolist()) for half in halves)
    return first, second, encoder.inputs


def given(train: EncodedSplit, spec: InputSpec, valid: EncodedSplit | None = None, seed: int = 0) -> FitRows:
    nothing = train.take(np.arange(0))
    return FitRows(train, nothing if valid is None else valid, spec, np.ones(len(train)), seed)


def fit(rows: FitRows, config: NgramsModel = WORDS) -> tuple[Any, FitRecord]:
    network = build_model(config, rows.inputs, 2)
    with torch.inference_mode():
        record = network.fit(rows)  # type: ignore[operator]
    return network.eval(), record


def test_a_row_is_judged_by_a_fit_that_does_not_know_it() -> None:
    train, _, spec = reviews(60)
    config = WORDS.model_copy(update={"strength": 30.0})
    rows = given(train, spec)
    _, record = fit(rows, config)
    part = parts_of(rows)
    assert sorted(set(part.tolist())) == [0, 1, 2, 3, 4]
    for number in range(5):
        rest, held = (train.take(np.flatnonzero(part == number) if held else np.flatnonzero(part != number))
                      for held in (False, True))  # fmt: skip
        alone, _ = fit(given(rest, spec, valid=held), config)
        np.testing.assert_allclose(record.held_out[part == number], logits_of(alone, held, spec), atol=2e-3)  # type: ignore[index]


@pytest.mark.slow
def test_the_strength_with_the_least_loss_of_rows_held_out_fits_all_rows() -> None:
    train, other, spec = reviews(150)
    rows = given(train, spec)
    losses, models = {}, {}
    for strength in STRENGTHS:
        models[strength], record = fit(rows, WORDS.model_copy(update={"strength": strength}))
        losses[strength] = mean_loss(record.held_out, train.labels, rows.weights)  # type: ignore[arg-type]
    best = min(losses, key=losses.__getitem__)
    assert best not in (STRENGTHS[0], STRENGTHS[-1]), "the example lets the ends lose"
    chosen, record = fit(rows)
    assert mean_loss(record.held_out, train.labels, rows.weights) == pytest.approx(losses[best], abs=1e-4)  # type: ignore[arg-type]
    wanted = logits_of(models[best], other, spec)
    np.testing.assert_allclose(logits_of(chosen, other, spec), wanted, atol=2e-3)
    np.testing.assert_array_equal(record.rows, np.arange(150))


def test_rows_that_are_equal_do_not_answer_for_each_other() -> None:
    random = np.random.default_rng(1)
    labels, twice = random.integers(0, 2, 60), np.tile(np.arange(60), 2)
    texts = [f"w{number} x{number} y{number}" for number in range(60)]
    encoder = encoder_of("text", texts, TextEncode(unit="characters"))
    split = split_of(encoder, [texts[row] for row in twice], labels[twice].tolist())
    _, record = fit(given(split, encoder.inputs))
    assert (record.held_out.argmax(1) == split.labels).mean() < 0.7, "they are told by heart only"  # type: ignore[union-attr]


def test_many_rows_are_cut_into_fewer_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    train, _, spec = reviews(60)
    monkeypatch.setattr(strengths, "FEW_FOLDS_FROM", 60)
    assert int(parts_of(given(train, spec)).max()) + 1 == 3


@pytest.mark.slow
def test_the_same_rows_give_the_same_bits() -> None:
    train, _, spec = reviews(60)
    one, other = (fit(given(train, spec))[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_one_sequence_in_all_rows_is_refused() -> None:
    encoder = encoder_of("text", ["so so"], TextEncode(unit="characters"))
    split = split_of(encoder, ["so so"] * 4, [0, 1, 0, 1])
    with pytest.raises(DataRefused, match=r"split\.valid: the same sequence in all 4 training rows.*at least two"):
        fit(given(split, encoder.inputs))
