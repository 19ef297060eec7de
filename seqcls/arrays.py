"""Types of NumPy arrays that more than one module names, each with one meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]
"""Class numbers, row numbers, offsets, sizes: of any width."""
Floats = npt.NDArray[np.floating[Any]]
"""Probabilities, weights, losses: of any precision."""
