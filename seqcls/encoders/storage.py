"""encoder.json (and tokenizer.json): an encoder as files, and back.

In: an encoder. Out: text files only. Promise: what is loaded is what was saved, by fingerprint; unknown keys and
other format versions are refused; nothing in the files is executed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from seqcls.config.encode import EncodeConfig
from seqcls.encoders.base import FORMAT, Batches, Encoder, fingerprint_of
from seqcls.encoders.bpe import TOKENIZER, BytePairEncoder
from seqcls.encoders.characters import CharacterEncoder
from seqcls.encoders.kmers import KmerEncoder
from seqcls.encoders.pieces import PieceEncoder
from seqcls.encoders.residues import ResidueEncoder
from seqcls.encoders.series import SeriesEncoder
from seqcls.encoders.spec import InputSpec
from seqcls.encoders.words import TokenEncoder, WordEncoder
from seqcls.errors import Corrupted, DataRefused
from seqcls.store.artefacts import write_json
from seqcls.table import Kind

DOCUMENT = "encoder.json"
_DOCTOR = "`seqcls doctor` lists intact versions to go back to"

ENCODERS: dict[str, type[Encoder]] = {
    "text/words": WordEncoder,
    "text/characters": CharacterEncoder,
    "text/bpe": BytePairEncoder,
    "text/pretrained": PieceEncoder,
    "series/values": SeriesEncoder,
    "dna/residues": ResidueEncoder,
    "dna/kmers": KmerEncoder,
    "protein/residues": ResidueEncoder,
    "protein/kmers": KmerEncoder,
    "tokens/tokens": TokenEncoder,
}


class _Document(BaseModel):
    """The keys of encoder.json."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    kind: Kind
    unit: str
    config: dict[str, Any]
    labels: list[str]
    inputs: dict[str, Any]
    fitted: dict[str, Any]
    tokenizer: str | None
    fingerprint: str
    layout: dict[str, Any] | None = None


def fit_encoder(kind: Kind, config: EncodeConfig, batches: Batches, labels: list[str]) -> Encoder:
    """Fit the encoder of a kind on the sequences of the training split; `labels` are its classes, sorted."""
    unit = getattr(config, "unit", {"series": "values", "tokens": "tokens"}.get(kind))
    encoder_class = ENCODERS[f"{kind}/{unit}"]
    return encoder_class.fit(kind, str(unit), config, batches, list(labels))


def save_encoder(encoder: Encoder, folder: Path) -> None:
    """Write encoder.json, and tokenizer.json if the encoder has one."""
    tokenizer = encoder.tokenizer_json()
    if tokenizer is not None:
        (folder / TOKENIZER).write_bytes(tokenizer.encode())
    encoder.save_more(folder)
    write_json(folder / DOCUMENT, encoder.to_json())


def load_encoder(folder: Path) -> Encoder:
    """Read what `save_encoder` wrote."""
    path = folder / DOCUMENT
    document = _read(path)
    if document.get("format") != FORMAT:
        raise DataRefused(
            f"format {document.get('format')!r}", where=str(path), expected=f"format {FORMAT}",
            next_step="use the seqcls version that wrote it, or train again",
        )  # fmt: skip
    if document.get("fingerprint") != fingerprint_of(document):
        raise Corrupted(
            "the content does not match its fingerprint",
            where=str(path),
            expected=str(document.get("fingerprint")),
            next_step=_DOCTOR,
        )
    _check_tokenizer(document.get("tokenizer"), folder / TOKENIZER)
    try:
        _Document.model_validate(document)
        InputSpec.model_validate(document["inputs"])
        encoder_class = ENCODERS[f"{document['kind']}/{document['unit']}"]
        return encoder_class.from_json(document, folder)
    except (ValidationError, KeyError) as error:
        raise DataRefused(
            f"not an encoder of this version ({_faults(error)})",
            where=str(path),
            expected=f"the keys {', '.join(_Document.model_fields)}",
            next_step="use the seqcls version that wrote it, or train again",
        ) from None


def _faults(error: ValidationError | KeyError) -> str:
    if isinstance(error, KeyError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Corrupted(
            "no such file", where=str(path), expected="the encoder of the artefact", next_step=_DOCTOR
        ) from None
    except (ValueError, RecursionError) as error:
        raise Corrupted(f"not JSON ({error})", where=str(path), next_step=_DOCTOR) from None
    if not isinstance(document, dict):
        raise Corrupted("not a JSON object", where=str(path), next_step=_DOCTOR)
    return document


def _check_tokenizer(expected: str | None, path: Path) -> None:
    if expected is None:
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if found != expected:
        raise Corrupted(f"SHA-256 is {found[:16]}", where=str(path), expected=expected[:16], next_step=_DOCTOR)
