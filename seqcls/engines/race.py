"""The race: find the fastest engine that gives PyTorch's results on this machine.

In: a model and its validation rows. Out: `Race`, with all measurements. Promise: an engine may score only if at least
99.9 % of the rows keep their label and no probability changes by more than `MOST_MOVED`; one that comes close defers
its near ties to PyTorch and is judged together with it. Engines that may score are timed in turn, lap after lap, so
that other load on the machine affects all of them; the median counts. A race on a busy machine says so, and is run
again later (seqcls/engines/races.py). An engine that is not clearly faster than PyTorch in float32 is not chosen.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from seqcls.config.train import EngineName
from seqcls.data.encoded_split import EncodedSplit
from seqcls.engines.deferral import Deferral, near_ties, run_engine
from seqcls.engines.engine import Engine, EngineUnavailable
from seqcls.engines.machine import Machine, this_machine
from seqcls.engines.registry import ENGINES, REFERENCE, Opener
from seqcls.evaluation.probabilities import softmax
from seqcls.models.logits import Logits
from seqcls.models.package import LoadedModel
from seqcls.processors.load import Watch, busy_words, is_busy

RULES = 2
"""Bump this when the judging rules change; older races are then ignored."""
SAME_LABELS = 0.999
MOST_MOVED = 0.05
"""Largest change of a probability, over all rows and classes."""
MOST_MOVED_ALONE = 0.1
"""The same before near ties are deferred: a larger change cannot be rounding."""
WORTH_IT = 1.1
"""Times PyTorch's speed: less is within the difference of two races of one engine."""
MOST_ROWS = 4096
LAPS = 5
LAP_SECONDS = 0.25
"""Approximate time of a lap with PyTorch; a lap has at least one batch."""


class Lane(BaseModel):
    """The result of one engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineName
    rows_per_second: float | None = None
    """From the median lap; None if it was not timed."""
    opening_seconds: float | None = None
    same_labels: float | None = None
    """Share of the rows."""
    most_moved: float | None = None
    margin: float = 0.0
    """Rows whose top two probabilities are closer are recomputed by PyTorch in float32; 0: none."""
    deferred: float = 0.0
    """Share of the rows that were recomputed."""
    refused: str = ""
    """Why it may not score; empty if it may."""


class Race(BaseModel):
    """All lanes, and the winner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chosen: EngineName
    why: str
    rows: int
    """Validation rows that were compared."""
    lap_rows: int
    batch_size: int
    threads: int
    machine: Machine
    lanes: tuple[Lane, ...]
    waited: float | None = None
    """Share of the lap time in which threads were ready but had no processor; None: unknown."""

    @property
    def margin(self) -> float:
        """Margin of the chosen engine."""
        return next(lane.margin for lane in self.lanes if lane.engine == self.chosen)

    @property
    def was_busy(self) -> bool:
        """Whether other programs used the processors too: on a quiet machine another engine may be the fastest."""
        return is_busy(self.waited)


Runner = tuple[Engine, Deferral | None]


def run_race(
    loaded: LoadedModel, valid: EncodedSplit, batch_size: int, engines: Mapping[EngineName, Opener] = ENGINES
) -> Race:
    """Open, compare and time the engines, and choose one."""
    rows = evenly(valid, MOST_ROWS)
    engine, opening = _open(engines[REFERENCE], loaded)
    reference, wanted = engine, run_engine(engine, loaded, rows, batch_size)
    lanes = {REFERENCE: Lane(engine=REFERENCE, opening_seconds=opening, same_labels=1.0, most_moved=0.0)}
    running: dict[EngineName, Runner] = {REFERENCE: (reference, None)}
    for name in [name for name in engines if name != REFERENCE]:
        try:
            engine, opening = _open(engines[name], loaded)
        except EngineUnavailable as error:
            lanes[name] = Lane(engine=name, refused=error.found.removeprefix(f"{name}: "))
            continue
        found = run_engine(engine, loaded, rows, batch_size)
        lane = lanes[name] = judge(name, wanted, found, loaded.manifest.temperature, opening)
        if not lane.refused:
            running[name] = engine, Deferral(reference, lane.margin) if lane.margin else None
    watch = Watch()
    speeds, lap_rows = _time(running, loaded, rows, batch_size)
    waited = watch.waited()
    timed = [lane.model_copy(update={"rows_per_second": speeds.get(name)}) for name, lane in lanes.items()]
    chosen, why = choose(timed)
    return Race(
        chosen=chosen, why=why + busy_words(waited), rows=len(rows), lap_rows=lap_rows, batch_size=batch_size,
        threads=torch.get_num_threads(), machine=this_machine(), lanes=tuple(timed), waited=waited,
    )  # fmt: skip


def evenly(split: EncodedSplit, most: int) -> EncodedSplit:
    """At most `most` rows, evenly from the whole split."""
    if len(split) <= most:
        return split
    return split.take(np.linspace(0, len(split) - 1, most).astype(np.int64))


def judge(name: EngineName, wanted: Logits, found: Logits, temperature: float, opening: float) -> Lane:
    """An engine by itself; if it fails by little, with its near ties deferred to the reference."""
    lane = compare(name, wanted, found, temperature, opening)
    if not lane.refused or lane.most_moved is None or lane.most_moved > MOST_MOVED_ALONE:
        return lane
    margin = 2 * lane.most_moved
    ties = near_ties(found, temperature, margin)
    together = found.copy()
    together[ties] = wanted[ties]
    lane = compare(name, wanted, together, temperature, opening)
    return lane.model_copy(update={"margin": margin, "deferred": len(ties) / len(found)})


def compare(name: EngineName, wanted: Logits, found: Logits, temperature: float, opening: float) -> Lane:
    """Compare labels and probabilities (N, K) of an engine with those of the reference."""
    right, ours = softmax(wanted, temperature), softmax(found, temperature)
    known = np.isfinite(right).all(axis=1)
    if not np.array_equal(known, np.isfinite(ours).all(axis=1)):
        return Lane(engine=name, opening_seconds=opening, refused="gives no finite numbers where PyTorch does")
    right, ours = right[known], ours[known]
    same = float((right.argmax(axis=1) == ours.argmax(axis=1)).mean()) if len(right) else 1.0
    moved = float(np.abs(right - ours).max(initial=0.0))
    faults = [f"keeps {same:.2%} of the labels, expected {SAME_LABELS:.1%}"] if same < SAME_LABELS else []
    faults += [f"moves a probability by {moved:.3f}, expected at most {MOST_MOVED}"] if moved > MOST_MOVED else []
    return Lane(engine=name, opening_seconds=opening, same_labels=same, most_moved=moved, refused="; ".join(faults))


def choose(lanes: list[Lane]) -> tuple[EngineName, str]:
    """The fastest of those that may score, and why."""
    speeds = {lane.engine: lane.rows_per_second for lane in lanes if lane.rows_per_second is not None}
    best = max(speeds, key=lambda name: speeds[name])
    times = speeds[best] / speeds[REFERENCE]
    if best != REFERENCE and times >= WORTH_IT:
        deferred = next(lane.deferred for lane in lanes if lane.engine == best)
        twice = f", though {deferred:.1%} of the rows, near ties, are computed again by it" if deferred else ""
        return best, f"{times:.1f} times the rows a second of {REFERENCE}{twice}"
    refused = [lane.engine for lane in lanes if lane.refused]
    tried = [name for name in speeds if name != REFERENCE]
    why = [f"not {WORTH_IT} times as fast: {', '.join(tried)}"] if tried else []
    why += [f"may not score: {', '.join(refused)}"] if refused else []
    return REFERENCE, "; ".join(why) or "no other engine"


def _open(opener: Opener, loaded: LoadedModel) -> tuple[Engine, float]:
    began = time.perf_counter()
    engine = opener(loaded)
    return engine, time.perf_counter() - began


def _time(
    running: dict[EngineName, Runner], loaded: LoadedModel, rows: EncodedSplit, batch_size: int
) -> tuple[dict[EngineName, float], int]:
    """Median rows/s of each engine, and the rows of a lap. Every engine is warm: it has computed all rows before."""
    began = time.perf_counter()
    run_engine(running[REFERENCE][0], loaded, evenly(rows, batch_size), batch_size)
    batches = max(round(LAP_SECONDS / (time.perf_counter() - began)), 1)
    lap = evenly(rows, batches * batch_size)
    laps: dict[EngineName, list[float]] = {name: [] for name in running}
    for _ in range(LAPS if len(running) > 1 else 1):
        for name, (engine, deferral) in running.items():
            began = time.perf_counter()
            run_engine(engine, loaded, lap, batch_size, deferral)
            laps[name].append(len(lap) / (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in laps.items()}, len(lap)
