"""Free space, looked at before a long read: what cannot fit is said in a second, not after an hour.

In: a folder and the input files. Out: nothing, or `NotEnough` with what is needed and what is free. Promise: nothing
that would have fitted is refused: half of the bytes of the files is less than what ingest, validation and encoding were
seen to write for any kind (reviews 0.95 of the CSV, DNA 3.7 of the gzipped FASTA, ECG 1.3 of the CSV). A disk that
fills up later is noticed where it is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from seqcls.errors import NotEnough
from seqcls.table import InputFile

SHARE = 0.5


def enough_space(folder: Path, files: Iterable[InputFile]) -> None:
    """Refuse to begin where the files cannot become artefacts in this folder."""
    needed = SHARE * sum(file.size for file in files)
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise NotEnough(
            f"{free / 1e6:.1f} MB free, and at least {needed / 1e6:.1f} MB needed for what is made of the input",
            where=str(folder),
            expected=f"free space of half of the input files ({needed / SHARE / 1e6:.1f} MB)",
            next_step="free space on that disk, or put `store` on a larger one, then run the same command again",
        )
