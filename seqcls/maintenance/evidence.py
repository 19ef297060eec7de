"""What the artefacts of a store say about models and scores, when the ledger cannot.

In: a store. Out: `Evidence`: versions and scored chunks, each from a verified manifest; and their version numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from seqcls.errors import Corrupted, SeqclsError
from seqcls.ledger.sightings import Sighting
from seqcls.listener import Listener
from seqcls.registry.decisions import KIND as DECISION
from seqcls.registry.decisions import ledger_row
from seqcls.registry.journal import KIND as MOVE
from seqcls.registry.journal import JournalEntry, read_move
from seqcls.registry.versions import HEADLINE
from seqcls.scoring.records import KIND as SIGHTINGS
from seqcls.scoring.records import read_record
from seqcls.store.artefacts import MANIFEST, ArtefactStore, Ref, read_manifest, verify

Version = tuple[str, str, str]
"""pipeline, digest of the model, digest of its evaluation."""


@dataclass
class Evidence:
    """What the artefacts say: versions, the scored chunks in their order, moves of aliases, names of files."""

    versions: dict[Version, dict[str, Any]] = field(default_factory=dict)
    chunks: list[tuple[Ref, dict[str, Any]]] = field(default_factory=list)
    moves: list[JournalEntry] = field(default_factory=list)
    sightings: list[tuple[str, str, Sighting]] = field(default_factory=list)
    """Pipeline, digest of the record, what it says."""
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the ledger."""
    unusable: list[str] = field(default_factory=list)


def gather(store: ArtefactStore, listener: Listener) -> Evidence:
    """Read and verify every evaluation, every chunk of scores, every move, every decision and every record of names."""
    evidence = Evidence()
    found = [ref for ref in store.all() if ref.kind in ("evaluation", "scores", DECISION, MOVE, SIGHTINGS)]
    listener.note(f"reading {len(found)} artefacts")
    for ref in found:
        try:
            manifest = verify(ref)
            if ref.kind == "scores":
                evidence.chunks.append((ref, manifest))
            elif ref.kind == MOVE:
                evidence.moves.append(read_move(ref, manifest))
            elif ref.kind == DECISION:
                evidence.decisions.append(ledger_row(ref, manifest))
            elif ref.kind == SIGHTINGS:
                pipeline, listed = read_record(ref, manifest)
                evidence.sightings += [(pipeline, ref.digest, item) for item in listed]
            else:
                _add_version(store, ref, manifest, evidence)
        except (SeqclsError, KeyError, ValueError, OSError) as error:
            evidence.unusable.append(f"{ref.kind} {ref.digest[:16]}: {error}")
    _date_versions(evidence)
    evidence.chunks.sort(key=lambda item: (*chunk_order(item[1]), item[0].digest))
    return evidence


def chunk_order(manifest: dict[str, Any]) -> tuple[int, float]:
    """What was claimed later is larger; a chunk of an earlier release has no number, and comes before by its time."""
    meta = manifest["meta"]
    return int(meta.get("number", 0)), float(meta["scored_at"])


def _add_version(store: ArtefactStore, ref: Ref, manifest: dict[str, Any], evidence: Evidence) -> None:
    made_of = {name: manifest["inputs"][name] for name in ("checked", "splits", "encoded")}
    model = store.ref("model", manifest["inputs"]["model"])
    verify(model)
    pipeline = json.loads((model.folder / "model.json").read_bytes())["pipeline"]
    metrics = json.loads((ref.folder / "metrics.json").read_bytes())["test"]
    table = read_manifest(store.ref("checked", made_of["checked"]))["inputs"]["table"]
    evidence.versions[(pipeline, model.digest, ref.digest)] = {
        "inputs": json.dumps({"table": table, **made_of, **_reference_of(store, made_of)}),
        "metrics": json.dumps({name: metrics[name] for name in HEADLINE}),
        "registered_at": (ref.folder / MANIFEST).stat().st_mtime,
    }


def _reference_of(store: ArtefactStore, made_of: dict[str, str]) -> dict[str, str]:
    """What the training rows were like: it names them, and no manifest names it; earlier releases made none."""
    for ref in store.all("reference"):
        try:
            inputs = verify(ref)["inputs"]
        except Corrupted:
            continue  # `seqcls doctor` speaks of it; scoring does without
        if inputs.items() <= made_of.items():
            return {"reference": ref.digest}
    return {}


def _date_versions(evidence: Evidence) -> None:
    """A store that was copied has the times of the copy: a version was there before it moved an alias, or scored."""
    uses = []
    for item in evidence.moves:
        uses.append(((item.move.pipeline, item.model_digest, item.evaluation_digest), item.move.changed_at))
    for _, manifest in evidence.chunks:
        meta, made_of = manifest["meta"], manifest["inputs"]
        uses.append(((meta["pipeline"], made_of["model"], made_of["evaluation"]), meta["scored_at"]))
    for key, when in uses:
        if key in evidence.versions:
            evidence.versions[key]["registered_at"] = min(evidence.versions[key]["registered_at"], float(when))


def number_versions(evidence: Evidence) -> dict[Version, int]:
    """Versions that scored or were champion have the number that stands in scores and journal; the others come in
    order of time between."""
    numbers: dict[Version, int] = {
        (entry.move.pipeline, entry.model_digest, entry.evaluation_digest): entry.move.to_version
        for entry in evidence.moves
    }
    for _, manifest in evidence.chunks:
        meta, made_of = manifest["meta"], manifest["inputs"]
        numbers[(meta["pipeline"], made_of["model"], made_of["evaluation"])] = meta["model_version"]
    last: dict[str, int] = {}
    for version in sorted(evidence.versions, key=lambda key: (evidence.versions[key]["registered_at"], key)):
        pipeline = version[0]
        if version not in numbers:
            taken = {number for other, number in numbers.items() if other[0] == pipeline}
            free = last.get(pipeline, 0) + 1
            while free in taken:
                free += 1
            numbers[version] = free
        last[pipeline] = numbers[version]
    return numbers
