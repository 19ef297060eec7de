"""The split of each row, read in parallel with the rows, whatever the batch sizes of the two files.

In: tables with the column `split`, names or null. Out: codes, positions in SPLITS or LEFT_OUT. Promise: as many names
as rows, all of them known; otherwise CheckBroken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.errors import CheckBroken
from seqcls.table import SPLITS

Codes = npt.NDArray[np.int8]
LEFT_OUT = -1
_STRANGE = -2


class SplitNames:
    """`where` names the file, for messages."""

    def __init__(self, tables: Iterator[pa.Table], where: str) -> None:
        self._tables, self._where = tables, where
        self._held: Codes = np.zeros(0, np.int8)

    def take(self, rows: int) -> Codes:
        """The next `rows` of them."""
        while len(self._held) < rows:
            table = next(self._tables, None)
            if table is None:
                raise self._out_of_step("fewer")
            self._held = np.concatenate([self._held, *map(self._codes, table["split"].chunks)])
        taken, self._held = self._held[:rows], self._held[rows:]
        return taken

    def check_done(self) -> None:
        """Check that no name is left."""
        if len(self._held) or any(table.num_rows for table in self._tables):
            raise self._out_of_step("more")

    def _codes(self, names: pa.Array) -> Codes:
        encoded = names if isinstance(names, pa.DictionaryArray) else names.dictionary_encode()
        known = encoded.dictionary.to_pylist()
        table = np.array([SPLITS.index(name) if name in SPLITS else _STRANGE for name in known] + [LEFT_OUT], np.int8)
        places = encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
        codes: Codes = table[places]
        if (codes == _STRANGE).any():
            strange = sorted({str(known[place]) for place in places[codes == _STRANGE]})
            raise CheckBroken(f"split {strange}", where=self._where, expected=f"one of {', '.join(SPLITS)}, or null")
        return codes

    def _out_of_step(self, how: str) -> CheckBroken:
        return CheckBroken(
            f"{how} rows than the checked table has", where=self._where, expected="a split for each row, in order",
            next_step="run the split stage again; if that does not help, report a bug",
        )  # fmt: skip
