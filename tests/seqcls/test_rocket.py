"""Random convolutions: agreement with a plain second implementation, row by row from the papers' equations."""

from __future__ import annotations

import runpy
from dataclasses import replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.linear_model import RidgeCV

from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.models.building import build_model
from seqcls.models.families.rocket import RocketModel
from seqcls.models.fitted import FitRows, choose_rows
from seqcls.models.rocket import head
from seqcls.models.rocket.head import ALPHAS, fit_ridge
from seqcls.models.rocket.hydra import Hydra
from seqcls.models.rocket.input import fill_gaps, read_series
from seqcls.models.rocket.kernels import Kernels, spread_dilations
from seqcls.models.rocket.network import RocketNetwork
from seqcls.models.rocket.pooling import pool_four, share_positive
from seqcls.models.rocket.scaling import Scaling
from tests.recorder import Recorder
from tests.seqcls.encoded_examples import encoded_table

Values = npt.NDArray[np.float64]
TRIPLES = list(combinations(range(9), 3))
LENGTHS = [40, 40, 33, 25, 17, 9, 8, 5, 1]


def batch_of(rows: list[Values]) -> Batch:
    """(T, C) each, of unequal length."""
    channels = rows[0].shape[1]
    spec = InputSpec(form="values", max_length=max(map(len, rows)), channels=channels)
    table = encoded_table([row.reshape(-1).tolist() for row in rows], [0] * len(rows), spec)
    return EncodedSplit.from_arrow(table, spec).collate(np.arange(len(rows)), spec)


def random_rows(channels: int, seed: int = 0) -> list[Values]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(length, channels)).astype(np.float32).astype(np.float64) for length in LENGTHS]


def fitted_kernels(rows: list[Values], thresholds: int = 7) -> Kernels:
    channels, random = rows[0].shape[1], np.random.default_rng(1)
    kernels = Kernels(channels, max(LENGTHS), thresholds)
    kernels.draw_channels(channels, random)
    drawn = [read_series(batch_of([rows[n] for n in random.integers(0, 5, 84)])) for _ in kernels.plan]
    kernels.draw_thresholds(drawn)
    return kernels


def convolve_plainly(row: Values, weights: Values, dilation: int) -> Values:
    """sum_j weights[j] * x[t + (j - 4) * dilation], zeros beyond the ends."""
    found = np.zeros(len(row))
    for time in range(len(row)):
        for tap in range(9):
            place = time + (tap - 4) * dilation
            if 0 <= place < len(row):
                found[time] += weights[tap] * row[place]
    return found


def outputs_plainly(row: Values, kernels: Kernels, index: int, kernel: int) -> Values:
    """What kernel `kernel` of dilation `index` sees of one row (T, C), cut to whole windows where it should be."""
    dilation = kernels.plan[index][0]
    chosen = kernels.chosen[index, kernel].tolist()
    channels = [channel for channel in chosen if channel < row.shape[1]] if chosen else [0]
    weights = np.where(np.isin(np.arange(9), TRIPLES[kernel]), 2.0, -1.0)
    outputs = convolve_plainly(row[:, channels].sum(1), weights, dilation)
    if (index + kernel) % 2 and len(row) > 8 * dilation:
        return outputs[4 * dilation : len(row) - 4 * dilation]
    return outputs


def four_plainly(outputs: Values, threshold: float) -> list[float]:
    """PPV, MPV, MIPV, LSPV (Tan et al. 2022, equations 1 to 4)."""
    z = outputs - threshold
    places = [place for place, value in enumerate(z) if value > 0]
    longest = run = 0
    for value in z:
        run = run + 1 if value > 0 else 0
        longest = max(longest, run)
    if not places:
        return [0.0, 0.0, -1.0, 0.0]
    return [len(places) / len(z), float(z[places].mean()), float(np.mean(places)), float(longest)]


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_features_agree_with_a_plain_implementation_row_by_row(channels: int) -> None:
    rows = random_rows(channels)
    kernels = fitted_kernels(rows)
    series = read_series(batch_of(rows))
    found = pool_four(series, kernels)
    shares = share_positive(series, kernels)
    start = share_start = 0
    for index, _, thresholds in kernels.walk():
        count = thresholds.shape[1]
        block = found[:, start : start + 4 * count * 84].reshape(len(rows), 4, count, 84)
        share = shares[:, share_start : share_start + count * 84].reshape(len(rows), count, 84)
        torch.testing.assert_close(share, block[:, 0])
        for number, row in enumerate(rows):
            for kernel in range(index, 84, 5):
                outputs = outputs_plainly(row, kernels, index, kernel)
                for place in range(count):
                    expected = four_plainly(outputs, float(thresholds[kernel, place]))
                    np.testing.assert_allclose(block[number, :, place, kernel], expected, atol=2e-5)
        start, share_start = start + 4 * count * 84, share_start + count * 84
    assert (start, share_start) == (found.shape[1], shares.shape[1])


def test_a_kernel_by_hand() -> None:
    # A single 1 in the middle of nine zeros: with dilation 1 each output is the weight that meets it.
    row = np.zeros((9, 1))
    row[4] = 1.0
    outputs = Kernels(1, 9, 1).convolve(read_series(batch_of([row])), 0)[:, :, 0]
    assert outputs[0].tolist() == [-1, -1, -1, -1, -1, -1, 2, 2, 2]  # triple (0, 1, 2), read from the other side
    assert outputs[-1].tolist() == [2, 2, 2, -1, -1, -1, -1, -1, -1]  # triple (6, 7, 8)


def test_thresholds_are_quantiles_of_one_row_in_the_order_of_the_golden_ratio() -> None:
    row = np.random.default_rng(0).normal(size=(30, 1))
    kernels = Kernels(1, 30, 5)
    kernels.draw_thresholds([read_series(batch_of([row] * 84)) for _ in kernels.plan])
    golden = (np.arange(1, 84 * 5 + 1) * ((np.sqrt(5) + 1) / 2)) % 1
    count = kernels.plan[0][1]
    for kernel in (0, 40, 83):
        outputs = convolve_plainly(row[:, 0], np.where(np.isin(np.arange(9), TRIPLES[kernel]), 2.0, -1.0), 1)
        expected = np.quantile(outputs, golden[kernel * count : (kernel + 1) * count])
        np.testing.assert_allclose(kernels.thresholds[kernel, :count], expected, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 8, 9, 10, 17, 24, 140, 1344])
@pytest.mark.parametrize("thresholds", [1, 5, 74, 119])
def test_dilations_fit_into_the_longest_series_and_their_thresholds_add_up(length: int, thresholds: int) -> None:
    plan = spread_dilations(length, thresholds)
    assert sum(count for _, count in plan) == thresholds
    assert min(count for _, count in plan) >= 1
    assert plan[0][0] == 1
    assert plan[-1][0] * 8 <= max(length - 1, 8)


@pytest.mark.parametrize(("features", "count"), [("minirocket", 9_996), ("multirocket", 49_728)])
def test_the_papers_numbers_of_features(features: str, count: int) -> None:
    inputs = InputSpec(form="values", max_length=150, channels=1)
    network = build_model(RocketModel.model_validate({"features": features}), inputs, 2)
    assert isinstance(network, RocketNetwork)
    assert network.classes.in_features == count


@pytest.mark.parametrize("channels", [1, 5])
def test_hydra_agrees_with_a_plain_competition_at_each_position(channels: int) -> None:
    rows = random_rows(channels, seed=2)
    hydra = Hydra(channels, max(LENGTHS), groups=4, kernels=3)
    hydra.draw(channels, np.random.default_rng(0))
    found = hydra(read_series(batch_of(rows))).numpy()
    weights = hydra.weights.double().numpy()
    np.testing.assert_allclose(weights.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(np.abs(weights).sum(-1), 1, atol=1e-6)
    for number, row in enumerate(rows):
        expected: list[float] = []
        for place, dilation in enumerate(hydra.dilations):
            for side, values in enumerate((row, np.diff(row, axis=0))):
                won, lost = np.zeros((2, 3)), np.zeros((2, 3))
                for group in range(2):
                    chosen = hydra.chosen[place, side, group].tolist() or [0]
                    one = values[:, chosen].sum(1)
                    outputs = np.array(
                        [convolve_plainly(one, weights[place, side, group, kernel], dilation) for kernel in range(3)]
                    )
                    for time in range(len(one)):
                        won[group, outputs[:, time].argmax()] += outputs[:, time].max()
                        lost[group, outputs[:, time].argmin()] += 1
                expected += [*won.reshape(-1), *lost.reshape(-1)]
        np.testing.assert_allclose(found[number], expected, atol=2e-5)


def test_gaps_are_filled_as_numpy_interpolates() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(6, 20, 2)).astype(np.float32)
    lengths = np.array([20, 13, 5, 2, 1, 20])
    observed = (random.random(values.shape) < 0.6) & (np.arange(20) < lengths[:, None])[:, :, None]
    observed[5, :, 1] = False  # a channel without any value
    given = torch.from_numpy(np.where(observed, values, 0))
    filled = fill_gaps(given, torch.from_numpy(observed), torch.from_numpy(lengths)).numpy()
    times = np.arange(20)
    for row, length in enumerate(lengths):
        for channel in range(2):
            known = observed[row, :, channel]
            line = np.interp(times, times[known], values[row, known, channel]) if known.any() else np.zeros(20)
            np.testing.assert_allclose(filled[row, :length, channel], line[:length], atol=1e-6)
        assert not filled[row, length:].any()


@pytest.mark.parametrize(("rows", "features"), [(30, 80), (80, 30), (1, 4), (2, 3)])
def test_the_ridge_leaves_out_each_row_as_a_fit_without_it_would(rows: int, features: int) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, features)).astype(np.float32)
    labels = np.arange(rows) % 3
    x[:, 0] += labels
    counts = random.uniform(0.3, 2.0, rows)
    ridge = fit_ridge(torch.from_numpy(x), torch.from_numpy(labels), 3, torch.from_numpy(counts))
    assert ridge.held_out.isfinite().all()
    targets = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    whole = SklearnRidge(alpha=ridge.alpha).fit(x.astype(np.float64), targets, sample_weight=counts)
    np.testing.assert_allclose(ridge.weights, whole.coef_, atol=1e-4)
    np.testing.assert_allclose(ridge.intercept, whole.intercept_, atol=1e-4)
    for row in range(0, rows, 7) if rows > 2 else []:
        others = np.arange(rows) != row
        without = SklearnRidge(alpha=ridge.alpha).fit(x[others].astype(np.float64), targets[others], counts[others])
        np.testing.assert_allclose(ridge.held_out[row], without.predict(x[[row]].astype(np.float64))[0], atol=1e-4)


@pytest.mark.parametrize(("rows", "features"), [(30, 80), (80, 30)])
def test_the_strength_of_the_ridge_is_the_one_that_scikit_learn_chooses(rows: int, features: int) -> None:
    for noise in (0.1, 3.0, 30.0):
        random = np.random.default_rng(int(noise))
        x = random.normal(size=(rows, features)).astype(np.float32)
        labels = (x[:, 0] + noise * random.normal(size=rows) > 0).astype(np.int64)
        ridge = fit_ridge(torch.from_numpy(x), torch.from_numpy(labels), 2, torch.ones(rows, dtype=torch.float64))
        theirs = RidgeCV(alphas=ALPHAS.numpy()).fit(x.astype(np.float64), 2.0 * labels - 1)
        assert ridge.alpha == pytest.approx(theirs.alpha_)
        np.testing.assert_allclose(ridge.weights[1], theirs.coef_, atol=1e-4)


def test_constant_features_become_zeros_and_counts_that_are_zero_stay_zero() -> None:
    scaling = Scaling(dense=2, sparse=2)
    features = torch.tensor([[5.0, 1.0, 0.0, 4.0], [5.0, 3.0, 9.0, 16.0]])
    scaling.fit(features)
    found = scaling(features)
    assert found[:, 0].tolist() == [0.0, 0.0]
    assert found[:, 1].tolist() == pytest.approx([-1.0, 1.0])
    assert found[0, 2].item() == 0.0
    # roots 0 and 3: mean 1.5, deviation 1.5, half of them zero: damped by 0.5 ** 4
    assert found[1, 2].item() == pytest.approx(1.5 / (1.5 + 0.5**4))
    assert found[:, 3].tolist() == pytest.approx([-1.0, 1.0], abs=1e-6)


def test_of_too_many_rows_every_class_keeps_its_share_and_none_is_lost() -> None:
    labels = np.repeat([0, 1, 2], [900, 99, 1])
    rows = choose_rows(labels, 100, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [90, 9, 1]
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(choose_rows(labels, 1000, np.random.default_rng(0)), np.arange(1000))
    others = choose_rows(labels, 100, np.random.default_rng(1))
    assert len(np.intersect1d(rows, others)) < 40


def test_a_fit_on_some_rows_of_many_still_tells_the_classes() -> None:
    random = np.random.default_rng(0)
    waves = [np.sin(np.arange(20) * (0.4 + 0.3 * (row % 3)) + random.uniform(0, 6)) for row in range(600)]
    spec = InputSpec(form="values", max_length=20, channels=1)
    rows = [(wave + random.normal(0, 0.1, 20)).tolist() for wave in waves]
    table = encoded_table(rows, [row % 3 for row in range(600)], spec)
    split = EncodedSplit.from_arrow(table, spec)
    network = build_model(RocketModel(thresholds=4, most_rows=60), spec, 3)
    assert isinstance(network, RocketNetwork)
    heard = Recorder()
    with torch.inference_mode():
        record = network.fit(FitRows(split, split, spec, np.ones(600), 0, listener=heard))
        logits = network(split.collate(np.arange(600), spec))
    assert len(record.rows) == 60
    assert (logits.argmax(1).numpy() == split.labels).mean() > 0.95
    assert (heard.steps[-1].done, heard.steps[-1].total) == (2, 2)


def test_a_gap_is_read_as_the_line_across_it() -> None:
    spec = InputSpec(form="values", max_length=30, channels=1, missing=True)
    random = np.random.default_rng(0)
    rows = random.normal(size=(12, 30)).cumsum(1)
    rows[:, 10] = (rows[:, 9] + rows[:, 11]) / 2
    whole = EncodedSplit.from_arrow(encoded_table(rows.tolist(), [r % 2 for r in range(12)], spec), spec)
    values = whole.values.copy()
    values[10::30] = np.nan
    network = build_model(RocketModel(thresholds=4), spec, 2)
    assert isinstance(network, RocketNetwork)
    with torch.inference_mode():
        network.fit(FitRows(whole, whole, spec, np.ones(12), 0))
        expected = network(whole.collate(np.arange(12), spec))
        found = network(replace(whole, values=values).collate(np.arange(12), spec))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_the_strengths_of_the_ridge_are_numbers_wherever_its_file_is_first_imported() -> None:
    """A network is planned under the device "meta", which may be the first that needs the file."""
    with torch.device("meta"):
        fresh = runpy.run_path(head.__file__)
    assert fresh["ALPHAS"].tolist() == ALPHAS.tolist()
