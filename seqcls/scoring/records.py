"""Sightings of files once more as artefacts, so that a rebuilt ledger knows which content a name holds.

In: a workspace. Out: artefacts `sightings` without files: the manifest lists name, content, number and time. Promise:
what a run saw is written down before anything of it is scored; one artefact a run, and none where nothing changed.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from seqcls.ledger.sightings import Sighting, list_sightings, note_record
from seqcls.store.artefacts import Ref
from seqcls.store.failpoints import failpoint
from seqcls.store.manifest import parse_meta
from seqcls.store.records import SightingMeta, SightingsMeta
from seqcls.workspace import Workspace

KIND = "sightings"
FIELDS = tuple(Sighting.__dataclass_fields__)


def complete_records(workspace: Workspace) -> int:
    """Write down what no whole record says: news, names of an earlier release, damage. Returns how many sightings."""
    name = workspace.pipeline.name
    rows = list_sightings(workspace.ledger, name)
    records = {row.record for row in rows if row.record}
    whole = {digest for digest in records if workspace.store.find_whole(KIND, digest)}
    new = [Sighting(*(getattr(row, field) for field in FIELDS)) for row in rows if row.record not in whole]
    if new:
        with workspace.store.write(KIND) as draft:
            draft.describe(SightingsMeta(pipeline=name, sightings=tuple(SightingMeta(**asdict(item)) for item in new)))
        failpoint("sightings_written")
        note_record(workspace.ledger, name, draft.ref.digest, new)
    return len(new)


def read_record(ref: Ref, manifest: dict[str, Any]) -> tuple[str, list[Sighting]]:
    """The pipeline and its sightings, of a verified manifest; Corrupted when it is none."""
    meta = parse_meta(ref, manifest, SightingsMeta)
    return meta.pipeline, [Sighting(**item.model_dump()) for item in meta.sightings]
