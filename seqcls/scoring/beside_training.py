"""New rows beside those that a version was trained on. In: a version. Out: the tally of a file, if there is one."""

from __future__ import annotations

from seqcls.drift import Tally, open_reference
from seqcls.ledger.models import ModelVersion
from seqcls.workspace import Workspace


def tally_of(workspace: Workspace, version: ModelVersion) -> Tally | None:
    """For the rows of a new file; None for versions of earlier releases, which kept nothing to compare with."""
    digest = version.inputs.get("reference")
    return Tally(open_reference(workspace.store.whole("reference", digest))) if digest else None
