"""The trivial and the linear baseline, on made data whose answer is known and on real sets."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from seqcls.evaluation import baselines
from seqcls.evaluation.baseline_features import ResidueFeatures, SeriesFeatures, split_words
from seqcls.evaluation.baselines import Skipped, linear, sample_rows, sequence_sizes, trivial
from seqcls.evaluation.metrics import compute_metrics

DATA = Path(__file__).parents[3] / "shared" / "data"
SERIES = pa.list_(pa.list_(pa.float32()))
TOKENS = pa.list_(pa.string())


def column(rows, kind=None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, kind or pa.string())])


def accuracy(probabilities, labels) -> float:
    assert not isinstance(probabilities, Skipped), probabilities
    assert np.allclose(probabilities.sum(axis=1), 1)
    return float((probabilities.argmax(axis=1) == labels).mean())


def test_trivial_gives_the_class_shares_of_the_training_rows():
    found = trivial(np.array([0, 0, 0, 2]), np.array([1, 2]), 3)
    assert found.tolist() == [[0.75, 0, 0.25], [0.75, 0, 0.25]]


def test_text_is_told_apart_by_words_and_by_word_pairs():
    labels = np.array([0, 1] * 30)
    words = ["a good film", "a bad film"] * 30
    pairs = ["not good but bad", "not bad but good"] * 30
    for rows in (words, pairs):
        found = linear("text", column(rows), labels, column(rows), 2, seed=0)
        assert accuracy(found, labels) == 1.0


def test_tokens_take_the_list_as_it_is():
    rows, labels = [["x", "Y z"], ["x", "y z"]] * 20, np.array([0, 1] * 20)
    assert accuracy(linear("tokens", column(rows, TOKENS), labels, column(rows, TOKENS), 2, seed=0), labels) == 1.0


def test_dna_counts_kmers_whatever_the_case_and_leaves_ambiguous_letters_out():
    train, labels = ["ACGTACGTAA", "ttttgggg"] * 20, np.array([0, 1] * 20)
    test = ["acguacgu", "TTNTGGGG", "NNNN", ""]
    found = linear("dna", column(train), labels, column(test), 2, seed=0)
    assert accuracy(found[:2], np.array([0, 1])) == 1.0
    assert np.isfinite(found).all()


def test_kmers_are_counted_within_a_row_and_without_ambiguous_letters():
    features = ResidueFeatures("dna", column(["ACG", "T", "GNA"]))
    names = np.array(features.grams.get_feature_names_out())
    found = [set(names[row.indices]) for row in features.transform(column(["acg", "T", "GNA"]))]
    assert found == [{"A", "C", "G", "AC", "CG", "ACG"}, {"T"}, {"G", "A"}]


def test_text_is_cut_into_words_signs_and_single_han_characters():
    rows = split_words("text", column(["Don't  stop: 3.5_x", "日本 ok", "हिन्दी"]))
    assert rows == [["don't", "stop", ":", "3", ".", "5", "_", "x"], ["日", "本", "ok"], ["हिन्दी"]]


def test_windows_of_one_length_also_show_where_a_letter_stands():
    random = np.random.default_rng(0)
    rows = ["".join(random.choice(list("ACGT"), 20)) for _ in range(400)]
    labels = np.array([int(row[7] == "G") for row in rows])
    found = linear("dna", column(rows[:300]), labels[:300], column(rows[300:]), 2, seed=0)
    assert accuracy(found, labels[300:]) > 0.95
    assert ResidueFeatures("dna", column(["ACG", "AC"])).window == 0


def test_positions_are_one_hot_columns_of_length_one_and_skip_unknown_letters():
    features = ResidueFeatures("dna", column(["ACG", "TTT"]))
    places = features.transform(column(["aNg", "ACGT", "é"])).toarray()[:, -12:].reshape(3, 3, 4) * 3**0.5
    none = [0, 0, 0, 0]
    assert places[0].round(6).tolist() == [[1, 0, 0, 0], none, [0, 0, 1, 0]]
    assert places[1].round(6).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert places[2].tolist() == [none, none, none]


def test_series_of_unequal_length_with_missing_values_are_told_apart_by_their_shape():
    random = np.random.default_rng(1)
    rows, labels = [], np.arange(200) % 2
    for label in labels:
        length = int(random.integers(5, 40))
        values = (1 if label else -1) * np.linspace(-1, 1, length) + random.normal(0, 0.2, length)
        rows.append([[None if random.random() < 0.2 else float(v) for v in values], [5.0] * length])
    found = linear("series", column(rows[:150], SERIES), labels[:150], column(rows[150:], SERIES), 2, seed=0)
    assert accuracy(found, labels[150:]) > 0.9


def test_a_series_is_put_on_a_grid_between_its_own_observed_values_only():
    rows = column([[[0, None, 4]], [[None, 7, None]], [[100, 100]], [[None]], [[]]], SERIES)
    features = SeriesFeatures(column([[[0, 1, 2, 3, 4]]], SERIES))
    assert features.points == 5
    measured = features._measure(rows)
    assert measured[:, -5:].tolist() == [[0, 1, 2, 3, 4], [7] * 5, [100] * 5, [0] * 5, [0] * 5]
    mean, deviation, low, high, slope, step, observed, length = measured[0, :8]
    assert (mean, deviation, low, high, slope, length) == (2, 2, 0, 4, 2, 3)
    assert step == pytest.approx(2)  # |4 - 0| over the two observed values
    assert observed == pytest.approx(2 / 3)


def test_a_class_without_training_rows_gets_no_probability():
    rows = ["one", "two"] * 5
    found = linear("text", column(rows), np.array([0, 2] * 5), column(["one", "new"]), 4, seed=0)
    assert found.shape == (2, 4)
    assert found[:, [1, 3]].tolist() == [[0, 0], [0, 0]]


def test_what_cannot_be_fitted_is_skipped_with_its_reason():
    one = linear("text", column(["a", "b"]), np.array([1, 1]), column(["a"]), 2, seed=0)
    assert one == Skipped("the 2 training rows sampled for it hold fewer than two classes")
    uneven = column([[[1.0], [2.0]], [[1.0]]], SERIES)
    found = linear("series", uneven, np.array([0, 1]), uneven, 2, seed=0)
    assert found == Skipped("the rows have different numbers of channels")


def test_at_most_twenty_thousand_rows_are_fitted_on_and_the_seed_picks_them():
    rows = sample_rows(np.full(50_000, 3), seed=0)
    assert len(rows) == len(set(rows.tolist())) == 20_000
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(rows, sample_rows(np.full(50_000, 3), seed=0))
    assert not np.array_equal(rows, sample_rows(np.full(50_000, 3), seed=1))
    assert sample_rows(np.full(100, 3), seed=0).tolist() == list(range(100))
    assert len(sample_rows(np.full(100, 1_000_000), seed=0)) == 5


def test_sizes_count_letters_tokens_and_values():
    assert sequence_sizes(column(["abc", "", "x"])).tolist() == [3, 0, 1]
    assert sequence_sizes(column([["a", "b"], []], TOKENS)).tolist() == [2, 0]
    assert sequence_sizes(column([[[1, 2], [3, 4]], [[5], [6]], []], SERIES)).tolist() == [4, 2, 0]


def test_predicting_in_steps_gives_what_predicting_at_once_gives(monkeypatch):
    random = np.random.default_rng(2)
    rows = ["".join(random.choice(list("ACGT"), int(random.integers(1, 30)))) for _ in range(200)]
    labels = random.integers(0, 3, 200)
    whole = linear("dna", column(rows), labels, column(rows), 3, seed=0)
    monkeypatch.setattr(baselines, "TEST_POSITIONS_PER_STEP", 100)
    several = pa.chunked_array([pa.array(rows[:70]), pa.array(rows[70:])])
    assert np.allclose(linear("dna", column(rows), labels, several, 3, seed=0), whole)


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets (../shared/data) are not on this machine")


def fields(path: Path, delimiter: str, quoting: int = csv.QUOTE_NONE) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter, quoting=quoting)]


def indices(labels: list[str]) -> tuple[np.ndarray, list[str]]:
    names, codes = np.unique(labels, return_inverse=True)
    return codes, names.tolist()


@pytest.mark.slow
@needs_data
def test_sentences_of_film_reviews_reach_what_others_reach_with_tfidf():
    folder = DATA / "text_sst" / "derived"
    train, test = fields(folder / "sst3_train.tsv", "\t")[1:], fields(folder / "sst3_test.tsv", "\t")[1:]
    labels, names = indices([row[0] for row in train])
    truth, _ = indices([row[0] for row in test])
    found = linear("text", column([row[1] for row in train]), labels, column([row[1] for row in test]), 3, seed=0)
    assert 0.63 < compute_metrics(truth, found, names).accuracy < 0.68


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize(
    ("file", "least", "most"),
    [("dna_cnnprom_bacteria/derived_4class.csv", 0.80, 0.86), ("dna_splice", 0.94, 0.98)],
)
def test_promoters_and_splice_sites_reach_what_others_reach_with_linear_models(file, least, most):
    path = DATA / file
    if path.is_dir():
        path = next(path.rglob("*.data"), None) or next(path.rglob("*.csv"))
    rows = [(row[0], row[-1]) for row in fields(path, ",") if len(row[-1]) > 50]
    labels, names = indices([row[0] for row in rows])
    sequences = np.array([row[1] for row in rows])
    order = np.random.default_rng(0).permutation(len(rows))
    test, train = order[: len(rows) // 5], order[len(rows) // 5 :]
    found = linear("dna", column(sequences[train]), labels[train], column(sequences[test]), len(names), seed=0)
    assert least < compute_metrics(labels[test], found, names).accuracy < most
