"""Models without memory on the simulated data: how much counting words, looking at points or at summaries can tell.

`python -m benchmarks.simulated [--rows 8000]` writes benchmarks/results/simulated.csv and the table of
simulated-data.md: accuracy on the last fifth of the rows (ecg: of other patients), one seed. Takes about a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks.measured import RESULTS, Row, read_rows, replace, stamp
from examples.simulate import dna, ecg, reviews
from seqcls.evaluation import baselines

PAGE = Path(__file__).parents[1] / "docs" / "evidence" / "simulated-data.md"
BEGIN, END = "<!-- figures: begin (written by benchmarks/simulated.py) -->", "<!-- figures: end -->"
SEED, TREES = 5, 200
Values = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8_000, help="of each data set")
    options = parser.parse_args()
    path = RESULTS / "simulated.csv"
    replace(path, measure(options.rows), ("data", "features"))
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(read_rows(path))}\n{END}{rest.partition(END)[2]}", "utf-8")
    print(table(read_rows(path)))


def measure(rows: int) -> Iterator[Row]:
    """Every model on every data set."""
    facts = stamp(threads=1)
    for data, features, accuracy in (*on_reviews(rows), *on_dna(rows), *on_ecg(rows)):
        yield {"data": data, "features": features, "rows": rows, "accuracy": round(accuracy, 4), "seed": SEED, **facts}


def on_reviews(rows: int) -> Iterator[tuple[str, str, float]]:
    found = reviews.generate(rows, SEED)
    texts, labels = found["review"].to_pylist(), found["sentiment"].to_pylist()
    for longest, name in ((1, "words"), (2, "words and pairs"), (3, "words, pairs and triples")):
        counted = TfidfVectorizer(ngram_range=(1, longest), sublinear_tf=True)
        yield "reviews", f"TF-IDF of {name}, logistic regression", count_and_fit(counted, texts, labels, 5.0)


def on_dna(rows: int) -> Iterator[tuple[str, str, float]]:
    found = dna.generate(rows, SEED)
    sequences, labels = found["sequence"].to_pylist(), found["label"].to_pylist()
    for size in (3, 4, 5, 6):
        counted = TfidfVectorizer(analyzer="char", ngram_range=(size, size))
        name = f"TF-IDF of words of {size} bases, logistic regression"
        yield "dna", name, count_and_fit(counted, sequences, labels, 3.0)
    names, numbers = np.unique(labels, return_inverse=True)
    cut = cut_of(rows)
    column = pa.chunked_array([pa.array([sequence.upper() for sequence in sequences])])
    chances = baselines.linear("dna", column.slice(0, cut), numbers[:cut], column.slice(cut), len(names), SEED)
    assert not isinstance(chances, baselines.Skipped), chances
    accuracy = float((chances.argmax(axis=1) == numbers[cut:]).mean())
    yield "dna", "the report's baseline, which also sees the letter at each place", accuracy


def on_ecg(rows: int) -> Iterator[tuple[str, str, float]]:
    found = ecg.generate(rows, SEED)
    order = np.argsort(found["patient"].to_numpy(), kind="stable")  # so that a patient's rows are not divided
    values = np.stack([found[f"v{point}"].to_numpy() for point in range(ecg.POINTS)], axis=1)[order]  # (N, T)
    labels, patients = found["rhythm"].to_numpy()[order], found["patient"].to_numpy()[order]
    cut = cut_of(rows)
    while patients[cut] == patients[cut - 1]:
        cut += 1
    scaled = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    points = LogisticRegression(C=0.1, max_iter=300).fit(scaled[:cut], labels[:cut])
    yield "ecg", "the 500 points, z-norm, logistic regression", float(points.score(scaled[cut:], labels[cut:]))
    told = summaries(values)
    forest = RandomForestClassifier(TREES, random_state=SEED, n_jobs=1).fit(told[:cut], labels[:cut])
    accuracy = float(forest.score(told[cut:], labels[cut:]))
    yield "ecg", "mean, deviation, extremes and slopes, random forest", accuracy


def cut_of(rows: int) -> int:
    """Rows to learn from; the rest is judged."""
    return rows * 4 // 5


def count_and_fit(counted: TfidfVectorizer, texts: list[str], labels: list[str], strength: float) -> float:
    cut = cut_of(len(texts))
    train = counted.fit_transform(texts[:cut])
    model = LogisticRegression(C=strength, max_iter=300).fit(train, labels[:cut])
    return float(model.score(counted.transform(texts[cut:]), labels[cut:]))


def summaries(values: Values) -> Values:
    """(N, T) -> (N, 8): of the values, and of the differences from point to point."""
    slopes = np.diff(values, axis=1)
    parts = [
        values.mean(1), values.std(1), values.min(1), values.max(1),
        np.abs(slopes).mean(1), slopes.std(1), slopes.min(1), slopes.max(1),
    ]  # fmt: skip
    return np.stack(parts, axis=1)


def table(rows: list[Row]) -> str:
    """Markdown, with the machine and the versions below."""
    lines = ["| data | features and model | rows | accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {row['data']} | {row['features']} | {int(str(row['rows'])):,} | {float(str(row['accuracy'])):.2f} |"
        for row in rows
    ]
    last = rows[-1]
    return "\n".join([*lines, "", f"{last['date']}, Python {last['python']}, NumPy {last['numpy']}, seed {SEED}."])


if __name__ == "__main__":
    main()
