"""Where a pipeline writes must not be where it reads: its own scores would come back as new files, night after night.

In: a pipeline and the folder of its file. Out: a fault for each pattern that names what the pipeline writes itself.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqcls.config.pipeline import Pipeline

WRITTEN = {
    "score.output": ("_current.json", "model=v1/scored_on=2000-01-01/part-0-0.parquet",
                     "rejects/scored_on=2000-01-01/part-0-0.parquet"),
    "store": ("ledger.db", "artefacts/table/0/manifest.json", "artefacts/table/0/rows/part-0.parquet"),
}  # fmt: skip
"""Files such as a run writes below these folders."""
_WILD = frozenset("*?[")


def place_faults(pipeline: Pipeline, folder: Path) -> Iterator[str]:
    """In the words of the config."""
    read = {"source.files": pipeline.source.files, "source.train": pipeline.source.train,
            "source.valid": pipeline.source.valid, "source.test": pipeline.source.test,
            "score.files": pipeline.score.files}  # fmt: skip
    places = {"score.output": pipeline.score.output, "store": pipeline.store}
    for key, patterns in read.items():
        for pattern in patterns:
            for name, place in places.items():
                base = PurePath(os.path.realpath(folder / place))
                if any(_names(_absolute(folder, pattern), base / file) for file in WRITTEN[name]):
                    yield (
                        f"{key} {pattern!r} also names what is written to {name} {place!r}: put {name} outside of the "
                        "folders that are read, or narrow the pattern"
                    )


def _absolute(folder: Path, pattern: str) -> PurePath:
    """Links are followed in the part without wildcards, as they are in the places."""
    parts = (folder / pattern).parts
    fixed = next((number for number, part in enumerate(parts) if _WILD & set(part)), len(parts))
    return PurePath(os.path.realpath(PurePath(*parts[:fixed])), *parts[fixed:])


def _names(pattern: PurePath, file: PurePath) -> bool:
    """Whether a pattern matches a file or a folder above it: of a folder all files are read."""
    return any(_matches(pattern.parts, file.parts[:count]) for count in range(1, len(file.parts) + 1))


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(pattern[1:], parts) or _matches(pattern, parts[1:])
    same = pattern[0] == parts[0] or fnmatch.fnmatchcase(parts[0], pattern[0])
    return same and _matches(pattern[1:], parts[1:])
