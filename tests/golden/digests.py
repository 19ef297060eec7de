"""What the stages that compute no weights write today, so that a change of their bytes is seen: `manifests.json`.

In: the five tiny pipelines of one golden store. Out: the manifest of each artefact, without what depends on the version
of Arrow (digests of Parquet files, and of artefacts that hold some) or is worded in English (checks.json).
`python -m tests.golden.digests` writes the file again; do that only when the version of a stage was raised on purpose.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from seqcls.stages import ENCODE, run_until
from seqcls.store.artefacts import MANIFEST, Ref
from seqcls.validation.checks import CHECKS
from seqcls.workspace import open_workspace
from tests.golden.pipelines import STORES, write_pipelines

FILE = Path(__file__).with_name("manifests.json")
COMMIT = "bda84f0"
KINDS = tuple(STORES[COMMIT])


def make_manifests(folder: Path) -> dict[str, dict[str, Any]]:
    """`KIND/ARTEFACT` -> what its manifest says."""
    write_pipelines(folder, STORES[COMMIT])
    return {f"{kind}/{ref.kind}": comparable(ref) for kind in KINDS for ref in run_stages(folder / f"{kind}.toml")}


def run_stages(config: Path) -> list[Ref]:
    """table, checked, splits and encoded of a pipeline."""
    with open_workspace(config) as workspace:
        return [result.ref for result in run_until(workspace, ENCODE)]


def comparable(ref: Ref) -> dict[str, Any]:
    """The manifest as its bytes say it, without the digests named above."""
    manifest: dict[str, Any] = json.loads((ref.folder / MANIFEST).read_bytes())
    for name, facts in manifest["files"].items():
        if name.endswith(".parquet") or name == CHECKS:
            facts.update(sha256="", bytes=0)
    if ref.kind != "table":  # its inputs are files
        manifest["inputs"] = dict.fromkeys(manifest["inputs"], "")
    return manifest


def render(manifests: dict[str, dict[str, Any]]) -> str:
    return json.dumps(manifests, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        FILE.write_text(render(make_manifests(Path(name))), encoding="utf-8")
