"""Before a training: the rows that it gets can be learnt from. In: labels of two splits. Out: nothing, or an error."""

from __future__ import annotations

import numpy as np

from seqcls.arrays import Integers
from seqcls.errors import ConfigRefused, DataRefused
from seqcls.store.artefacts import Ref


def check_rows(encoded: Ref, train: Integers, valid: Integers, labels: tuple[str, ...]) -> None:
    """Something to learn from, something to stop by, and classes that exist."""
    if not len(train):
        raise DataRefused(
            "no training rows", where=encoded.path, expected="at least one", next_step="see the rejects of the run"
        )
    if not len(valid):
        raise ConfigRefused(
            "no validation rows, so nothing says when to stop",
            where="split.valid",
            expected="a share above 0, or files of a given validation split",
            next_step="set split.valid = 0.1",
        )
    for name, found in (("train", train), ("valid", valid)):
        wrong = np.flatnonzero((found < 0) | (found >= len(labels)))
        if len(wrong):
            raise DataRefused(
                f"row {wrong[0] + 1} of {name} has the class index {found[wrong[0]]}",
                where=encoded.path,
                expected=f"0 to {len(labels) - 1}, the classes of encoder.json",
                next_step="run the encode stage again",
            )
