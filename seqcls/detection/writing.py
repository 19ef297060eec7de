"""What was found -> the pipeline file, and the words for the person who asked."""

from __future__ import annotations

import re
from pathlib import Path

from seqcls.config.templates import Filled, template
from seqcls.detection.found import Found

SHOWN = ("format", "delimiter", "encoding", "header", "sequence", "channels", "values", "label", "label_pattern",
         "labels", "label_from", "label_files", "id", "group", "time")  # fmt: skip


def write(found: Found, place: str, file: Path) -> str:
    """The text of the pipeline file."""
    head = [
        f"Written by `seqcls init --from`: it looked at the beginning of {len(found.paths)} files of {place}.",
        "A comment that begins with `found:` says what a value rests on. Check the guesses, then run `seqcls check`.",
        *(f"FILL IN {question}" for question in found.questions),
        *(f"Note: {note}" for note in found.notes),
    ]
    head = [" ".join(line.split()) for line in head]
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-") or f"my-{found.kind}"
    name = name if name[0].isalpha() else f"my-{name}"
    return template(found.kind, Filled(name[:40].strip("-"), head, found.settings, found.encode, found.grounds))


def last_words(found: Found) -> str:
    """What was found, what is open, what comes next; `{file}` stands for the pipeline file."""
    lines = [f"found: {found.kind}" + (f" ({found.grounds['kind'][7:]})" if "kind" in found.grounds else "")]
    lines += [f"  {key} = {found.settings[key]!r}: {found.grounds[key].removeprefix('found: ')}"
              for key in SHOWN if key in found.settings]  # fmt: skip
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"to fill in: {question}" for question in found.questions]
    lines = [line.replace("{", "{{").replace("}", "}}") for line in lines]
    first = "fill in what is missing in {file}, then " if found.questions else ""
    return "\n".join([*lines, "Next: " + first + "`seqcls check {file}`"])
