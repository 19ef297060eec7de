"""Training killed at every epoch boundary and within epochs: the same weights as an undisturbed run, bit for bit.

`python -m benchmarks.training_kills [--steps 12] [--seed 0]`: a cnn, an lstm and a hybrid with dropout learn 160 rows
of tokens in 5 epochs of 10 steps. Each trial trains in a process of its own that kills itself (or is stopped and
killed, or fails with a full disk) at one named point, then trains on in another process. Points: every end of an epoch,
before, between and after the two files of its checkpoint; as many steps drawn from all 50, with a checkpoint at each
step and with one an epoch; the writing of the model. One more training is killed at every end of an epoch in turn.
Writes docs/evidence/reliability.json. Exit code 1 when a model differs or a training does not go on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.protocol import MEMORY
from benchmarks.record import record
from seqcls.errors import WorldFailed
from seqcls.store import failpoints
from tests.seqcls.training_examples import FAMILIES, train_example

EPOCHS, STEPS = 5, 10
AT_AN_EPOCH = ("checkpoint_tensors_written", "checkpoint_written", "epoch_ended")
AT_A_STEP = ("step_ended", "checkpoint_tensors_written", "checkpoint_written")
AT_THE_END = ("artefact_begun", "artefact_written", "artefact_published")
EVERY_STEP = {"checkpoint_seconds": 1e-9}
FULL_DISK = 5


@dataclass(frozen=True)
class Plan:
    """Where one training is disturbed, process after process; afterwards it is left alone."""

    failpoints: tuple[str, ...]
    train: dict[str, float] = field(default_factory=dict)


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    """By what was done."""
    different: int = 0
    not_resumed: int = 0
    """Trainings that began again although there was a checkpoint."""
    not_disturbed: int = 0
    """Processes that did not come to their point."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12, help="steps at which each kind of kill is tried")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    return int(not try_families(options.steps, options.seed))


def try_families(steps: int, seed: int) -> bool:
    """All plans for the three families, recorded; whether all was well."""
    began, tally, rng = time.monotonic(), Tally(), random.Random(seed)
    for family in FAMILIES:
        with tempfile.TemporaryDirectory(dir=MEMORY) as name:
            digest, rows = run_to_the_end(Path(name) / "undisturbed", family, {})
            for number, plan in enumerate(plans(rng, steps)):
                try_plan(Path(name) / f"trial{number}", family, plan, (digest, rows), tally)
        print(f"{family}: {tally.kills.total()} so far, {time.monotonic() - began:.0f} s", flush=True)
    wrong = {"other weights": tally.different, "begun anew": tally.not_resumed, "not reached": tally.not_disturbed}
    record(
        "kills of training",
        {
            "tried": f"{', '.join(FAMILIES)} trained, and killed, stopped and killed, or out of disk, at every epoch "
            "boundary, within epochs and while the model is written; the digest of the model compared",
            "times": tally.kills.total(),
            "kills": dict(tally.kills),
            "wrong": wrong,
            "seed": seed,
            "seconds": round(time.monotonic() - began),
        },
    )
    return not any(wrong.values())


def plans(rng: random.Random, steps: int) -> list[Plan]:
    """Every boundary of an epoch at every point and in every way; `steps` steps of all; the end."""
    found = [Plan((f"{point}=kill@{epoch}",)) for point in AT_AN_EPOCH for epoch in range(1, EPOCHS + 1)]
    found += [Plan((f"epoch_ended=stop@{epoch}",)) for epoch in range(1, EPOCHS + 1)]
    found += [Plan((f"checkpoint_tensors_written=raise@{epoch}",)) for epoch in range(1, EPOCHS + 1)]
    for point in AT_A_STEP:
        found += [Plan((f"{point}=kill@{n}",), EVERY_STEP) for n in rng.sample(range(1, EPOCHS * STEPS + 1), steps)]
    found += [Plan((f"step_ended=kill@{n}",)) for n in rng.sample(range(1, EPOCHS * STEPS + 1), steps)]
    found += [Plan((f"{point}=kill@2",)) for point in AT_THE_END]  # the first artefact is that of the encoded rows
    return [*found, Plan(("epoch_ended=kill",) * EPOCHS)]


def try_plan(store: Path, family: str, plan: Plan, wanted: tuple[str, int], tally: Tally) -> None:
    """Disturb, then train to the end; compare."""
    for setting in plan.failpoints:
        way = setting.partition("=")[2].partition("@")[0]
        status = run_disturbed(store, family, plan.train, setting)
        tally.not_disturbed += status != (FULL_DISK if way == "raise" else -signal.SIGKILL)
        tally.kills[{"stop": "stopped and killed", "raise": "disk full", "kill": "killed"}[way]] += 1
    committed = any((store / "checkpoints").glob("*/*.json"))
    digest, rows = run_to_the_end(store, family, plan.train)
    tally.different += digest != wanted[0]
    tally.not_resumed += committed and rows >= wanted[1]


def run_disturbed(store: Path, family: str, train: dict[str, float], setting: str) -> int:
    """Train in a process that a failpoint ends; its exit code, minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        failpoints._SETTING = setting
        _end(store, family, train, None)
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def run_to_the_end(store: Path, family: str, train: dict[str, float]) -> tuple[str, int]:
    """Train in a process of its own; digest of the model, rows trained by this process."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _end(store, family, train, writer)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"an undisturbed training ended with {os.waitstatus_to_exitcode(status)}"
    digest, rows = json.loads(text)
    return str(digest), int(rows)


def _end(store: Path, family: str, train: dict[str, float], writer: int | None) -> None:
    """The child: train, tell, end without the parent's clean-up."""
    code = 1
    try:
        result = train_example(store, FAMILIES[family], {"epochs": EPOCHS, **train})
        if writer is not None:
            os.write(writer, json.dumps([result.ref.digest, result.rows]).encode())
        code = 0
    except WorldFailed:
        code = FULL_DISK
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
