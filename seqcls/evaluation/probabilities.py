"""Logits -> probabilities, the one place where it is done for the evaluation and for scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def softmax(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """(N, K) -> (N, K) in float64; a row with a logit that is not finite becomes NaN, never some class."""
    wide = logits.astype(np.float64) / temperature
    wide[~np.isfinite(wide).all(axis=1)] = np.nan
    exponentials = np.exp(wide - wide.max(axis=1, keepdims=True))  # the largest is 1: no overflow
    probabilities: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
