"""Rows for the founding document's three networks, the same for every library, with something to learn in them.

In: the name of a case and how many rows. Out: `Rows`, to be handed on as encoded Parquet (ours) or as one padded array
in an .npz file (the peers). `text` and `reviews` are one network: on texts of 100 words (reviews of one class, joined),
or on one review each (median 26 words), which the peers pad to 100 on the left, as the founding document does.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from examples.simulate import dna, ecg, reviews

WORDS, VOCABULARY = 100, 10_000
JOINED = 4
"""Reviews in a row of `text`; cut at 100 words."""


@dataclass(frozen=True)
class Rows:
    sequences: list[npt.NDArray[np.int32]] | list[npt.NDArray[np.float32]]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> tuple[Rows, Rows]:
        """So many rows, and the others: of one making, so that a number means the same word in both."""
        return (Rows(self.sequences[:count], self.labels[:count]), Rows(self.sequences[count:], self.labels[count:]))

    def write(self, path: Path, width: int, held: Rows | None = None) -> None:
        """x (N, T), padded on the left, and y (N,), for the peers; `held` as x_held, y_held."""
        lengths = [len(one) for one in self.sequences]
        others = {} if held is None else {"x_held": held.padded(width), "y_held": held.labels}
        np.savez(path, x=self.padded(width), y=self.labels, lengths=lengths, **others)

    def padded(self, width: int) -> npt.NDArray[Any]:
        """(N, T)."""
        series = self.sequences[0].dtype == np.float32
        x = np.zeros((len(self), width), np.float32 if series else np.int64)
        for row, sequence in enumerate(self.sequences):
            x[row, width - len(sequence) :] = sequence
        return x

    @staticmethod
    def read(path: Path) -> Rows:
        """What `write` wrote, without the padding."""
        data = np.load(path)
        found = data["x"] if data["x"].dtype == np.float32 else data["x"].astype(np.int32)
        return Rows([row[len(row) - length :] for row, length in zip(found, data["lengths"], strict=True)], data["y"])

    def table(self) -> pa.Table:
        """The columns of encoded Parquet."""
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in self.sequences])]).astype(np.int32)
        return pa.table(
            {
                "id": pa.array([f"row-{number}" for number in range(len(self))]),
                "label": pa.array(self.labels.astype(np.int32)),
                "sequence": pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(self.sequences))),
                "truncated": pa.array(np.zeros(len(self), dtype=bool)),
                "unknown": pa.array(np.zeros(len(self), dtype=np.int32)),
            }
        )


def make_rows(case: str, rows: int, seed: int = 0) -> Rows:
    return MAKERS[case](rows, seed)


def _reviews(rows: int, seed: int) -> Rows:
    found = reviews.generate(rows, seed)
    texts = [text.lower().split() for text in found["review"].to_pylist()]
    return Rows(_ranked(texts), _codes(found["sentiment"].to_pylist()))


def _text(rows: int, seed: int) -> Rows:
    """As many texts of 100 words; a text that is shorter begins again."""
    found = reviews.generate(JOINED * rows, seed)
    by_class: dict[str, list[list[str]]] = {}
    for text, label in zip(found["review"].to_pylist(), found["sentiment"].to_pylist(), strict=True):
        by_class.setdefault(label, []).append(text.lower().split())
    texts, labels = [], []
    for label, each in by_class.items():
        for start in range(0, len(each), JOINED):
            words = [word for text in each[start : start + JOINED] for word in text]
            texts.append((words * WORDS)[:WORDS])
            labels.append(label)
    return Rows(_ranked(texts[:rows]), _codes(labels[:rows]))


def _ecg(rows: int, seed: int) -> Rows:
    """Each series at mean 0 and deviation 1."""
    found = ecg.generate(rows, seed)
    values = np.stack([found[f"v{point}"].to_numpy() for point in range(ecg.POINTS)], axis=1)
    scaled = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    return Rows(list(scaled.astype(np.float32)), _codes(found["rhythm"].to_pylist()))


def _dna(rows: int, seed: int) -> Rows:
    """A, C, G, T by number; any other letter as A."""
    found = dna.generate(rows, seed)
    letters = {"A": 1, "C": 2, "G": 3, "T": 4}
    sequences = [np.array([letters.get(base, 1) for base in one.upper()], np.int32)
                 for one in found["sequence"].to_pylist()]  # fmt: skip
    return Rows(sequences, _codes(found["label"].to_pylist()))


def _ranked(texts: list[list[str]]) -> list[npt.NDArray[np.int32]]:
    """Words by how frequent they are, the first 100 of a text; what is rarer than the vocabulary holds is unknown."""
    common = Counter(word for text in texts for word in text).most_common(VOCABULARY - 2)
    rank = {word: number for number, (word, _) in enumerate(common, start=2)}
    return [np.array([rank.get(word, 1) for word in text[:WORDS]], np.int32) for text in texts]


def _codes(labels: list[str]) -> npt.NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


MAKERS = {"text": _text, "reviews": _reviews, "ecg": _ecg, "dna": _dna}
