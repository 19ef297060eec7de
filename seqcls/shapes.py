"""Shapes in annotations: `Float[Tensor, "B T D"]`, checked in every call while the tests run (tests/conftest.py).

Letters: B rows, T positions, C channels of the input, D width of a vector, K classes; D2 and T2 are what a layer makes
of D and T. Within one call a letter stands for one number. A string of one letter begins with a blank (linters would
take it for a name). Without the tests nothing evaluates annotations, and jaxtyping need not be installed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Int, Num
else:
    Bool = Float = Int = Num = object

__all__ = ["Bool", "Float", "Int", "Num"]
