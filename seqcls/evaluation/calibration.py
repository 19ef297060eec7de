"""How far probabilities can be read as chances, and from which one on labels are right often enough.

In: probabilities (N, K) and labels of validation and test rows. Out: `Calibration`, the figures before and after the
temperature of the model; `Abstention`, the least confidence that still gives the wanted precision. Promise: the
threshold is chosen on validation rows alone; with a chance of 95 % the precision of the labels that are given is
at least the wanted one, on rows like those.
Choice of the threshold: "learn then test" (Angelopoulos et al. 2021) with fixed sequences. Thresholds are tried from
the surest rows on, 5 % of the rows at a time, as long as the exact binomial bound (Clopper and Pearson 1934) of the
rows kept so far reaches the wanted share; a second sequence that begins half way helps where one early mistake ends
the first, and the two share the 5 %. Taking the best of all thresholds would promise too much: that one is lucky.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from seqcls.arrays import Floats, Integers
from seqcls.evaluation.metrics import Record, confidence_figures
from seqcls.evaluation.probabilities import softmax

DOUBT = 0.05
"""Chance that the precision is less than promised."""
LEVELS, SEQUENCES = 20, 2  # measured on simulated sets of 100 to 1,000 rows: one sequence or four keep fewer rows


class Gap(Record):
    """Two figures of probabilities on one split."""

    ece: float
    log_loss: float


class Calibration(Record):
    """What the temperature changed."""

    temperature: float
    valid_before: Gap | None
    valid_after: Gap | None
    test_before: Gap
    test_after: Gap


class Abstention(Record):
    """Rows whose largest probability is below `threshold` get no label."""

    wanted: float
    """Share of the labels given that should be right."""
    threshold: float | None
    """None: no threshold shows that precision on the validation rows."""
    rows: int
    """Validation rows that it was chosen on."""
    kept: int
    """Those of them that get a label."""
    right: int
    """Those of these whose label is right."""
    bound: float
    """Share right that `kept` and `right` prove."""
    test_kept: int
    test_right: int
    test_rows: int

    @property
    def abstained_share(self) -> float:
        """Share of the validation rows without a label."""
        return 1 - self.kept / self.rows


def measure_calibration(
    temperature: float,
    valid: tuple[Integers, Floats] | None,
    test: tuple[Integers, Floats],
) -> Calibration | None:
    """From labels and logits of each split; None where the model has no temperature of its own."""
    if temperature == 1.0:
        return None

    def gap(split: tuple[Integers, Floats], by: float) -> Gap:
        ece, log_loss = confidence_figures(split[0], softmax(split[1], by))
        return Gap(ece=ece, log_loss=log_loss)

    return Calibration(
        temperature=temperature,
        valid_before=gap(valid, 1.0) if valid else None,
        valid_after=gap(valid, temperature) if valid else None,
        test_before=gap(test, 1.0),
        test_after=gap(test, temperature),
    )


def least_precision(right: Integers, kept: Integers, doubt: float = DOUBT) -> npt.NDArray[np.float64]:
    """One-sided lower bound of Clopper and Pearson: below it, so many right have a chance of less than `doubt`."""
    bound = beta.ppf(doubt, np.maximum(right, 1), kept - right + 1)
    return np.where(right > 0, bound, 0.0)


def choose_threshold(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], wanted: float, doubt: float = DOUBT
) -> tuple[float | None, int, int, float]:
    """(threshold, rows kept, rows right, bound): most rows with a bound of at least `wanted`; (N,), (N,) -> four."""
    order = np.argsort(-confidence, kind="stable")
    ordered, rights = confidence[order], np.cumsum(right[order])
    # Equal confidences stand or fall together, so a level of coverage ends where its run of equals does.
    levels = np.ceil(np.arange(1, LEVELS + 1) * len(ordered) / LEVELS).astype(np.int64)
    kept = np.unique([np.searchsorted(-ordered, -ordered[level - 1], side="right") for level in levels if level])
    provable = kept[least_precision(kept, kept, doubt / SEQUENCES) >= wanted] if len(kept) else kept
    if not len(provable):
        return None, 0, 0, 0.0
    bounds = least_precision(rights[provable - 1], provable, doubt / SEQUENCES)
    starts = {len(provable) * number // SEQUENCES for number in range(SEQUENCES)}
    ends = [start + int(np.logical_and.accumulate(bounds[start:] >= wanted).sum()) - 1 for start in sorted(starts)]
    reached = [end for start, end in zip(sorted(starts), ends, strict=True) if end >= start]
    if not reached:
        return None, 0, 0, 0.0
    last = max(reached)
    rows = int(provable[last])
    return float(ordered[rows - 1]), rows, int(rights[rows - 1]), float(bounds[last])


def choose_abstention(valid: tuple[Integers, Floats], test: tuple[Integers, Floats], wanted: float) -> Abstention:
    """The threshold from labels and probabilities of the validation rows, and what it does on both splits."""
    sure, right = _judge(valid)
    threshold, kept, hits, bound = choose_threshold(sure, right, wanted)
    test_sure, test_right = _judge(test)
    given = test_sure >= (threshold if threshold is not None else np.inf)
    return Abstention(
        wanted=wanted,
        threshold=threshold,
        rows=len(sure),
        kept=kept,
        right=hits,
        bound=bound,
        test_kept=int(given.sum()),
        test_right=int((given & test_right).sum()),
        test_rows=len(test_sure),
    )


def _judge(split: tuple[Integers, Floats]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Largest probability of each row, and whether it is that of the true class."""
    labels, probabilities = split
    return probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
