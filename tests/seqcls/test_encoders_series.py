"""Time series: normalisation, missing values, channels, differences."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.encode import SeriesEncode
from seqcls.encoders import Encoder, SequenceRefused, scaling
from tests.seqcls.encoder_cases import column, fit, real_data

few = settings(max_examples=50, deadline=None)
values = st.one_of(st.none(), st.integers(-1000, 1000).map(lambda tick: tick / 8))
Row = list[list[float | None]]


@st.composite
def series(draw: st.DrawFn, channels: int) -> Row:
    length = draw(st.integers(1, 6))
    return [draw(st.lists(values, min_size=length, max_size=length)) for _ in range(channels)]


@st.composite
def series_rows(draw: st.DrawFn) -> list[Row]:
    channels = draw(st.integers(1, 3))
    return draw(st.lists(series(channels), min_size=1, max_size=5))


def codes(encoder: Encoder, rows: list[Row]) -> list[list[float]]:
    result: list[list[float]] = encoder.encode(column("series", rows)).sequence.to_pylist()
    return result


def test_values_are_stored_time_after_time() -> None:
    encoder = fit("series", SeriesEncode(normalise="none"), [[[1, 2, 3], [10, 20, 30]], [[4], [40]]])
    assert codes(encoder, [[[1, 2, 3], [10, 20, 30]], [[4], [40]]]) == [[1, 10, 2, 20, 3, 30], [4, 40]]
    assert (encoder.inputs.form, encoder.inputs.channels, encoder.inputs.max_length) == ("values", 2, 3)


def test_each_series_gets_mean_zero_and_deviation_one() -> None:
    encoder = fit("series", SeriesEncode(), [[[1, 3]]])
    assert codes(encoder, [[[1, 3]], [[10, 20]]]) == [[-1, 1], [-1, 1]]


def slow_scores(channel: list[float | None]) -> list[float]:
    seen = [value for value in channel if value is not None]
    deviation = statistics.pstdev(seen) if seen else 0
    mean = statistics.fmean(seen) if seen else 0
    return [math.nan if value is None else (value - mean) / (deviation or 1) for value in channel]


@pytest.mark.slow
@few
@given(series_rows())
def test_normalised_series_agree_with_a_slow_reference(rows: list[Row]) -> None:
    encoder = fit("series", SeriesEncode(), rows)
    for row, code in zip(rows, codes(encoder, rows), strict=True):
        expected = np.array([slow_scores(channel) for channel in row]).T.reshape(-1)
        np.testing.assert_allclose(code, expected, atol=1e-5)
    assert encoder.inputs.missing == any(value is None for row in rows for channel in row for value in channel)


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.3, -3e38])
@pytest.mark.parametrize("normalise", ["series", "channel", "robust"])
def test_a_constant_series_becomes_zeros(value: float, normalise: str) -> None:
    rows: list[Row] = [[[value] * 7], [[value, None, value]]]
    encoder = fit("series", SeriesEncode(normalise=normalise), rows)  # type: ignore[arg-type]
    np.testing.assert_array_equal(codes(encoder, rows)[0], [0.0] * 7)
    np.testing.assert_array_equal(codes(encoder, rows)[1], [0.0, np.nan, 0.0])


def test_a_series_without_any_value_stays_missing() -> None:
    encoder = fit("series", SeriesEncode(), [[[None, None]], [[1, 2]]])
    np.testing.assert_array_equal(codes(encoder, [[[None, None]], [[1, 2]]])[0], [np.nan, np.nan])


@pytest.mark.slow
@few
@given(series_rows())
def test_channel_statistics_agree_with_the_whole_data(rows: list[Row]) -> None:
    encoder = fit("series", SeriesEncode(normalise="channel"), rows[:2], rows[2:])
    fitted = encoder.to_json()["fitted"]
    for channel in range(len(rows[0])):
        seen = [value for row in rows for value in row[channel] if value is not None] or [0.0]
        assert fitted["centre"][channel] == pytest.approx(statistics.fmean(seen), abs=1e-9)
        assert fitted["scale"][channel] == pytest.approx(statistics.pstdev(seen) or 1.0, abs=1e-9)


def test_robust_statistics_are_median_and_interquartile_range() -> None:
    encoder = fit("series", SeriesEncode(normalise="robust"), [[[1, 2, None]], [[3, 4, 1000]]])
    assert encoder.to_json()["fitted"] == {
        "channels": 1, "centre": [3.0], "scale": [2.0], "sample": {"seen": [5], "limit": 1_000_000, "seed": 0},
    }  # fmt: skip
    assert codes(encoder, [[[1, 3, 5]]]) == [[-1, 0, 1]]


def test_a_large_split_is_sampled_alike_in_any_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "SAMPLE_LIMIT", 2000)
    drawn = np.random.default_rng(1).normal(5, 2, (400, 1, 50)).astype(np.float32).tolist()
    whole = fit("series", SeriesEncode(normalise="robust"), drawn).to_json()
    parts = fit("series", SeriesEncode(normalise="robust"), drawn[:7], drawn[7:150], drawn[150:]).to_json()
    assert whole == parts
    assert whole["fitted"]["sample"] == {"seen": [20_000], "limit": 2000, "seed": 0}
    assert whole["fitted"]["centre"][0] == pytest.approx(np.median(drawn), abs=0.2)
    assert whole["fitted"]["scale"][0] == pytest.approx(2 * 1.349, abs=0.3)


def test_differences_are_further_channels() -> None:
    encoder = fit("series", SeriesEncode(normalise="none", difference=True, max_length=4), [[[1, 3, 6], [0, 0, 5]]])
    assert encoder.inputs.channels == 4
    assert codes(encoder, [[[1, 3, 6], [0, 0, 5]]]) == [[1, 0, 0, 0, 3, 0, 2, 0, 6, 5, 3, 5]]
    np.testing.assert_array_equal(
        np.reshape(codes(encoder, [[[1, None, 6, 7], [None, 0, 0, 0]]])[0], (4, 4))[:, 2:],
        [[0, np.nan], [np.nan, np.nan], [np.nan, 0], [1, 0]],
    )


def test_missing_values_count_as_unknown_only_when_training_had_none() -> None:
    rows: list[Row] = [[[1, None, math.inf]], [[1, 2, 3]]]
    trained_whole = fit("series", SeriesEncode(normalise="none", difference=True), [[[1, 2, 3]]])
    assert not trained_whole.inputs.missing
    assert trained_whole.encode(column("series", rows)).unknown.to_pylist() == [2, 0]
    trained_missing = fit("series", SeriesEncode(normalise="none"), rows)
    assert trained_missing.inputs.missing
    assert trained_missing.encode(column("series", rows)).unknown.to_pylist() == [0, 0]
    np.testing.assert_array_equal(codes(trained_missing, rows)[0], [1, np.nan, np.nan])


@pytest.mark.slow
@few
@given(series_rows(), st.sampled_from(["channel", "robust", "none"]), st.booleans())
def test_series_come_back_within_float32(rows: list[Row], normalise: str, difference: bool) -> None:
    encoder = fit("series", SeriesEncode(normalise=normalise, difference=difference), rows)  # type: ignore[arg-type]
    encoded = encoder.encode(column("series", rows))
    decoded = encoder.decode(encoded.sequence).to_pylist()
    for row, back in zip(rows, decoded, strict=True):
        np.testing.assert_allclose(np.array(back, float), np.array(row, float), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("keep", "kept"), [("head", [1, 2]), ("tail", [4, 5]), ("middle", [2, 3])])
def test_what_is_cut_away_has_no_influence(keep: str, kept: list[float]) -> None:
    config = SeriesEncode(max_length=2, keep=keep, normalise="none")  # type: ignore[arg-type]
    encoded = fit("series", config, [[[1, 2]]]).encode(column("series", [[[1, 2, 3, 4, 5]], [[7]]]))
    assert encoded.sequence.to_pylist() == [kept, [7]]
    assert encoded.truncated.to_pylist() == [True, False]
    scored = SeriesEncode(max_length=2, keep=keep)  # type: ignore[arg-type]
    assert codes(fit("series", scored, [[[1, 2]]]), [[[1, 2, 3, 4, 5]]]) == [[-1, 1]]
    fitted = fit("series", SeriesEncode(max_length=2, keep=keep, normalise="channel"), [[[1, 2, 3, 4, 5]]])  # type: ignore[arg-type]
    assert fitted.to_json()["fitted"]["centre"] == [statistics.fmean(kept)]


def test_unequal_lengths_are_kept_and_rows_do_not_touch_each_other() -> None:
    rows = [np.random.default_rng(length).normal(size=(2, length)).tolist() for length in (1, 40_000, 3, 20)]
    encoder = fit("series", SeriesEncode(difference=True), rows)
    together, alone = codes(encoder, rows), [codes(encoder, [row])[0] for row in rows]
    assert [len(code) for code in together] == [4, 160_000, 12, 80]
    assert together == alone


@pytest.mark.parametrize(("row", "message"), [
    ([[1.0]], r"row 2 of the batch: 1 channels; expected 2, as in the training split"),
    ([[1.0], [1.0, 2.0]], r"row 2 of the batch: channels of 1, 2 values; expected one length"),
    ([[], []], r"channels of 0, 0 values; expected one length, at least 1"),
    ([[1.0], None], r"row 2 of the batch: a whole channel is missing"),
])  # fmt: skip
def test_a_series_of_another_shape_is_refused_with_its_row(row: object, message: str) -> None:
    encoder = fit("series", SeriesEncode(), [[[1, 2], [3, 4]]])
    with pytest.raises(SequenceRefused, match=message):
        encoder.encode(column("series", [[[1, 2], [3, 4]], row]))


def test_values_beyond_float32_are_held_at_its_border() -> None:
    encoder = fit("series", SeriesEncode(normalise="channel"), [[[0, 1e-3]]])
    assert codes(encoder, [[[3e38]]]) == [[float(np.finfo(np.float32).max)]]


def read_ucr(name: str) -> list[Row]:
    table = np.genfromtxt(real_data(name), delimiter="\t")[:, 1:]
    return [[[None if math.isnan(value) else value for value in row]] for row in table.tolist()]


def test_real_heart_beats_are_normalised_like_numpy() -> None:
    rows = read_ucr("ts_ECG5000/ECG5000_TRAIN.tsv")
    beats = np.array(rows)[:, 0]
    encoder = fit("series", SeriesEncode(), rows)
    expected = (beats - beats.mean(axis=1, keepdims=True)) / beats.std(axis=1, keepdims=True)
    np.testing.assert_allclose(codes(encoder, rows), expected, atol=1e-4)
    assert (encoder.inputs.max_length, encoder.inputs.missing) == (140, False)


def test_real_gaps_stay_gaps() -> None:
    encoder = fit("series", SeriesEncode(normalise="robust"), read_ucr("ts_DodgerLoopDay/DodgerLoopDay_TRAIN.tsv"))
    assert encoder.inputs.missing
    encoded = encoder.encode(column("series", read_ucr("ts_DodgerLoopDay/DodgerLoopDay_TEST.tsv")))
    flat = encoded.sequence.flatten()
    assert isinstance(flat, pa.FloatArray)
    assert int(np.isnan(flat.to_numpy()).sum()) == 101  # by the notes on the data
