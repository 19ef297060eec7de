"""What the stages write keeps its bytes: a store of today's version finds its artefacts again after an upgrade."""

from __future__ import annotations

import json
from pathlib import Path

from tests.golden.digests import FILE, make_manifests, render


def test_manifests_of_stages_are_written_as_they_were(tmp_path: Path) -> None:
    wanted = json.loads(FILE.read_text(encoding="utf-8"))
    found = make_manifests(tmp_path)
    assert found.keys() == wanted.keys()
    for name, manifest in found.items():
        assert render({name: manifest}) == render({name: wanted[name]})
