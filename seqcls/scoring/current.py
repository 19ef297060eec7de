"""Which scores count: of all scorings of all files, the one that a reader should use.

In: the ledger. Out: `Scoring`s. The rule, for a row key (file name, id): the newest content that the name had and that
was scored to its end; of its scorings the champion's, where there is one, else the last that ended. A file delivered
under two names counts once. Older scorings stay where they are and say what took their place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row

from seqcls.ledger.chunks import done_chunks, list_inputs, sum_chunks
from seqcls.ledger.models import get_alias
from seqcls.ledger.sightings import list_sightings
from seqcls.registry.versions import CHAMPION
from seqcls.scoring.days import day_of_input
from seqcls.table import ScoreCounts
from seqcls.workspace import Workspace

CURRENT = "current"


@dataclass(frozen=True)
class Scoring:
    """One file content, scored once."""

    name: str
    """The name under which it counts, else the first that it had."""
    input_digest: str
    day: str
    rescored_with: int
    models: tuple[int, ...]
    """Versions that scored its chunks; more than one when the champion changed in between."""
    counts: ScoreCounts
    scored_at: float
    """Seconds since 1970, of the last chunk."""
    order: tuple[int, float]
    """What came later is larger: by the numbers of the chunks; by time where they had none yet."""
    chunks: tuple[Row[Any], ...]
    state: str
    """`current`, or why not: `not finished`, `superseded by v2`, `replaced by 0123456789ab`."""

    @property
    def current(self) -> bool:
        return self.state == CURRENT


def list_scorings(workspace: Workspace) -> list[Scoring]:
    """Every scoring that has a committed chunk, by day and file, the older before the newer."""
    champion = get_alias(workspace.ledger, workspace.pipeline.name, CHAMPION).version
    rows = list_inputs(workspace.ledger, workspace.pipeline.name, None)
    first_names = {row.input_digest: row.name for row in rows if row.state == "done" and row.rescored_with == 0}
    holders = _holders(list_sightings(workspace.ledger, workspace.pipeline.name), first_names)
    names: dict[str, list[str]] = defaultdict(list)
    for name, holder in sorted(holders.items()):
        names[holder].append(name)
    by_input: dict[str, list[Scoring]] = defaultdict(list)
    chunks = _by_input(done_chunks(workspace.ledger, workspace.pipeline.name))
    for row in rows:
        own = _own_chunks(chunks[row.input_digest], row.rescored_with)
        if own:
            by_input[row.input_digest].append(_describe(row, own))
    found = [
        scoring
        for digest, scorings in by_input.items()
        for scoring in _judge(scorings, champion, first_names.get(digest), names[digest], holders)
    ]
    return sorted(found, key=lambda item: (item.day, item.name, item.order))


def _holders(sighted: Iterable[Row[Any]], finished: dict[str, str]) -> dict[str, str]:
    """Name -> the newest content that it had and that was scored to its end."""
    return {row.name: row.input_digest for row in sighted if row.input_digest in finished}


def _by_input(chunks: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for chunk in chunks:
        found[chunk.input_digest].append(chunk)
    return found


def _own_chunks(chunks: list[Row[Any]], rescored_with: int) -> list[Row[Any]]:
    """As `chunks_by`: what a version had scored at first is part of its re-scoring."""
    own = [
        chunk
        for chunk in chunks
        if chunk.rescored_with == rescored_with or (rescored_with and rescored_with == chunk.model_version)
    ]
    return sorted(own, key=lambda chunk: chunk.chunk)


def _describe(row: Row[Any], chunks: list[Row[Any]]) -> Scoring:
    return Scoring(
        name=row.name, input_digest=row.input_digest, rescored_with=row.rescored_with,
        day=day_of_input(row).isoformat(), models=tuple(sorted({chunk.model_version for chunk in chunks})),
        counts=sum_chunks(chunks),
        scored_at=max(chunk.committed_at for chunk in chunks), chunks=tuple(chunks),
        order=max((chunk.number, chunk.committed_at) for chunk in chunks),
        state=CURRENT if row.state == "done" else "not finished",
    )  # fmt: skip


def _judge(
    scorings: list[Scoring], champion: int | None, first_name: str | None, names: list[str], holders: dict[str, str]
) -> list[Scoring]:
    """The scorings of one content, with the name that it counts under and what became of each; it counts under `names`,
    and under the first that it had where that is one of them."""
    name = first_name if first_name in names else (names or [scorings[0].name])[0]
    finished = [item for item in scorings if item.current]
    best = max(finished, key=lambda item: (item.models == (champion,), item.order), default=None)
    judged = []
    for item in scorings:
        state = item.state
        if item.current and not names:
            state = f"replaced by {holders.get(item.name, 'another file')[:12]}"
        elif item.current and best is not None and item is not best:
            state = f"superseded by v{best.models[-1]}"
        judged.append(replace(item, name=name, state=state))
    return judged
