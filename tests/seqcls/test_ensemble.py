"""A seed ensemble: members of their own, judged alone, answering together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.models.building import build_model
from seqcls.models.ensemble import Ensemble
from seqcls.models.families.cnn import CnnModel
from seqcls.models.network import BothStrands
from seqcls.models.package import load_model, predict_logits
from seqcls.training.optimisation import Objective
from tests.seqcls.encoded_examples import SPECS, random_table
from tests.seqcls.training_examples import make_encoded, train_example

CLASSES = 3
GRU = {"family": "gru", "width": 16, "embedding": 16, "members": 2}
CONFIG = CnnModel(filters=[8], kernel=3, embedding=8, dropout=0.0, members=3)


def ensemble_and_batch(form: str) -> tuple[Ensemble, Batch]:
    torch.manual_seed(0)
    spec: InputSpec = SPECS[form]
    model = build_model(CONFIG, spec, CLASSES)
    assert isinstance(model, Ensemble)
    split = EncodedSplit.from_arrow(random_table(spec, 6, CLASSES, 0), spec)
    return model, split.collate(np.arange(6), spec)


def test_the_answer_is_the_mean_probability_of_the_members() -> None:
    model, batch = ensemble_and_batch("tokens")
    model.eval()
    each = torch.stack([member(batch).softmax(1) for member in model.members])
    torch.testing.assert_close(model(batch).softmax(1), each.mean(0))
    assert not torch.allclose(each[0], each[1]), "members must start from weights of their own"


def test_each_member_gets_the_gradient_that_it_would_get_alone() -> None:
    model, batch = ensemble_and_batch("tokens")
    objective = Objective(0.1, np.array([1.0, 2.0, 0.5]), torch.device("cpu"))
    model.train()
    objective(model(batch), batch.labels).backward()
    together = [weight.grad.clone() for weight in model.members[1].parameters() if weight.grad is not None]
    model.zero_grad()
    objective(model.members[1](batch), batch.labels).backward()
    alone = [weight.grad for weight in model.members[1].parameters() if weight.grad is not None]
    assert len(together) == len(alone) > 0
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one * 3, other)


def test_each_member_reads_both_strands_of_dna() -> None:
    spec = SPECS["tokens"].model_copy(update={"complement": tuple(range(SPECS["tokens"].vocabulary))})
    model = build_model(CONFIG, spec, CLASSES)
    assert isinstance(model, Ensemble)
    assert all(isinstance(member, BothStrands) for member in model.members)


@pytest.mark.slow
def test_a_trained_ensemble_is_measured_kept_and_loaded_as_one_model(tmp_path: Path) -> None:
    result = train_example(tmp_path, GRU, {"epochs": 3})
    history = json.loads((result.ref.folder / "history.json").read_text())
    loaded = load_model(result.ref)
    assert isinstance(loaded.model, Ensemble)
    valid = EncodedSplit.open(make_encoded(tmp_path), "valid")
    logits = torch.from_numpy(predict_logits(loaded, valid, 64))
    loss = F.cross_entropy(logits, torch.from_numpy(valid.labels)).item()
    np.testing.assert_allclose(loss, history[loaded.manifest.best_epoch - 1]["valid_loss"], rtol=1e-5)
