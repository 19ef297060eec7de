"""Shapes in annotations are checked while the tests run: a tensor of another shape is caught in the call."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from seqcls.data.batch import Batch
from seqcls.models.layers import clear_padding
from seqcls.models.pooling import MeanPooling
from seqcls.training.optimisation import Objective

ROOT = Path(__file__).parents[2]
WRONG = (TypeCheckError, BeartypeCallHintViolation)
X, LENGTHS = torch.zeros(3, 5, 4), torch.tensor([5, 2, 1])


def test_a_batch_of_another_length_is_caught_in_the_call() -> None:
    with pytest.raises(WRONG):
        MeanPooling(4)(X, LENGTHS[:2])


def test_numbers_where_whole_numbers_belong_are_caught() -> None:
    with pytest.raises(WRONG):
        clear_padding(X, LENGTHS.float())


def test_the_parts_of_a_batch_have_one_number_of_rows() -> None:
    parts = {"tokens": torch.ones(3, 5, dtype=torch.int64), "values": None, "observed": None, "labels": LENGTHS}
    Batch(rows=LENGTHS, lengths=LENGTHS, **parts)
    with pytest.raises(WRONG):
        Batch(rows=LENGTHS, lengths=LENGTHS[:2], **parts)


def test_the_loss_wants_a_label_for_each_row() -> None:
    objective = Objective(0.0, None, torch.device("cpu"))
    objective(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    with pytest.raises(WRONG):
        objective(torch.zeros(3, 2), torch.tensor([[0], [1], [1]]))


@pytest.mark.slow
def test_without_the_tests_jaxtyping_is_not_loaded() -> None:
    code = "import sys, seqcls.models.building, seqcls.training.optimisation; print('jaxtyping' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
