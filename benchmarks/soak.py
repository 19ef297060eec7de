"""Kill it anywhere: training, scoring, storage protocol, Prefect's processes, whole nights; bits flipped, files cut.

`python -m benchmarks.soak [--kills 200] [--commands train score rescore] [--protocol 10000] [--flips 1000]
[--training 12] [--races 1000] [--prefect 30] [--nights 500] [--seconds 600] [--seed 0]` (`make soak`); 0 leaves a part
out; --kills is for train and score together, and as many for `score --rescore`; --seconds bounds each loop of kills;
--nights are kills in nights with clock jumps, renamed files, gc and repair (benchmarks/hostile_nights.py). Writes
reliability.json and the table of reliability.md. Exit code 1 when anything was lost, duplicated, half visible
or undetected.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

from benchmarks import damage, hostile_nights, prefect_kills, process_kills, protocol, races, training_kills
from benchmarks.record import record
from seqcls.store.artefacts import ArtefactStore
from tests.reliability.processes import Nursery

SPELT = {"train": "`seqcls train`", "score": "`seqcls score`", "rescore": "`seqcls score --rescore`"}
LOOPS = (("train", "score"), ("rescore",))
"""Commands that are killed in one loop and reported together."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of processes, in each loop of commands")
    parser.add_argument("--commands", nargs="+", choices=SPELT, default=list(SPELT), help="what is killed")
    parser.add_argument("--protocol", type=int, default=10_000, help="kills of the storage protocol")
    parser.add_argument("--flips", type=int, default=1_000, help="bit flips, and as many cuts")
    parser.add_argument("--training", type=int, default=12, help="steps at which trainings are killed in each way")
    parser.add_argument("--races", type=int, default=1_000, help="writes of each of 8 processes that race")
    parser.add_argument("--prefect", type=int, default=30, help="kills of processes and workers of a Prefect server")
    parser.add_argument("--nights", type=int, default=500, help="kills in nights where everything else happens too")
    parser.add_argument("--seconds", type=float, default=600.0, help="at most, for each loop of kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sound = True
    if options.protocol:
        sound &= soak_protocol(options)
    if options.kills or options.flips:
        with tempfile.TemporaryDirectory() as name, Nursery(Path(name) / "nursery") as nursery:
            untrained = process_kills.write_untrained(Path(name) / "untrained")
            if options.kills:
                sound &= soak_processes(Path(name), nursery, untrained, options)
            if options.flips:
                checkpoints = make_checkpoints(untrained, Path(name) / "checkpoints", nursery)
                sound &= soak_damage(damage.make_every_kind(Path(name) / "kinds", nursery), checkpoints, options)
    if options.training:
        sound &= training_kills.try_families(options.training, options.seed)
    if options.races:
        sound &= races.race_everywhere(8, options.races)
    if options.prefect:
        sound &= prefect_kills.kill_through_prefect(options.prefect, 4, 180.0 * options.prefect, options.seed)
    if options.nights:
        sound &= hostile_nights.kill_nights(options.nights, options.nights // 4, hostile_nights.LONGEST, options.seed)
    return 0 if sound else 1


def make_checkpoints(untrained: Path, folder: Path, nursery: Nursery) -> Path:
    """Those of a training that was killed after two epochs."""
    killed = nursery.run("train", untrained, failpoint="epoch_ended=kill@3")
    assert killed.status == -signal.SIGKILL, killed.text
    kept = damage.keep_checkpoints(untrained.parent, folder)
    shutil.rmtree(untrained.parent / "store")
    return kept


def soak_protocol(options: argparse.Namespace) -> bool:
    began = time.monotonic()
    tally = protocol.run_trials(options.protocol, options.seed, began + options.seconds)
    wrong = {**tally.books.__dict__, "commits forgotten": tally.forgotten, "left lying": tally.left}
    wrong["errors"] = tally.failed
    record(
        "kills of the storage protocol",
        {
            "tried": "`kill -9` of processes that claim, write, commit and publish, at random moments",
            "times": tally.kills,
            "commits": tally.commits,
            "competing_pairs": tally.competing,
            "wrong": wrong,
            "seed": options.seed,
            "seconds": round(time.monotonic() - began),
        },
    )
    return not any(wrong.values())


def soak_processes(folder: Path, nursery: Nursery, untrained: Path, options: argparse.Namespace) -> bool:
    """Kill commands at random moments, loop by loop; each loop is a line of the table."""
    projects = process_kills.make_projects(folder, nursery, untrained)
    sound = True
    for loop in LOOPS:
        jobs = [name for name in loop if name in options.commands]
        if jobs:
            began = time.monotonic()
            tally = process_kills.kill_at_random(
                folder, nursery, projects, jobs, options.kills, options.seconds, options.seed
            )
            sound &= record_kills(jobs, tally, options.seed, time.monotonic() - began)
    return sound


def record_kills(jobs: list[str], tally: process_kills.Tally, seed: int, seconds: float) -> bool:
    """Write one loop down; whether nothing was wrong."""
    wrong = {**tally.books.__dict__, "runs that failed afterwards, or made another model": len(tally.failed)}
    if jobs == ["rescore"]:
        wrong = {**tally.books.__dict__, "runs that failed afterwards, or changed older scores": len(tally.failed)}
    record(
        f"kills of {' and '.join(jobs)}",
        {
            "tried": f"`kill -9` of {' and '.join(SPELT[name] for name in jobs)} at random moments, "
            "one to eight in a row",
            "times": tally.kills.total(),
            "kills": dict(tally.kills),
            "undisturbed_runs_checked": tally.undisturbed,
            "competing_pairs": tally.competing,
            "wrong": wrong,
            "seed": seed,
            "seconds": round(seconds),
        },
    )
    for text in tally.failed:
        print(text)
    return not any(wrong.values())


def soak_damage(stores: list[ArtefactStore], checkpoints: Path, options: argparse.Namespace) -> bool:
    """Flips and cuts; a tenth of them on checkpoints."""
    rng = random.Random(options.seed)
    sound = True
    for how, name in (("flip", "single bits flipped"), ("cut", "files cut short")):
        undetected, tried = damage.damage_artefacts(stores, options.flips, how, rng)
        used = damage.damage_checkpoints(checkpoints, options.flips // 10, how, rng)
        record(
            name,
            {
                "tried": f"{name}: artefacts of {len(tried)} kinds, manifests included, and checkpoints",
                "times": options.flips + options.flips // 10,
                "detected_by_kind": dict(sorted(tried.items())),
                "wrong": {"undetected": undetected + used},
                "seed": options.seed,
            },
        )
        sound &= undetected + used == 0
    return sound


if __name__ == "__main__":
    raise SystemExit(main())
