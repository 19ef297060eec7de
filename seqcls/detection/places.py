"""Which files belong together, which are looked at, and how the pipeline file names them."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from seqcls.detection.found import Found
from seqcls.sources.packed import KINDS

FEW = 8
"""Files that are looked at."""
_ANY = frozenset("*?[")
_NO_DATA = re.compile(r"^(readme|license|provenance|changes|desktop\.ini|thumbs\.db)|\.(md|toml|py|html?|log)$", re.I)
_SPLITS = {
    "train": re.compile(r"(^|[^a-z])(train(ing)?|tr)([^a-z]|$)", re.I),
    "valid": re.compile(r"(^|[^a-z])(valid(ation)?|val|dev|eval)([^a-z]|$)", re.I),
    "test": re.compile(r"(^|[^a-z])(test(ing)?|te)([^a-z]|$)", re.I),
}


def alike(paths: list[Path]) -> tuple[list[Path], list[str]]:
    """(the files of the commonest ending, the names of the others)."""
    data = [path for path in paths if not _NO_DATA.search(path.name)] or paths
    endings = Counter(_ending(path) for path in data)
    if len(endings) == len(data):  # rt.pos, rt.neg: a name with a class for an ending
        return data, [path.name for path in paths if path not in data]
    common = endings.most_common(1)[0][0]
    taken = [path for path in data if _ending(path) == common]
    return taken, [path.name for path in paths if path not in taken]


def spread(paths: list[Path]) -> list[Path]:
    """A few files, from the first to the last."""
    if len(paths) <= FEW:
        return paths
    return [paths[at * (len(paths) - 1) // (FEW - 1)] for at in range(FEW)]


def split_of(path: Path) -> str | None:
    """The split that a file's name speaks of."""
    named = [name for name, pattern in _SPLITS.items() if pattern.search(_plain(path))]
    return named[0] if len(named) == 1 else None


def name_the_files(found: Found, place: str, folder: Path, *, whole: bool) -> None:
    """`files`, or `train`, `valid` and `test` where every name speaks of a split."""
    if "files" in found.settings or "train" in found.settings:
        return
    whole = whole and not found.label_paths
    by_split = _by_split(found.paths)
    if "" not in by_split and "train" in by_split and len(by_split) > 1 and len(found.paths) <= 50:
        for split, paths in by_split.items():
            found.set(split, [relative(path, folder) for path in paths], f"{split} stands in the name")
        labels = [relative(path, folder) for paths in _by_split(found.label_paths).values() for path in paths]
        if labels:
            found.set("label_files", labels, "one class a line, by their names; in the order of the texts")
        return
    if found.label_paths:
        names = [relative(path, folder) for path in found.label_paths]
        found.set("label_files", names, "one class a line, by their names; in the order of the texts")
    top = Path(place)
    if top.is_dir() and top.resolve() in (folder.resolve(), *folder.resolve().parents):
        # The store and the scores will stand below it: never the folder itself.
        inside = dict.fromkeys(_first_step(path, folder) for path in found.paths)
        found.set("files", list(inside), f"{len(found.paths)} files")
    elif whole or len(found.paths) > 20:
        pattern = place if whole else f"{place.rstrip('/')}/**/*{_ending(found.paths[0])}"
        many = f"{len(found.paths)} files" if len(found.paths) > 1 else "1 file"
        found.set("files", [relative(Path(pattern), folder)], many)
    else:
        found.set("files", [relative(path, folder) for path in found.paths], f"{len(found.paths)} files")


def _by_split(paths: list[Path]) -> dict[str, list[Path]]:
    """Split -> files, in the order of the splits; "" for names that speak of none."""
    found: dict[str, list[Path]] = {}
    for split in (*_SPLITS, ""):
        if named := [path for path in paths if (split_of(path) or "") == split]:
            found[split] = named
    return found


def _first_step(path: Path, folder: Path) -> str:
    """The folder in which a file stands, or all files with its ending beside the pipeline file."""
    steps = Path(relative(path, folder))
    return str(steps.parent) if steps.parent != Path(".") else f"*{_ending(path)}"


def relative(path: Path, folder: Path) -> str:
    """As the pipeline file names it: relative to its own folder."""
    return os.path.relpath(path, folder)


def _plain(path: Path) -> str:
    """The name without the ending of a compression."""
    return path.stem if path.suffix in KINDS else path.name


def _ending(path: Path) -> str:
    return "".join(path.suffixes[-2:]) if path.suffix in KINDS else path.suffix
