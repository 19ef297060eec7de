"""Rows that must stay together: components of rows that share a sequence or a group.

In: fingerprints of the sequences and of the groups. Out: the component of each row and its key. Promise: a component's
key is the smallest hash of its groups, or of its sequence if it has no group, so that more rows of a group do not move
it to another split (a row that joins two components can).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seqcls.store.fingerprints import Hashes

# Splitting takes about 60 bytes per row; 32 bits are enough to count components and classes.
Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Components:
    """N rows in M components."""

    of_row: Numbers
    """(N,) component of each row."""
    keys: Hashes
    """(M,) the key that decides the split."""
    labels: Numbers
    """(N,) class of each row, -1 for none."""
    times: npt.NDArray[np.int64] | None
    """(N,) microseconds; only for the method `time`."""


def find_components(
    hashes: Hashes, groups: Hashes | None, grouped: npt.NDArray[np.bool_] | None
) -> tuple[Numbers, Hashes]:
    """-> component of each row, key of each component. Rows that share a hash, or a group where they have one."""
    sequences, of_row = number_values(hashes)
    if groups is None or grouped is None or not grouped.any():
        return of_row, sequences
    names, group_of = number_values(groups[grouped])
    nodes = len(sequences) + len(names)
    edges = (np.ones(len(group_of), np.int8), (of_row[grouped], len(sequences) + group_of))
    count, component = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    largest = np.uint64(2**64 - 1)
    by_group, by_sequence = np.full(count, largest), np.full(count, largest)
    np.minimum.at(by_group, component[len(sequences) :], names)
    np.minimum.at(by_sequence, component[: len(sequences)], sequences)
    has_group = np.zeros(count, bool)
    has_group[component[len(sequences) :]] = True
    return component[: len(sequences)][of_row].astype(np.int32), np.where(has_group, by_group, by_sequence)


def number_values(hashes: Hashes) -> tuple[Hashes, Numbers]:
    """(N,) -> (M,) the different values, ascending; (N,) which of them each is.

    As np.unique(hashes, return_inverse=True), which takes twice the memory.
    """
    order = np.argsort(hashes)
    values = hashes[order]
    is_new = np.ones(len(values), bool)
    is_new[1:] = values[1:] != values[:-1]
    which = np.empty(len(values), np.int32)
    which[order] = np.cumsum(is_new, dtype=np.int32) - np.int32(1)
    return values[is_new], which
