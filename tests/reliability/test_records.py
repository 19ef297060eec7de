"""The records of artefacts: what every earlier version wrote is read, and written again byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqcls.errors import Corrupted
from seqcls.store import records
from seqcls.store.artefacts import MANIFEST, ArtefactStore, read_manifest, read_meta
from tests.golden.pipelines import STORES
from tests.golden.stores import unpack

RECORDS = {record.artefact: record for record in records.Meta.__subclasses__()}


@pytest.mark.parametrize("commit", STORES)
def test_what_earlier_versions_wrote_is_written_again_byte_for_byte(commit: str, tmp_path: Path) -> None:
    store = ArtefactStore(unpack(commit, tmp_path) / "store")
    kinds = set()
    for ref in store.all():
        raw = json.loads((ref.folder / MANIFEST).read_bytes())["meta"]
        if raw:  # folds of a search have none
            found = read_meta(ref, RECORDS[ref.kind]).model_dump(mode="json", exclude_unset=True)
            assert json.dumps(found, sort_keys=True) == json.dumps(raw, sort_keys=True), ref.path
            kinds.add(ref.kind)
    assert kinds >= {"table", "checked", "splits", "encoded", "model", "evaluation", "scores"}


def test_an_artefact_without_what_its_kind_says_is_named(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    with store.write("table") as draft:
        draft.meta["rows_in"] = 3
    with pytest.raises(Corrupted, match=r"does not describe a table artefact \(kind, labelled, accepted"):
        read_meta(draft.ref, records.TableMeta)
    assert read_manifest(draft.ref)["meta"] == {"rows_in": 3}
