"""The minimum of a smooth convex function of many numbers: L-BFGS (Liu and Nocedal 1989).

In: a function that gives value and slope, a start. Out: where it ended. Promise: each step lowers the value by at
least a share of what the slope foretells (Armijo 1966); no random number, no clock; numbers stay as long as the
start's. Why it is not SciPy's L-BFGS-B is measured in docs/how-to/ngrams.md: whole fits took up to 1.7 times as long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.floating[Any]]
Measure = Callable[[Vector], tuple[float, Vector]]
MEMORY = 6
"""Pairs of steps and slope changes that are remembered."""
SUFFICIENT = 1e-4
"""Least share of the foretold fall."""
MOST_TRIES = 15


def descend(measure: Measure, start: Vector, steps: int, tolerance: float) -> Vector:
    """Go down until a step lowers the value by less than `tolerance` of it, or `steps` are made."""
    at, (value, slope) = start, measure(start)
    remembered: deque[tuple[Vector, Vector, float]] = deque(maxlen=MEMORY)
    for _ in range(steps):
        direction = _direction(slope, remembered)
        foretold = float(np.vdot(slope, direction))
        size = 1.0 if remembered else 1.0 / max(float(np.linalg.norm(slope)), 1e-12)
        found = _step(measure, at, value, direction, foretold, size)
        if found is None:  # at the bottom, to the precision of the numbers
            break
        moved, changed = found[0] - at, found[2] - slope
        curvature = float(np.vdot(moved, changed))
        if curvature > 1e-10 * float(np.vdot(changed, changed)):
            remembered.append((moved, changed, 1.0 / curvature))
        fell = value - found[1]
        at, value, slope = found
        if fell <= tolerance * abs(value):
            break
    return at


def _direction(slope: Vector, remembered: deque[tuple[Vector, Vector, float]]) -> Vector:
    """Minus the slope times the inverse of the curvature, as the remembered steps show it (the two loops)."""
    direction = -slope
    shares = []
    for moved, changed, inverse in reversed(remembered):
        share = inverse * float(np.vdot(moved, direction))
        direction -= share * changed
        shares.append(share)
    if remembered:
        _, changed, inverse = remembered[-1]
        direction *= 1.0 / (inverse * float(np.vdot(changed, changed)))
    for (moved, changed, inverse), share in zip(remembered, reversed(shares), strict=True):
        direction += (share - inverse * float(np.vdot(changed, direction))) * moved
    return direction


def _step(
    measure: Measure, at: Vector, value: float, direction: Vector, foretold: float, size: float
) -> tuple[Vector, float, Vector] | None:
    """The first place along the direction that is low enough; each try is where a parabola has its minimum."""
    for _ in range(MOST_TRIES):
        there = at + size * direction
        found, slope = measure(there)
        if found <= value + SUFFICIENT * size * foretold:
            return there, found, slope
        parabola = -foretold * size * size / (2.0 * (found - value - foretold * size))
        size = float(np.clip(parabola, 0.1 * size, 0.5 * size))
    return None
