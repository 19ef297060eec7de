"""Five tiny pipelines of each golden store: their files and the rows in them. The same call writes the same bytes.

Between them the stores hold every kind of sequence, every unit of an encoder, networks of every build and the families
that are fitted; which store holds what is `STORES`.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLASSES = ("no", "yes")
HISTORY = "tokens"
"""The pipeline with three versions, a re-scoring, a rollback, a corrected file and a scoring that was killed."""
RACED = "dna"
"""The pipeline with enough rows for a race of the engines (256 of validation)."""


@dataclass(frozen=True)
class Settings:
    """What differs from store to store: lines of [encode] and of [model], and of other sections."""

    encode: str
    model: str
    train: str = "epochs = 2"
    score: str = ""


STORES: dict[str, dict[str, Settings]] = {
    "0855e4b": {
        "text": Settings('unit = "words"', 'family = "lstm"\nwidth = 6\nembedding = 6'),
        "series": Settings('normalise = "channel"', 'family = "cnn"\nfilters = [4]\nkernel = 3\npooling = "flatten"'),
        "dna": Settings('strand = "both"', 'family = "cnn"\nfilters = [4]\nembedding = 4'),
        "protein": Settings('unit = "kmers"\nk = 2', 'family = "rnn"\nwidth = 6\nembedding = 4'),
        "tokens": Settings(
            "", 'family = "hybrid"\nfilters = [4]\nwidth = 4\nembedding = 6', score="abstain_below = 0.55"
        ),
    },
    "d711b28": {
        "text": Settings('unit = "bpe"\nvocabulary = 300', 'family = "gru"\nwidth = 6\nembedding = 4'),
        "series": Settings("", 'family = "rocket"\nfeatures = "minirocket"\nthresholds = 3', train=""),
        "dna": Settings('unit = "kmers"\nk = 3', 'family = "cnn"\nfilters = [4]\nembedding = 4'),
        "protein": Settings("", 'family = "cnn"\nfilters = [4]\nembedding = 4\npooling = "flatten"'),
        "tokens": Settings(
            "", 'family = "transformer"\nwidth = 8\nheads = 2\ndepth = 1\nembedding = 8',
            score='abstain_precision = 0.6\nunusable = "set_aside"',
        ),
    },
    "f48bf3b": {
        "text": Settings('unit = "characters"', 'family = "ngrams"\nfeatures = 300', train=""),
        "series": Settings(
            'normalise = "robust"\ndifference = true',
            'family = "cnn"\nfilters = [4, 4]\nkernel = 3\npooling = "flatten"',
        ),
        "dna": Settings("", 'family = "lstm"\nwidth = 4\nembedding = 4'),
        "protein": Settings(
            'unit = "kmers"\nk = 2', 'family = "attention"\nfilters = [4]\nwidth = 8\nheads = 2\nembedding = 4'
        ),
        "tokens": Settings(
            "", 'family = "gru"\nwidth = 4\nembedding = 6', score='abstain_precision = 0.6\nunusable = "set_aside"'
        ),
    },
    "bda84f0": {
        "text": Settings('unit = "words"', 'family = "cnn"\nfilters = [4]\nembedding = 6\nmembers = 2'),
        "series": Settings(
            'normalise = "none"', 'family = "cnn"\nfilters = [4]\nkernel = 3\npooling = "flatten"'
        ),
        "dna": Settings('unit = "kmers"\nk = 3', 'family = "gru"\nwidth = 4\nembedding = 4'),
        "protein": Settings("", 'family = "hybrid"\nfilters = [4]\nwidth = 4\nembedding = 4'),
        "tokens": Settings(
            "", 'family = "lstm"\nwidth = 4\nembedding = 6', score='abstain_precision = 0.6\nunusable = "set_aside"'
        ),
    },
}  # fmt: skip


def write_pipelines(folder: Path, settings: dict[str, Settings]) -> None:
    """Pipeline files, training files and the first night of each."""
    for kind, own in settings.items():
        (folder / f"{kind}.toml").write_text(config(kind, own))
        rows = {RACED: 440, HISTORY: 160}.get(kind, 70)
        write_rows(folder / "data" / f"{kind}.csv", kind, rows, 0, labelled=True)
        write_night(folder, kind, "2026-10-01", 22)


def config(kind: str, own: Settings) -> str:
    """A pipeline file."""
    shape = 'format = "wide"\nvalues = ["v*"]' if kind == "series" else 'format = "csv"'
    split = "valid = 0.6\ntest = 0.1" if kind == RACED else "valid = 0.2\ntest = 0.2"
    epochs = "epochs = 8" if kind == HISTORY else own.train
    train = f"{epochs}\nlearning_rate = 0.02\nthreads = 1" if own.train else "threads = 1"
    return f"""name = "{kind}"
kind = "{kind}"
[source]
{shape}
files = ["data/{kind}.csv"]
id = "id"
[split]
{split}
[rules]
reject_budget = 0.2
[encode]
{own.encode}
[model]
{own.model}
[train]
{train}
[promote]
every_class_predicted = false
[score]
files = ["incoming/{kind}/*.csv"]
output = "scores/{kind}"
chunk_rows = 10
{own.score}
"""


def write_night(folder: Path, kind: str, day: str, rows: int, seed: int = 0) -> Path:
    """A night of new rows, two of which will be rejected."""
    path = folder / "incoming" / kind / f"night-{day}.csv"
    write_rows(path, kind, rows, f"{day} {seed}", labelled=False)
    return path


def write_rows(path: Path, kind: str, rows: int, seed: object, *, labelled: bool) -> None:
    """Rows of both classes, and two without a sequence."""
    rng = random.Random(f"{kind} {seed}")
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"v{number}" for number in range(LENGTH)] if kind == "series" else ["sequence"]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", *names, *(["label"] if labelled else [])])
        for number in range(rows + 2):
            label = rng.choice(CLASSES)
            cells = [""] * len(names) if number in (3, 11) else cells_of(kind, rng, label)
            writer.writerow([f"{path.stem}-{number}", *cells, *([label] if labelled else [])])


def cells_of(kind: str, rng: random.Random, label: str) -> list[str]:
    """The cells of one sequence."""
    return WRITERS[kind](rng, label)


def sequences(kind: str) -> list[str]:
    """Three sequences as `seqcls predict` takes them."""
    rng = random.Random(f"{kind} predict")
    return [("," if kind == "series" else " ").join(cells_of(kind, rng, label)) for label in (*CLASSES, "yes")]


LENGTH = 12
WORDS = ("one", "two", "three", "four", "five", "Straße", "naïve")


def _text(rng: random.Random, label: str) -> list[str]:
    words = [rng.choice(WORDS) for _ in range(rng.randint(2, 6))]
    words.insert(rng.randint(0, len(words)), "good" if label == "yes" else "bad")
    return [" ".join(words)]


def _tokens(rng: random.Random, label: str) -> list[str]:
    words = [f"t{rng.randrange(9)}" for _ in range(rng.randint(2, 6))]
    words.insert(rng.randint(0, len(words)), "up" if label == "yes" else "down")
    return [" ".join(words)]


def _series(rng: random.Random, label: str) -> list[str]:
    slope = 0.5 if label == "yes" else -0.5
    values = [f"{slope * step + rng.uniform(-1, 1):.2f}" for step in range(LENGTH)]
    values[rng.randrange(LENGTH)] = "?"  # a missing value
    return values


def _letters(alphabet: str, yes: str, no: str) -> Callable[[random.Random, str], list[str]]:
    def write(rng: random.Random, label: str) -> list[str]:
        letters = "".join(rng.choice(alphabet) for _ in range(rng.randint(8, 14)))
        place = rng.randint(0, len(letters))
        return [letters[:place] + (yes if label == "yes" else no) + letters[place:]]

    return write


WRITERS: dict[str, Callable[[random.Random, str], list[str]]] = {
    "text": _text,
    "tokens": _tokens,
    "series": _series,
    "dna": _letters("ACGT", "GGGG", "TTTT"),
    "protein": _letters("ACDEFGHIKLMNPQRSTVWY", "WWW", "CCC"),
}
