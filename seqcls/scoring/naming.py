"""Where the scores of a chunk are published.

In: the claim of a chunk, the version that scores it, the day. Out: a path below the output folder. Promise: no two
chunks of a pipeline get the same path. It is decided when the chunk is written and committed with it, so that a
published name never changes.
"""

from __future__ import annotations

from datetime import datetime

from seqcls.ledger.chunks import Claim, done_chunks, is_only_input_with
from seqcls.workspace import Workspace

DIGITS = 16
"""Of the SHA-256 of the content: 64 bits tell files apart unless somebody has searched for two that are alike."""


def name_place(workspace: Workspace, claim: Claim, version: int, now: datetime) -> str:
    """The path of a chunk's scores; with the whole digest where another input of the pipeline begins with the same.

    Inputs are in the ledger before they are scored: of two that are alike, at least the later one sees the other.
    """
    short = claim.input_digest[:DIGITS]
    is_unique = is_only_input_with(workspace.ledger, claim.pipeline, claim.input_digest, short)
    name = f"part-{short if is_unique else claim.input_digest}-{claim.chunk:05d}"
    place = f"model=v{version}/scored_on={now:%Y-%m-%d}/{name}"
    taken = {row.published_as for row in done_chunks(workspace.ledger, claim.pipeline, claim.input_digest)}
    if f"{place}.parquet" in taken:
        # A chunk that was damaged is scored again by the version that re-scored it on the same day.
        place += f"-of-v{claim.rescored_with}"
    return f"{place}.parquet"
