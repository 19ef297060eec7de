"""Races of a workspace: run once per model and machine, stored beside the version, looked up for scoring.

In: a version. Out: `Race`, or `Choice`: the engine that scores and, in one line, why. Promise: the model artefact is
not changed; a race is a separate artefact (`race.json`, and `race.md` for people) that is never changed; it counts only
for its model, machine and engines; without a race, PyTorch in float32 scores. A race on a busy machine counts until a
quieter moment: promotion, or a scoring run whose threads have not waited for processors so far, races again.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pydantic import ValidationError

from seqcls.config import content_key
from seqcls.config.train import EngineName
from seqcls.data.encoded_split import EncodedSplit
from seqcls.engines.machine import Machine, this_machine
from seqcls.engines.race import RULES, Race, run_race
from seqcls.engines.registry import ENGINES, REFERENCE
from seqcls.errors import Corrupted
from seqcls.ledger.models import ModelVersion
from seqcls.ledger.stages import find_stage, list_stage, record_stage
from seqcls.models.package import load_model
from seqcls.pages import render
from seqcls.processors.load import is_busy, waited_so_far
from seqcls.store.artefacts import Ref, verify, write_json
from seqcls.store.records import RaceMeta
from seqcls.workspace import Workspace

KIND = "race"
FEWEST_ROWS = 256
"""Validation rows: with fewer, a lap is not a full batch, and one changed row in a thousand could not be detected."""
AGAIN = "`seqcls promote CONFIG --version N` races here"
BUSY_NOTE = "{} scores: {} was raced while the machine was busy; the next scoring run on a quiet machine races again"


def ensure_race(workspace: Workspace, version: ModelVersion) -> Race | None:
    """The race of a version on this machine, run now if there is none, or if the machine was busy then;
    None if none is wanted or possible."""
    if workspace.pipeline.score.engine != "auto":
        return None
    known, _ = find_race(workspace, version, this_machine())
    if known is not None and not known.was_busy:
        return known
    encoded = workspace.store.find_whole("encoded", version.inputs["encoded"])
    if encoded is None:  # removed or damaged; `seqcls train` makes it again
        return known
    valid = EncodedSplit.open(encoded, "valid")
    if len(valid) < FEWEST_ROWS:
        return known
    loaded = load_model(workspace.store.ref("model", version.model_digest))
    race = run_race(loaded, valid, workspace.pipeline.score.batch_size)
    _record(workspace, version, race)
    return race


class Choice(NamedTuple):
    """The engine that scores."""

    engine: EngineName
    note: str = ""
    """Why, if a race on this machine did not choose it."""
    margin: float = 0.0
    """Of `Deferral`; 0: no row is deferred."""


def choose_engine(workspace: Workspace, version: ModelVersion) -> Choice:
    """The engine that scores with `auto`."""
    here = this_machine()
    race, damage = find_race(workspace, version, here)
    if race is not None and race.was_busy and not is_busy(waited_so_far()):
        race = ensure_race(workspace, version) or race
    if race is not None:
        return Choice(race.chosen, BUSY_NOTE.format(race.chosen, version.name) if race.was_busy else "", race.margin)
    if damage:
        return Choice(REFERENCE, f"{REFERENCE} scores: {damage}; {AGAIN}")
    elsewhere = list_races(workspace, version)
    if not elsewhere:
        return Choice(REFERENCE)
    changed = "; ".join(here.differences(elsewhere[-1].machine))
    when = f"on another machine ({changed})" if changed else "with earlier engines or rules"
    return Choice(REFERENCE, f"{REFERENCE} scores: {version.name} was raced {when}; {AGAIN}")


def find_race(workspace: Workspace, version: ModelVersion, machine: Machine) -> tuple[Race | None, str]:
    """The race of a version on a machine; or what is wrong with its record, which is then set aside."""
    found = find_stage(workspace.ledger, _key(version, machine))
    if found is None:
        return None, ""
    ref = workspace.store.find(KIND, found[1])
    if ref is None:
        return None, "the record of its race is gone"
    try:
        return read_race(ref), ""
    except Corrupted as error:
        workspace.store.set_aside(ref)
        return None, f"the record of its race is damaged ({error.found})"


def list_races(workspace: Workspace, version: ModelVersion) -> list[Race]:
    """Every intact race of a version, on any machine, oldest first; a damaged one is set aside."""
    races = []
    for digest, facts in list_stage(workspace.ledger, KIND):
        ref = workspace.store.find(KIND, digest) if facts["model"] == version.model_digest else None
        if ref is None:
            continue
        try:
            races.append(read_race(ref))
        except Corrupted:
            workspace.store.set_aside(ref)
    return races


def read_race(ref: Ref) -> Race:
    """A verified record; raises Corrupted if it is damaged."""
    verify(ref)
    try:
        return Race.model_validate_json((ref.folder / "race.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise Corrupted(
            f"not a race ({str(error).splitlines()[0]})", where=ref.path, expected="race.json as seqcls writes it",
            next_step=AGAIN,
        ) from error  # fmt: skip


def race_line(race: Race) -> str:
    """The result in one line."""
    speeds = [f"{lane.engine} {lane.rows_per_second:,.0f}" for lane in race.lanes if lane.rows_per_second is not None]
    return f"scored by {race.chosen}: {race.why} (rows/s: {', '.join(speeds)})"


def race_page(name: str, race: Race) -> str:
    """The result as a page of Markdown."""
    rows = []
    for lane in race.lanes:
        figures = (_shown(lane.rows_per_second, ",.0f"), _shown(lane.opening_seconds, ".2f", " s"))
        parity = (_shown(lane.same_labels, ".2%"), _shown(lane.most_moved, ".4f"))
        ties = f"{lane.deferred:.1%}, closer than {lane.margin:.4f}" if lane.margin else "–"
        rows.append((lane.engine, *figures, *parity, ties, f"no: {lane.refused}" if lane.refused else "yes"))
    return render("race.md", name=name, race=race, rows=rows, waited=_shown(race.waited, ".1%"))


def _shown(value: float | None, form: str, unit: str = "") -> str:
    return "–" if value is None else f"{value:{form}}{unit}"


def _record(workspace: Workspace, version: ModelVersion, race: Race) -> None:
    """Write the artefact, then the ledger row that names it."""
    with workspace.store.write(KIND) as draft:
        write_json(draft.folder / "race.json", race.model_dump(mode="json"))
        (draft.folder / "race.md").write_text(race_page(version.name, race), encoding="utf-8")
        draft.inputs |= {"model": version.model_digest}
        draft.describe(RaceMeta(pipeline=version.pipeline, chosen=race.chosen))
    facts: dict[str, Any] = {"model": version.model_digest, "line": race_line(race)}
    record_stage(workspace.ledger, _key(version, race.machine), KIND, KIND, draft.ref.digest, facts)


def _key(version: ModelVersion, machine: Machine) -> str:
    """The key of a race: other engines or rules give another key."""
    facts = {"engines": list(ENGINES), "rules": RULES, **machine.model_dump(mode="json")}
    return content_key(KIND, version.model_digest, json.dumps(facts, sort_keys=True))
