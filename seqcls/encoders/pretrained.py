"""A folder with a pretrained encoder: what is taken from it, and what is refused before anything is read.

In: a folder as Hugging Face writes it. Out: `PretrainedFolder`. Promise: nothing is downloaded, nothing of the folder
runs: a folder that brings code of its own, or has its weights only as a pickle, is refused by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tokenizers import Tokenizer

from seqcls.errors import DataRefused, first_line

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
FILES = (CONFIG, WEIGHTS, TOKENIZER)
COPY = "pretrained"
"""Folder of the `encoded` artefact that keeps the configuration and the weights for training."""
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "tf_model.h5")
MODELS = ("WordPiece", "BPE", "Unigram", "WordLevel")


@dataclass(frozen=True)
class PretrainedFolder:
    """A folder whose three files are there."""

    path: Path
    config: dict[str, Any]

    @property
    def most_positions(self) -> int:
        """Most positions that the encoder can read, special ones included.

        Where there are fewer than `max_position_embeddings`, the first ones belong to padding (RoBERTa, ESM).
        """
        most = int(self.config.get("max_position_embeddings") or 0)
        shifted = self.config.get("model_type") in ("roberta", "xlm-roberta", "camembert", "esm")
        return most - int(self.config.get("pad_token_id") or 0) - 1 if most and shifted else most

    @property
    def config_text(self) -> str:
        """config.json without paths and versions of who wrote it, the same text for the same network."""
        told = {name: part for name, part in self.config.items() if name not in ("_name_or_path", "torch_dtype")}
        return json.dumps(told, sort_keys=True)


def open_folder(path: Path) -> PretrainedFolder:
    """Raises DataRefused for a folder that is not complete, or that would run code."""
    if not path.is_dir():
        _refuse("no such folder", path, "a folder with " + ", ".join(FILES), "put it there, or change model.encoder")
    config = _read_json(path / CONFIG)
    if "auto_map" in config:
        _refuse(
            f"auto_map names code of its own: {json.dumps(config['auto_map'])[:200]}", path / CONFIG,
            "an architecture that transformers itself has: code of a folder is never run", "choose another encoder",
        )  # fmt: skip
    found = [name for name in PICKLES if (path / name).exists()]
    if not (path / WEIGHTS).is_file() and found:
        _refuse(
            f"weights only as {found[0]}: reading a pickle could run any code, so it is never read", path,
            WEIGHTS, "take the revision that has safetensors, or convert the weights where they came from",
        )  # fmt: skip
    for name in FILES:
        if not (path / name).is_file():
            _refuse(f"no {name}", path, ", ".join(FILES), f"add {name}, or change model.encoder")
    return PretrainedFolder(path, config)


def read_pretrained_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer that neither pads nor cuts: both are done here, so that they are counted."""
    document = _read_json(path)
    kind = (document.get("model") or {}).get("type")
    if kind not in MODELS:
        _refuse(f"a tokenizer of type {kind!r}", path, f"one of {', '.join(MODELS)}", "choose another encoder")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more specific
        _refuse(f"the tokenizers library cannot read it ({first_line(error)})", path, "tokenizer.json of an encoder",
                "choose another encoder")  # fmt: skip
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        _refuse(f"no {path.name}", path.parent, ", ".join(FILES), f"add {path.name}, or change model.encoder")
    except (ValueError, RecursionError) as error:
        _refuse(f"not JSON ({first_line(error)})", path, "JSON as Hugging Face writes it", "copy the folder again")
    if not isinstance(document, dict):
        _refuse("not a JSON object", path, "JSON as Hugging Face writes it", "copy the folder again")
    return document


def _refuse(found: str, where: Path, expected: str, next_step: str) -> NoReturn:
    raise DataRefused(found, where=str(where), expected=expected, next_step=next_step)
