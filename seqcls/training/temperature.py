"""Temperature scaling (Guo et al. 2017, section 4.2): one number by which logits are divided before the softmax.

In: logits (N, K) and labels of the validation rows. Out: T in [1/20, 20]. Promise: labels stay as they are, since the
order of the logits does; the same rows give the same T. T minimises the log loss of the validation rows, against
labels that are a little unsure as in Platt 1999 (section 2.2): the right class gets (N + 1) / (N + 2). Without
that, fifty rows that are all right would make the network infinitely sure. The log loss is convex in 1 / T, so its
slope has one zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from seqcls.arrays import Floats, Integers

COLDEST, HOTTEST = 0.05, 20.0


def fit_temperature(logits: npt.NDArray[np.floating], labels: Integers) -> float:
    """T; 1 where there is nothing to fit: no row with finite logits, or one class. (N, K), (N,) -> one number."""
    finite = np.isfinite(logits).all(axis=1)
    if not finite.any() or logits.shape[1] < 2:
        return 1.0
    wide = logits[finite].astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    targets = unsure_targets(labels[finite], wide.shape[1])

    def slope(inverse: float) -> float:
        """Derivative of the mean log loss by 1 / T."""
        chances = np.exp(wide * inverse)
        chances /= chances.sum(axis=1, keepdims=True)
        return float(((chances - targets) * wide).sum(axis=1).mean())

    if slope(1 / HOTTEST) >= 0:  # even the flattest is too sure
        return HOTTEST
    if slope(1 / COLDEST) <= 0:
        return COLDEST
    return 1 / float(brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-9))


def unsure_targets(labels: Integers, classes: int) -> Floats:
    """(N,) -> (N, K): (N + 1) / (N + 2) for the right class, the rest shared by the others."""
    sure = (len(labels) + 1) / (len(labels) + 2)
    targets = np.full((len(labels), classes), (1 - sure) / (classes - 1))
    targets[np.arange(len(labels)), labels] = sure
    return targets
