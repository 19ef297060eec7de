"""search.json of a model that `family = "auto"` chose: what was tried, how long it took, and why this one.

In: the file. Out: `Search`. Promise: it holds all that led to the choice, so that it can be read years later without
the search; the model itself is made again by the lines of `pin`, without a search.
"""

from __future__ import annotations

from pathlib import Path

from seqcls.evaluation.metrics import Record

FILE = "search.json"


class Tried(Record):
    """One candidate."""

    name: str
    family: str
    linear: bool
    """Whether it is the reference: a linear model on features that are not learnt, always tried."""
    state: str
    """finished, stopped (fell out at a rung), or not tried, and why."""
    epochs: int
    """Trained on each fold; 1 for families that are fitted in one go."""
    most_epochs: int
    most_rows: int | None = None
    """Training rows, if the budget was too short for all of them."""
    score: float | None
    """The figure that decided, on the scored rows of all folds; mean over repeats."""
    log_loss: float | None
    fold_scores: list[float]
    seconds: float
    train_rows_per_second: float | None
    behind: tuple[float, float] | None
    """95 % interval of the chosen one's score minus this one's, on the same rows; None for the chosen one."""


class Search(Record):
    """What a search did."""

    metric: str
    budget_seconds: float
    seconds: float
    """Spent on trying, in all processes together; training the chosen model comes after it."""
    judged: str
    """Which rows the candidates were judged by, and why these."""
    rows: int
    """Scored rows."""
    chosen: str
    whole: bool = False
    """Whether what was chosen learnt the validation rows as well."""
    why: str
    candidates: list[Tried]
    """In the order of their scores, what was not tried last."""
    pin: str
    """[model], [train] and what else it takes to make the chosen model without a search."""


def read_search(folder: Path) -> Search | None:
    """Of a model: the search behind it, None where its family was given. Of a search: its end, None before it."""
    path = folder / FILE
    return Search.model_validate_json(path.read_bytes()) if path.is_file() else None
