"""examples.simulate.reviews: the same rows for a seed, three classes, and no way to solve them by counting words."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from examples.simulate import reviews
from examples.simulate.dice import Dice
from examples.simulate.words import BAD, GOOD


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return reviews.generate(4000, seed=5)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    assert reviews.generate(50, 1).equals(reviews.generate(50, 1))
    assert not reviews.generate(50, 1).equals(reviews.generate(50, 2))


def test_rows_do_not_depend_on_how_many_follow() -> None:
    few, many = reviews.generate(20, 1), reviews.generate(200, 1)
    assert few["review"].to_pylist() == many["review"].to_pylist()[:20]
    assert few["sentiment"].to_pylist() == many["sentiment"].to_pylist()[:20]


def test_no_rows_are_an_empty_table() -> None:
    assert reviews.generate(0, 1).num_rows == 0


def test_three_classes_of_about_equal_size(table: pa.Table) -> None:
    counts = Counter(table["sentiment"].to_pylist())
    assert set(counts) == set(reviews.CLASSES)
    assert min(counts.values()) > 4000 / 3 * 0.9


def test_reviews_have_5_to_100_words_but_for_a_few_longer_ones(table: pa.Table) -> None:
    words = np.array([len(text.split()) for text in table["review"].to_pylist()])
    assert words.min() >= 5
    assert 0.01 < np.mean(words > 100) < 0.06


def test_without_long_reviews_and_noise_none_is_longer_than_100_words() -> None:
    table = reviews.generate(1000, 1, long_share=0.0)
    assert max(len(text.split()) for text in table["review"].to_pylist()) <= 100


@pytest.mark.slow
def test_label_noise_is_the_share_of_changed_labels() -> None:
    """`... are right` is never neutral but for noise; half of the changed labels become neutral."""

    def neutral_share(noise: float) -> float:
        rows = reviews.generate(8000, 1, label_noise=noise, long_share=0.0).to_pylist()
        judged = [row["sentiment"] for row in rows if " are right" in row["review"]]
        assert len(judged) > 100
        return judged.count("neutral") / len(judged)

    assert neutral_share(0.0) == 0.0
    assert 0.08 < neutral_share(0.3) < 0.22


def test_praise_and_blame_words_stand_in_every_class(table: pa.Table) -> None:
    for label in reviews.CLASSES:
        texts = [row["review"] for row in table.to_pylist() if row["sentiment"] == label]
        words = Counter(word for text in texts for word in text.lower().replace(",", " ").replace(".", " ").split())
        praise, blame = sum(words[word] for word in GOOD), sum(words[word] for word in BAD)
        assert 0.5 < praise / blame < 2.0, label


@pytest.mark.slow
def test_counting_words_does_not_solve_it(table: pa.Table) -> None:
    """Words, pairs and triples; an LSTM reaches 0.96 (simulated-data.md). Measured here: 0.66, 0.73, 0.74."""
    texts, labels = table["review"].to_pylist(), table["sentiment"].to_pylist()
    for longest, bound in ((1, 0.72), (2, 0.80), (3, 0.80)):
        features = TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True)
        train = features.fit_transform(texts[:3200])
        score = (
            LogisticRegression(C=5, max_iter=300)
            .fit(train, labels[:3200])
            .score(features.transform(texts[3200:]), labels[3200:])
        )
        assert 0.4 < score <= bound, (longest, score)


def test_files_read_back_as_the_rows_that_were_generated(tmp_path: Path) -> None:
    paths = reviews.write(tmp_path, 1000, seed=3)
    rows = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    assert rows == reviews.generate(1000, 3).to_pylist()


def test_files_hold_commas_quotes_line_breaks_and_accents(tmp_path: Path) -> None:
    text = "".join(path.read_text("utf-8") for path in reviews.write(tmp_path, 1000, seed=3))
    assert '""' in text
    assert "é" in text
    assert len(text.splitlines()) > 1002  # some rows run over several lines
    assert text.count("\r") == 0


def test_times_rise_with_the_rows(table: pa.Table) -> None:
    times = table["written_at"].to_pylist()
    assert times == sorted(times)
    assert times[0] == "2025-01-01T00:00:00Z"
    assert times[-1] < "2026-01-01"


def test_dice_repeat_for_seed_and_stream_and_keep_their_bounds() -> None:
    first, second, other = Dice(1, 0), Dice(1, 0), Dice(1, 1)
    throws = [first.throw() for _ in range(70_000)]  # more than one block
    assert throws == [second.throw() for _ in range(70_000)]
    assert throws[:10] != [other.throw() for _ in range(10)]
    assert len(set(throws)) == 70_000
    assert {Dice(seed, 0).below(3) for seed in range(50)} == {0, 1, 2}
