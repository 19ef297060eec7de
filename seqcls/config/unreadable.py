"""A pipeline file that cannot be read, or is no TOML: what to name or to fix instead. Only words."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path

from seqcls.errors import ConfigRefused

SHOWN_OF_A_LINE = 100
_PART = rb"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# A key of a hundred parts: the parser would need minutes and gigabytes for one of a hundred thousand.
_DEEP_KEY = re.compile(rb"(?<![A-Za-z0-9_-])" + _PART + rb"(?:[ \t]*+\.[ \t]*+" + _PART + rb"){99}")


def other_file(path: Path) -> str:
    """What to name instead of a file that cannot be read."""
    if os.path.isdir(path):  # unlike Path.is_dir, it says no to a name that is too long
        there = sorted(item.name for item in path.glob("*.toml"))
        return (
            f"name one of its files: {', '.join(there)}" if there else f"`seqcls init --kind text {path / 'my.toml'}`"
        )
    if os.path.exists(path):
        return "fix its permissions"
    if not os.path.isdir(path.parent):
        return f"there is no folder {path.parent}: correct the name"
    there = sorted(item.name for item in path.parent.glob("*.toml"))
    near = difflib.get_close_matches(path.name, there, n=3, cutoff=0.4) or there[:3]
    named = f"did you mean {', '.join(near)}? Else " if near else ""
    return f"{named}`seqcls init --kind text {path}` writes one"


def not_toml(raw: bytes, error: tomllib.TOMLDecodeError) -> str:
    """The line itself beside the words of the parser, and what is usually wrong with such a line."""
    found = re.search(r"\(at line (\d+), column \d+\)", str(error))
    if found is None:
        return f"not TOML: {error}"
    line = raw.decode("utf-8-sig").splitlines()[int(found[1]) - 1].partition(" #")[0].strip()
    value = line.partition("=")[2].strip()
    if "=" not in line and not line.startswith("["):
        hint = ": no `key = value`; is this a data file?"
    elif value.lower() in ("yes", "no", "on", "off", "true", "false"):
        hint = ": yes and no are written true and false"
    elif value.count('"') % 2:
        hint = ": a quote is missing"
    elif value and (value[0].isalpha() or value[0] in "/."):
        hint = ": text needs quotes"
    else:
        hint = ""
    return f"not TOML: {error}{hint}\n  {found[1]} | {line[:SHOWN_OF_A_LINE]}"


def refuse_deep_keys(raw: bytes, path: Path) -> None:
    """ConfigRefused before anything is parsed."""
    deep = _DEEP_KEY.search(raw)
    if deep:
        line = raw.count(b"\n", 0, deep.start()) + 1
        raise ConfigRefused("a key of a hundred parts or more", where=f"{path}: line {line}",
                            expected="keys such as model.family", next_step="fix that line")  # fmt: skip
