"""What a training decides at its beginning by trying it: threads, then precision.

In: a network, its objective, its first batches. Out: `Choices`: what is used, and why, in a line each. Promise: the
answers are kept with the checkpoints, since another machine, or this one on another day, might answer otherwise; only
what the config leaves open with "auto" is tried; bfloat16 is used only where there are instructions for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from seqcls.config.train import TrainConfig
from seqcls.data.batch import Batch
from seqcls.data.batches import Batches
from seqcls.distributed.process_group import Team
from seqcls.models.instructions import has_bf16, lacks_bf16
from seqcls.processors.load import Watch, busy_words
from seqcls.training.optimisation import Objective
from seqcls.training.precision import Name
from seqcls.training.trials import FASTER, TIMED, Taken, Way, first_batches, is_worth, take_turns, times_as_fast

SAFE = 0.02  # largest difference of the mean losses, as a share; bfloat16 rounds a number by 0.4 % at most
SHARES = (1, 2, 4)  # of all threads that are tried: all, a half, a quarter; and a single one


class Threads(BaseModel):
    """Processor threads of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used: int = 0
    """0: as many as the config says, or as there are."""
    why: str = ""
    """What the trial of `train.threads = "auto"` found, in a line."""


class Precision(BaseModel):
    """What a training computes in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used: Name = "float32"
    why: str = ""
    """What the trial of `train.precision = "auto"` found, or why bfloat16 cannot be had here, in a line."""


class Choices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: Threads = Threads()
    precision: Precision = Precision()

    @property
    def tried(self) -> bool:
        """Whether anything was left open, or could not be had."""
        return bool(self.threads.why or self.precision.why)

    def lines(self) -> Iterator[str]:
        """What was found, for people."""
        if self.threads.why:
            yield f"train.threads: {self.threads.why}"
        if self.precision.why:
            yield f"train.precision: {self.precision.why}"


@dataclass(frozen=True)
class Start:
    """The beginning of a training, and what is to be tried on it."""

    config: TrainConfig
    model: nn.Module
    objective: Objective
    batches: list[Batch]
    """The first ones."""
    steps: int
    """Of the whole training, at most."""
    device: torch.device

    @staticmethod
    def of(
        config: TrainConfig, model: nn.Module, objective: Objective, batches: Batches, team: Team, device: torch.device
    ) -> Start:
        """Of a team on this process's own share of the first batches, made only where something is to be tried."""
        tried = "auto" in (config.threads, config.precision)
        first = [team.share(batch) for batch in first_batches(batches)] if tried else []
        return Start(config, model, objective, first, config.epochs * batches.steps, device)

    def take_turns(self, *ways: Way) -> list[Taken]:
        return take_turns(self.config, self.model, self.objective, self.batches, ways, self.device)


def agree(team: Team, start: Callable[[], Start]) -> Choices:
    """Rank 0 chooses, all hear it."""
    chosen = choose(start()).model_dump_json() if team.is_first else ""
    return Choices.model_validate_json(team.texts(chosen)[0])


def still_possible(chosen: Precision, team: Team, device: torch.device) -> Precision:
    """bfloat16 only where every process has instructions for it: others of the team, or the machine on which this
    training began, may have other processors than that which chose."""
    why = lacks_bf16(device)
    someone_lacks = bool(team.largest(torch.tensor([int(bool(why))])).item())
    if chosen.used == "float32" or not someone_lacks:
        return chosen
    return Precision(why=f"float32 instead of bfloat16: {why or 'not every process has instructions for bfloat16'}")


def choose(start: Start) -> Choices:
    """Everything that is to be chosen; the precision with the threads that were chosen."""
    threads, before = choose_threads(start), torch.get_num_threads()
    try:
        torch.set_num_threads(threads.used or before)
        return Choices(threads=threads, precision=choose_precision(start))
    finally:
        torch.set_num_threads(before)


def choose_threads(start: Start) -> Threads:
    """What was asked for; for "auto" the fastest number, where it is clearly faster than all."""
    most = torch.get_num_threads()
    if start.config.threads != "auto":
        return Threads()
    if start.device.type != "cpu":
        return Threads(used=most, why=f"{most}: the {start.device.type} computes")
    counts = sorted({1, *(max(most // share, 1) for share in SHARES)}, reverse=True)
    if len(counts) == 1:
        return Threads(used=most, why=f"{most}: there is no other")
    lower = start.config.precision == "bfloat16" and has_bf16(start.device)
    precision: Name = "bfloat16" if lower else "float32"
    if not is_worth(start.steps, len(counts)):
        return Threads(used=most, why=f"{most}: {start.steps} steps at most are too few to be worth a trial")
    watch = Watch()
    threads = judge_threads(counts, start.take_turns(*(Way(precision, count) for count in counts)))
    return threads.model_copy(update={"why": threads.why + busy_words(watch.waited())})


def judge_threads(counts: list[int], taken: list[Taken]) -> Threads:
    """The fastest of some numbers of threads; the first one, all of them, unless another is clearly faster."""
    times = [times_as_fast(each, taken[0]) for each in taken]
    best = int(np.argmax(times))
    chosen = best if times[best] >= FASTER else 0
    said = ", ".join(f"{count} {ratio:.2f}" for count, ratio in zip(counts[1:], times[1:], strict=True))
    return Threads(
        used=counts[chosen],
        why=f"{counts[chosen]}: steps by the time that all {counts[0]} threads take: {said} times as fast "
        f"(at least {FASTER} is asked for)",
    )


def choose_precision(start: Start) -> Precision:
    """What was asked for, where there are instructions; for "auto" bfloat16 where it is faster, its losses the same.

    Never imitated: that is slower than float32, and an LSTM cannot be on a processor without AVX-512.
    """
    wanted = start.config.precision
    if wanted == "float32":
        return Precision()
    if why := lacks_bf16(start.device):
        return Precision(why=f"float32: {why}")
    if wanted == "bfloat16":
        return Precision(used="bfloat16")
    if not is_worth(start.steps, 2):
        return Precision(why=f"float32: {start.steps} steps at most are too few to be worth a trial of bfloat16")
    watch = Watch()
    precision = judge_precision(*start.take_turns(Way("float32"), Way("bfloat16")))
    return precision.model_copy(update={"why": precision.why + busy_words(watch.waited())})


def judge_precision(plain: Taken, lower: Taken) -> Precision:
    """bfloat16 only where it is faster and as right; the figures are kept in the answer."""
    if not np.isfinite([*plain.losses, *lower.losses]).all():
        return Precision(why="float32: a loss of the trial of bfloat16 was not finite")
    ratio, mean = times_as_fast(lower, plain), float(np.mean(plain.losses))
    difference = abs(float(np.mean(lower.losses)) - mean) / max(abs(mean), 1e-9)
    used: Name = "bfloat16" if ratio >= FASTER and difference <= SAFE else "float32"
    return Precision(
        used=used,
        why=f"{used}: bfloat16 was {ratio:.2f} times as fast in {TIMED} timed steps (at least {FASTER} is "
        f"asked for), its losses differed by {difference:.2%} (at most {SAFE:.0%})",
    )
