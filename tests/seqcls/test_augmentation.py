"""Series changed in training: how far, what never changes, and that scoring reads them as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqcls.config.loading import parse_pipeline
from seqcls.errors import ConfigRefused
from seqcls.models.augmentation import Augmentation, warp_time
from seqcls.models.building import build_model
from seqcls.models.layers import mask_of
from tests.seqcls.encoded_examples import SPECS
from tests.seqcls.test_models import batch_of, config_of
from tests.seqcls.test_models_stronger import pipeline_document

ALL = {"jitter": 0.1, "scaling": 0.2, "time_warp": 0.3}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(5)


def ramp(rows: int, width: int, lengths: Tensor) -> Tensor:
    """Each row 0, 1, 2 ... within its length: a warped value says where it was read from."""
    return (torch.arange(width).float().expand(rows, width) * mask_of(lengths, width))[:, :, None]


def test_noise_and_factors_have_the_deviations_asked_for() -> None:
    lengths = torch.full((4000,), 50)
    noisy, _ = Augmentation(0.3, 0.0, 0.0)(torch.ones(4000, 50, 2), None, lengths)
    assert (noisy - 1).std().item() == pytest.approx(0.3, rel=0.02)
    scaled, _ = Augmentation(0.0, 0.2, 0.0)(torch.ones(4000, 50, 2), None, lengths)
    assert scaled[:, 0].std().item() == pytest.approx(0.2, rel=0.05)
    assert torch.equal(scaled, scaled[:, :1].expand_as(scaled)), "one factor for a channel of a row"
    assert not torch.equal(scaled[:, :, 0], scaled[:, :, 1])


def test_warped_time_runs_forward_from_the_first_to_the_last_position() -> None:
    lengths = torch.tensor([40, 17, 2, 1])
    warped = warp_time(ramp(4, 40, lengths), None, lengths, 0.5)[0][:, :, 0]
    for row, length in zip(warped, lengths.tolist(), strict=True):
        assert row[0] == 0
        assert row[length - 1].item() == pytest.approx(length - 1, abs=1e-4)
        assert (row[:length].diff() > 0).all()
    assert (warped[0] - torch.arange(40)).abs().max() > 0.5


@pytest.mark.slow
def test_without_strength_time_stays_as_it_is() -> None:
    lengths = torch.tensor([9, 5])
    x = torch.randn(2, 9, 3) * mask_of(lengths, 9)[:, :, None]
    torch.testing.assert_close(warp_time(x, None, lengths, 0.0)[0] * mask_of(lengths, 9)[:, :, None], x)


@pytest.mark.parametrize("form", ["values", "missing"])
def test_padding_and_missing_values_stay_zero_and_lengths_stay(form: str) -> None:
    batch = batch_of(SPECS[form], rows=64)
    assert batch.values is not None
    values, observed = Augmentation(**ALL)(batch.values, batch.observed, batch.lengths)
    there = mask_of(batch.lengths, batch.width)[:, :, None]
    there = there.expand_as(values) if observed is None else observed
    assert values.shape == batch.values.shape
    assert not values[~there].any()
    assert (values[there] != 0).all()
    if observed is not None:
        assert batch.observed is not None
        assert not (observed & ~mask_of(batch.lengths, batch.width)[:, :, None]).any()
        assert observed.float().mean().item() == pytest.approx(batch.observed.float().mean().item(), abs=0.05)


def test_between_an_observed_and_a_missing_value_the_observed_one_counts_alone() -> None:
    observed = torch.tensor([[True, False, True, True, False, True, True, True]])[:, :, None]
    values = torch.full((1, 8, 1), 3.0) * observed
    warped, seen = warp_time(values, observed, torch.tensor([8]), 0.4)
    assert seen is not None
    torch.testing.assert_close(warped[seen], torch.full_like(warped[seen], 3.0))


def test_only_training_is_changed_and_the_seed_decides_how() -> None:
    batch = batch_of(SPECS["missing"])
    layer = build_model(config_of("cnn", "max", **ALL), SPECS["missing"], 2).inputs
    plain = build_model(config_of("cnn", "max"), SPECS["missing"], 2).inputs
    assert torch.equal(layer.eval()(batch), plain.eval()(batch))
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(layer.train()(batch))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_without_augmentation_nothing_is_drawn() -> None:
    layer = build_model(config_of("cnn", "max"), SPECS["values"], 2).inputs.train()
    before = torch.get_rng_state()
    layer(batch_of(SPECS["values"]))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ALL)
def test_it_is_refused_for_anything_but_series(name: str) -> None:
    with pytest.raises(ConfigRefused, match=rf"model\.{name} is for series; model\.embedding_dropout serves every"):
        parse_pipeline(pipeline_document("dna", {"family": "cnn", name: 0.1}), "example.toml")
    parse_pipeline(pipeline_document("series", {"family": "cnn", name: 0.1}), "example.toml")
