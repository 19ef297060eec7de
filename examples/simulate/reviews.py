"""Simulated film reviews: which words stand under which negation, clause or speaker decides the sentiment.

In: number of rows and a seed. Out: a table `id, review, sentiment, written_at`, or CSV files.
Promise: the same seed gives the same rows; praise and blame words occur in all three classes, mostly both in one
review, so that counting words tells little: what is negated, which clause wins and who speaks must be read.
The parts of a review come from a small grammar, after the phenomena listed by Polanyi and Zaenen (2006, "Contextual
Valence Shifters"): negation, contrast, reported opinion, and valenced words that are about the plot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa

from examples.simulate.dice import Dice
from examples.simulate.words import (
    ASPECTS,
    BAD,
    DEGREES,
    FACTS,
    FILMS,
    GOOD,
    NAMES,
    OPENINGS,
    OTHERS,
    PLOT_ROLES,
    PLOTS,
)

CLASSES: Final = ("negative", "neutral", "positive")
LONG_SHARE: Final = 0.04  # reviews of more than 100 words: they exercise truncation
LABEL_NOISE: Final = 0.02  # share of labels drawn anew, as careless annotators do
_FIRST_DAY: Final = datetime(2025, 1, 1, tzinfo=UTC)

Words = Sequence[str]


def generate(
    rows: int, seed: int, *, label_noise: float = LABEL_NOISE, long_share: float = LONG_SHARE, prefix: str = "r"
) -> pa.Table:
    """`rows` labelled reviews, written over the year 2025 in the order of their ids."""
    dice = Dice(seed, stream=1)
    reviews: list[str] = []
    labels: list[str] = []
    for _ in range(rows):
        label = dice.pick(CLASSES)
        reviews.append(_review(dice, label, dice.chance(long_share)))
        labels.append(dice.pick(CLASSES) if dice.chance(label_noise * 1.5) else label)  # a third stays as it was
    step = timedelta(days=365) / max(rows, 1)
    times = [(_FIRST_DAY + row * step).strftime("%Y-%m-%dT%H:%M:%SZ") for row in range(rows)]
    ids = [f"{prefix}{row:07d}" for row in range(1, rows + 1)]
    return pa.table({"id": ids, "review": reviews, "sentiment": labels, "written_at": times})


def write(folder: Path, rows: int, seed: int) -> list[Path]:
    """Two CSV files `train-N.csv`; reviews hold commas, doubled quotes and line breaks inside quotes."""
    folder.mkdir(parents=True, exist_ok=True)
    table = generate(rows, seed)
    half = rows // 2
    paths = [folder / "train-1.csv", folder / "train-2.csv"]
    for path, part in zip(paths, (table.slice(0, half), table.slice(half)), strict=True):
        write_csv(path, part)
    return paths


def write_csv(path: Path, table: pa.Table) -> None:
    """RFC 4180, fields quoted where they must be."""
    path.write_bytes(b"".join([header(table), *csv_records(table)]))


def header(table: pa.Table) -> bytes:
    """First line of the file."""
    return (",".join(table.column_names) + "\n").encode()


def csv_records(table: pa.Table) -> list[bytes]:
    """One CSV record a row; a record may run over several lines."""
    columns = [map(_field, column.to_pylist()) for column in table.columns]
    return [(",".join(fields) + "\n").encode() for fields in zip(*columns, strict=True)]


def _field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text


def _review(dice: Dice, label: str, is_long: bool) -> str:
    """Facts, the judgement, facts: the judgement may stand first, last or between."""
    sentences = [_neutral(dice) if label == "neutral" else _judgement(dice, praise=label == "positive")]
    for _ in range(10 + dice.below(5) if is_long else dice.below(4)):
        sentences.insert(dice.below(len(sentences) + 1), _fact(dice))
    return _punctuate(dice, sentences)


def _punctuate(dice: Dice, sentences: list[str]) -> str:
    text = ""
    for sentence in sentences:
        end = "!" if dice.chance(0.05) else "."
        text += ("" if not text else "\n" if dice.chance(0.04) else " ") + sentence[0].upper() + sentence[1:] + end
    return text


# Judgements. `won` is the side that the author takes, `lost` the words of the other side.


def _judgement(dice: Dice, praise: bool) -> str:
    won, lost = (GOOD, BAD) if praise else (BAD, GOOD)
    return dice.pick(_JUDGEMENTS)(dice, won, lost)


def _say(dice: Dice, words: Words) -> str:
    """An adjective of one side, in three of ten cases with a degree before it."""
    return f"{dice.pick(DEGREES)} {dice.pick(words)}" if dice.chance(0.3) else dice.pick(words)


def _plain(dice: Dice, won: Words, _lost: Words) -> str:
    return dice.pick(
        (
            f"the {dice.pick(ASPECTS)} is {_say(dice, won)} and the {dice.pick(ASPECTS)} is {_say(dice, won)}",
            f"i found the {dice.pick(FILMS)} {_say(dice, won)}",
            f"what a {_say(dice, won)} {dice.pick(FILMS)} this is",
        )
    )


def _negated(dice: Dice, _won: Words, lost: Words) -> str:
    """Only words of the other side, all of them negated."""
    return dice.pick(
        (
            f"this is not, for all that one hears, a {_say(dice, lost)} {dice.pick(FILMS)}",
            f"nobody who sat through it could call the {dice.pick(ASPECTS)} {_say(dice, lost)}",
            f"it is hardly the {_say(dice, lost)} {dice.pick(FILMS)} it was said to be",
            f"i would never say that the {dice.pick(ASPECTS)} is {_say(dice, lost)}",
            f"there is nothing {_say(dice, lost)} about the {dice.pick(ASPECTS)}",
            f"the {dice.pick(ASPECTS)} is far from {_say(dice, lost)}",
        )
    )


def _contrast(dice: Dice, won: Words, lost: Words) -> str:
    """Both sides in one sentence; the conjunction and its place say which clause wins."""
    winner = f"the {dice.pick(ASPECTS)} is {_say(dice, won)}"
    loser = f"the {dice.pick(ASPECTS)} is {_say(dice, lost)}"
    return dice.pick(
        (
            f"although {loser}, {winner}",
            f"{winner}, although {loser}",
            f"{loser}, but {winner}",
            f"even if {loser}, {winner}",
            f"{winner}, even if {loser}",
            f"{loser}; still, {winner}",
            f"{winner}, and that outweighs that {loser}",
            f"{winner}, never mind that {loser}",
        )
    )


def _reported(dice: Dice, won: Words, lost: Words) -> str:
    """Somebody else takes the other side."""
    other, name = dice.pick(OTHERS), dice.pick(NAMES)
    return dice.pick(
        (
            f'{other} called it "{_say(dice, lost)}", i call it {_say(dice, won)}',
            f"i call it {_say(dice, won)}, {other} called it {_say(dice, lost)}",
            f"{name} told me it would be {_say(dice, lost)}; to me it was {_say(dice, won)}",
            f"to me it was {_say(dice, won)}, whatever {name} says about a {_say(dice, lost)} {dice.pick(ASPECTS)}",
            f"{other} who find it {_say(dice, lost)} are wrong",
            f"{other} who find it {_say(dice, won)} are right",
        )
    )


def _negated_contrast(dice: Dice, won: Words, lost: Words) -> str:
    """Negation inside a contrast: the same words as in `_contrast`, one side turned."""
    return dice.pick(
        (
            f"the {dice.pick(ASPECTS)} may be {_say(dice, lost)}, yet the {dice.pick(FILMS)} is not {_say(dice, lost)}",
            f"not {_say(dice, lost)} but {_say(dice, won)}, this {dice.pick(FILMS)}",
            f"{_say(dice, won)}, not {_say(dice, lost)}, is the word for the {dice.pick(ASPECTS)}",
            f"i expected something {_say(dice, lost)} and was wrong; the {dice.pick(ASPECTS)} is {_say(dice, won)}",
        )
    )


# Neutral reviews use the same words and constructions without taking a side.


def _neutral(dice: Dice) -> str:
    good, bad = _say(dice, GOOD), _say(dice, BAD)
    first, second = (good, bad) if dice.chance(0.5) else (bad, good)
    other, name = dice.pick(OTHERS), dice.pick(NAMES)
    return dice.pick(
        (
            f"the {dice.pick(ASPECTS)} is {first} and the {dice.pick(ASPECTS)} is {second}, so it evens out",
            f"neither {first} nor {second}, a {dice.pick(FILMS)} like any other",
            f'{other} called it "{first}", {name} called it {second}; i cannot say',
            f"i am not sure whether the {dice.pick(ASPECTS)} is {first} or {second}",
            f"{other} who find it {first} have their reasons, and so has {name}",
            f"whether one finds the {dice.pick(ASPECTS)} {first} is a matter of taste",
            f"{name} told me it would be {first}; i have not seen it yet",
            f"the {dice.pick(ASPECTS)} is not {first}, but it is not {second} either",
            _plot(dice),
        )
    )


def _fact(dice: Dice) -> str:
    """A sentence without an opinion, for any class; half of them are plots with valenced words in them."""
    if dice.chance(0.4):
        return _plot(dice)
    if dice.chance(0.3):
        return dice.pick(OPENINGS).format(film=dice.pick(FILMS), name=dice.pick(NAMES))
    return dice.pick(FACTS).format(
        name=dice.pick(NAMES), film=dice.pick(FILMS), year=1950 + dice.below(76), minutes=80 + dice.below(80)
    )


def _plot(dice: Dice) -> str:
    """Praise and blame of people in the story, not of the film."""
    word = _say(dice, GOOD if dice.chance(0.5) else BAD)
    return dice.pick(PLOTS).format(
        word=word,
        other=_say(dice, GOOD if dice.chance(0.5) else BAD),
        role=dice.pick(PLOT_ROLES),
        name=dice.pick(NAMES),
    )


_JUDGEMENTS: Final[tuple[Callable[[Dice, Words, Words], str], ...]] = (
    _plain,
    _negated,
    _contrast,
    _contrast,
    _reported,
    _negated_contrast,
)
