"""The first layer: how large the vectors of tokens start, and what that does to words that are rare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.models.building import build_model
from seqcls.models.inputs import FEW_ENTRIES, RARE_START
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.train import train
from tests.seqcls.encoded_examples import encoded_table, write_encoded
from tests.seqcls.test_models import config_of
from tests.seqcls.training_examples import make_pipeline

WORDS, CLASSES = 5_000, 3


@pytest.mark.parametrize(("entries", "deviation"), [(FEW_ENTRIES, 1.0), (FEW_ENTRIES + 1, RARE_START)])
def test_letters_start_with_deviation_1_and_words_near_zero(entries: int, deviation: float) -> None:
    torch.manual_seed(0)
    spec = InputSpec(form="tokens", max_length=13, vocabulary=entries)
    vectors = build_model(config_of("cnn", "max"), spec, 2).inputs.embedding.weight.detach()
    assert vectors[1:].std().item() == pytest.approx(deviation, rel=0.1)
    assert not vectors[0].any(), "padding is zero"


def rows_of_rare_words(count: int, seed: int) -> pa.Table:
    """One of five words tells the class; it stands among eleven words of which most occur in one row only."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    words = random.integers(20, WORDS, (count, 12))
    words[np.arange(count), random.integers(0, 12, count)] = 2 + labels + CLASSES * random.integers(0, 5, count)
    spec = InputSpec(form="tokens", max_length=13, vocabulary=WORDS)
    return encoded_table(words.astype(float).tolist(), labels.tolist(), spec)


@pytest.mark.slow
def test_words_that_occur_once_do_not_hide_the_word_that_tells_the_class(tmp_path: Path) -> None:
    """Started with deviation 1 the same network learns its 240 rows by heart and is right on 0.6 of the others."""
    spec = InputSpec(form="tokens", max_length=13, vocabulary=WORDS)
    splits = {name: rows_of_rare_words(240, seed) for seed, name in enumerate(("train", "valid", "test"))}
    encoded = write_encoded(tmp_path, spec, splits, ["a", "b", "c"])
    model = {"family": "cnn", "filters": [32], "embedding": 32}
    result = train(encoded, make_pipeline(model, {"epochs": 12}), ArtefactStore(tmp_path))
    logits = predict_logits(load_model(result.ref), EncodedSplit.open(encoded, "test"), 256)
    assert (logits.argmax(axis=1) == np.arange(240) % CLASSES).mean() > 0.9
