"""A tampered store: a champion whose files were changed, with every digest made to fit."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from seqcls.encoders.base import fingerprint_of
from seqcls.workspace import open_workspace

WEIGHTS, FACTS, ENCODER, TOKENIZER = "weights.safetensors", "model.json", "encoder.json", "tokenizer.json"


def forge_champion(config: Path, change: Callable[[Path], None]) -> Path:
    """Put a changed copy of the model of version 1 in its place; `change` gets the folder. The artefact's folder."""
    with open_workspace(config) as workspace, closing(sqlite3.connect(config.parent / "store" / "ledger.db")) as ledger:
        (digest,) = ledger.execute("SELECT model_digest FROM models WHERE version = 1").fetchone()
        with workspace.store.write("model") as draft:
            shutil.copytree(workspace.store.ref("model", digest).folder, draft.folder, dirs_exist_ok=True)
            (draft.folder / "manifest.json").unlink()
            change(draft.folder)
            fit_digests(draft.folder)
        with ledger:
            ledger.execute("UPDATE models SET model_digest = ? WHERE version = 1", (draft.ref.digest,))
    return draft.ref.folder


def fit_digests(folder: Path) -> None:
    """Those within model.json and encoder.json; the manifest is written of what is there."""
    edit(folder / FACTS, weights_sha256=sha256(folder / WEIGHTS))
    if (folder / TOKENIZER).exists():
        edit(folder / ENCODER, tokenizer=sha256(folder / TOKENIZER))
    try:
        document = json.loads((folder / ENCODER).read_text())
    except (ValueError, RecursionError):  # no JSON: it names no digest
        return
    edit(folder / ENCODER, fingerprint=fingerprint_of(document))


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**read(path), **changes}))


def edit_weights(folder: Path, change: Callable[[Tensor], Tensor]) -> None:
    tensors = {name: change(tensor).contiguous() for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)


def too_large(folder: Path) -> None:
    """Weights that are finite, and whose products are not."""
    edit_weights(folder, lambda tensor: tensor * 1e30)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
