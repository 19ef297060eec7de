"""Training rows that also occur in valid or test: a model that memorises them looks better than it is.

In: the split of each row and the fingerprints of the sequences. Out: `Leakage`. Source: many public benchmarks have
such duplicates (Elangovan, He & Verspoor, 2021, "Memorization vs. Generalization").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqcls.splitting.rows import TEST, TRAIN, VALID
from seqcls.store.fingerprints import Hashes
from seqcls.table import SPLITS

ROWS_PER_STEP = 65_536  # rows looked up at a time: a whole large table would need 30 bytes per row


@dataclass(frozen=True)
class Leakage:
    """Counts of training rows, each row once; `leaked` flags the rows of either kind."""

    leaked: npt.NDArray[np.bool_]
    exact: int
    exact_in: dict[str, int]
    normalised: int | None
    """Text only: equal except for case and blanks; includes the exact ones."""

    def as_meta(self) -> dict[str, int]:
        meta = {
            "train_rows_exact": self.exact,
            **{f"train_rows_exact_in_{name}": n for name, n in self.exact_in.items()},
        }
        return meta if self.normalised is None else {**meta, "train_rows_normalised": self.normalised}


def find_leakage(codes: npt.NDArray[np.int8], hashes: Hashes, normalised: Hashes | None) -> Leakage:
    """`codes` index SPLITS; `normalised` are the fingerprints of the normalised texts."""
    found = _training_rows_in(codes, hashes)
    exact = found["valid"] | found["test"]
    leaked = exact
    if normalised is not None:
        near = _training_rows_in(codes, normalised)
        leaked = exact | near["valid"] | near["test"]
    return Leakage(
        leaked=leaked,
        exact=int(exact.sum()),
        exact_in={name: int(mask.sum()) for name, mask in found.items()},
        normalised=None if normalised is None else int(leaked.sum()),
    )


def _training_rows_in(codes: npt.NDArray[np.int8], hashes: Hashes) -> dict[str, npt.NDArray[np.bool_]]:
    """Flags of the training rows whose hash occurs in valid, and in test."""
    training = np.flatnonzero(codes == TRAIN)
    flags: dict[str, npt.NDArray[np.bool_]] = {}
    for code in (VALID, TEST):
        known = np.sort(hashes[codes == code])
        flags[SPLITS[code]] = np.zeros(len(codes), bool)
        for start in range(0, len(training) if len(known) else 0, ROWS_PER_STEP):
            rows = training[start : start + ROWS_PER_STEP]
            nearest = known[np.minimum(np.searchsorted(known, hashes[rows]), len(known) - 1)]
            flags[SPLITS[code]][rows] = nearest == hashes[rows]
    return flags
