"""tokenizer.json: read only if it has the form that seqcls writes.

In: the file, and the number of indices of the network. Out: a `Tokenizer`. Promise: every part except the vocabulary
and the merges equals that of our own tokenizers, before the library sees any of it: padding, other models, patterns and
normalisers are refused here, because with them the library can use up all memory or end the process.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from seqcls.errors import DataRefused, first_line, one_line

LEARNED = ("vocab", "merges")


def blank_tokenizer() -> Tokenizer:
    """An untrained byte-level BPE tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def read_tokenizer(path: Path, entries: int) -> Tokenizer:
    """A tokenizer made by `BytePairEncoder.fit`, with this number of entries."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(f"not JSON ({first_line(error)})", path) from None
    _check_parts(document, path)
    _check_vocabulary(document["model"], entries, path)
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing more specific
        raise _refused(f"the tokenizers library cannot read it ({first_line(error)})", path) from None


def _check_parts(document: Any, path: Path) -> None:
    """Parts that are not learned must equal ours; parts that earlier library versions did not write may be missing."""
    ours = json.loads(blank_tokenizer().to_str())
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        raise _refused("not a tokenizer: it has no part `model`", path)
    model = {name: part for name, part in document["model"].items() if name not in LEARNED}
    parts = {name: part for name, part in document.items() if name != "model"} | {"model": model}
    ours["model"] = {name: part for name, part in ours["model"].items() if name not in LEARNED}
    others = {f"{name}": part for name, part in parts.items() if name != "model" and part != ours.get(name, ...)}
    others |= {f"model.{name}": part for name, part in model.items() if part != ours["model"].get(name, ...)}
    if others:
        listed = "; ".join(f"{one_line(name)}: {one_line(json.dumps(part))[:80]}" for name, part in others.items())
        raise _refused(f"not a tokenizer that seqcls trains ({listed[:400]})", path)
    if missing := [name for name in ("pre_tokenizer", "decoder") if name not in document]:
        raise _refused(f"no {missing[0]}", path)


def _check_vocabulary(model: dict[str, Any], entries: int, path: Path) -> None:
    """Indices from 0, each once: the network has no vector for any other. The library checks the merges."""
    vocabulary, merges = model.get("vocab"), model.get("merges")
    if not isinstance(vocabulary, dict) or not isinstance(merges, list):
        raise _refused("no vocabulary, or no merges", path)
    if len(vocabulary) != entries or set(vocabulary.values()) != set(range(entries)):
        raise _refused(f"{len(vocabulary)} entries whose indices are not 0 to {entries - 1}, each once", path)


def _refused(found: str, path: Path) -> DataRefused:
    return DataRefused(
        found, where=str(path), expected="a tokenizer in the form that seqcls writes",
        next_step="use the seqcls version that wrote it, or train again",
    )  # fmt: skip
