"""Look at files and guess the [source] that reads them.

In: a file, a folder or a glob. Out: `Found`: settings, each with what it rests on, and what could not be known.
Promise: only the beginning of a few files is read, so that it is quick on any amount of data; nothing is guessed in
silence.
"""

from __future__ import annotations

from pathlib import Path

from seqcls.detection.formats import detect_format
from seqcls.detection.found import Found
from seqcls.detection.heads import read_head
from seqcls.detection.places import alike, name_the_files, spread
from seqcls.errors import DataRefused
from seqcls.sources.paths import find_paths

__all__ = ["Found", "detect"]


def detect(place: str, folder: Path) -> Found:
    """Guess how the files of `place` (relative to the working folder) are written.

    folder: where the pipeline file will stand; the names in it are relative to it.

    Raises:
        DataRefused: No file, or none of a format that can be read; the message says what was found.
    """
    try:
        paths = [path for path in find_paths(Path.cwd(), [place]) if path.stat().st_size]
    except DataRefused as error:
        step = "name a file, a folder or a quoted glob, from the folder that you are in"
        raise DataRefused(error.found, where=f"--from {place}", expected=error.expected, next_step=step) from None
    if not paths:
        raise DataRefused("all files are empty", where=place, expected="files with rows", next_step="name other files")
    taken, left_out = alike(paths)
    found = Found(taken)
    if left_out:
        found.notes.append(f"left out, because most files are called *{taken[0].suffix}: {', '.join(left_out)}")
    detect_format(found, [read_head(path) for path in spread(taken)])
    name_the_files(found, place, folder, whole=not left_out)
    return found
