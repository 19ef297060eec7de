"""Columns and channels that go by name: the first file of a training decides, all other files are read as it was.

In: what a file has. Out: the names to read, in the order of the first file, or of the training of a model. Promise: a
file whose columns were exchanged is read by their names; one that lacks some, or has others, is refused by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcls.config.source import SourceConfig
from seqcls.errors import DataRefused, listed
from seqcls.table import InputFile, Layout


def layout_format(source: SourceConfig) -> str | None:
    """What goes by name in files of this section: `wide` columns (of any format), or the channels of others."""
    return "wide" if source.values else source.format if source.format in ("long", "recording") else None


@dataclass
class FirstLayout:
    """That of the model, else of the first file; shared by the readings of all files."""

    known: Layout | None = None
    where: str = "the training files"
    is_kept: bool = True
    """False for models that were trained before names were kept: each file by itself, columns sorted by name."""

    def in_order(self, file: InputFile, file_format: str, found: Sequence[str], what: str) -> list[str]:
        """The names of this file in the order of the first one. Raises DataRefused for a file with others."""
        if not self.is_kept:
            return list(found)
        if self.known is None:
            self.known, self.where = Layout(file_format, tuple(found)), file.name
        names = self.known.names
        lost, others = [name for name in names if name not in found], [name for name in found if name not in names]
        if lost or others:
            parts = [f"no {what} {listed(lost)}"] * bool(lost) + [f"{what} {listed(others)}"] * bool(others)
            raise DataRefused(
                "; ".join(parts),
                where=file.name,
                expected=f"the {len(names)} {what}s of {self.where}",
                next_step=f"correct the file, or name the {what}s in the config and train again",
            )
        return list(names)
