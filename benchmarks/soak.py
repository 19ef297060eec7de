"""Kill it anywhere: training, scoring, storage protocol, Prefect's processes; bits flipped, files cut, writers racing.

`python -m benchmarks.soak [--kills 200] [--protocol 10000] [--flips 1000] [--training 12] [--races 1000] [--prefect 30]
[--seconds 600] [--seed 0]` (`make soak`); 0 leaves a part out; --seconds bounds each of the two loops of kills. Writes
docs/reliability.json and the table of docs/reliability.md. Exit code 1 when anything was lost, duplicated, half visible
or undetected.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import damage, prefect_kills, protocol, races, training_kills
from benchmarks.record import record
from seqcls.artefacts import ArtefactStore
from tests.reliability.invariants import Books, count_final, count_ids, count_visible, model_digests
from tests.reliability.processes import Command, Nursery
from tests.road_data import write_project, write_rows

LONGEST_RUN = 900.0  # seconds; a run takes 5 alone, and much longer on a machine that does other work


@dataclass
class Tally:
    kills: dict[str, int] = field(default_factory=Counter)
    undisturbed: int = 0
    competing: int = 0
    books: Books = field(default_factory=Books)
    failed: list[str] = field(default_factory=list)
    """Output of undisturbed runs that did not end well, or that made another model."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of training and scoring processes")
    parser.add_argument("--protocol", type=int, default=10_000, help="kills of the storage protocol")
    parser.add_argument("--flips", type=int, default=1_000, help="bit flips, and as many cuts")
    parser.add_argument("--training", type=int, default=12, help="steps at which trainings are killed in each way")
    parser.add_argument("--races", type=int, default=1_000, help="writes of each of 8 processes that race")
    parser.add_argument("--prefect", type=int, default=30, help="kills of processes and workers of a Prefect server")
    parser.add_argument("--seconds", type=float, default=600.0, help="at most, for each loop of kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sound = True
    if options.protocol:
        sound &= soak_protocol(options)
    if options.kills or options.flips:
        with tempfile.TemporaryDirectory() as name, Nursery(Path(name) / "nursery") as nursery:
            untrained, trained, checkpoints = prepare(Path(name), nursery)
            if options.kills:
                sound &= soak_processes(Path(name), nursery, untrained, trained, options)
            if options.flips:
                sound &= soak_damage(damage.make_every_kind(Path(name) / "kinds", nursery), checkpoints, options)
    if options.training:
        sound &= training_kills.try_families(options.training, options.seed)
    if options.races:
        sound &= races.race_everywhere(8, options.races)
    if options.prefect:
        sound &= prefect_kills.kill_through_prefect(options.prefect, 4, 180.0 * options.prefect, options.seed)
    return 0 if sound else 1


def prepare(folder: Path, nursery: Nursery) -> tuple[Path, Path, Path]:
    """A project without a model, one with a champion and a scored night, and checkpoints of a killed training."""
    untrained = write_project(folder / "untrained", rows=120, family="cnn")
    untrained.write_text(untrained.read_text().replace("epochs = 8", "epochs = 3").replace("= 40", "= 10"))
    killed = nursery.run("train", untrained, failpoint="epoch_ended=kill@3")
    assert killed.status == -signal.SIGKILL, killed.text
    checkpoints = damage.keep_checkpoints(untrained.parent, folder / "checkpoints")
    shutil.rmtree(untrained.parent / "store")
    trained = Path(shutil.copytree(untrained.parent, folder / "trained")) / untrained.name
    for arguments in (("train",), ("promote", "--force", "--why", "for the soak")):
        done = nursery.run(arguments[0], trained, *arguments[1:])
        assert done.status == 0, done.text
    add_night(trained, 0)
    done = nursery.run("score", trained)
    assert done.status == 0, done.text
    return untrained, trained, checkpoints


def add_night(config: Path, number: int) -> None:
    name = f"night{number}"
    extra = [[f"{name}-empty", ""], [f"{name}-blank", "  "]]
    write_rows(config.parent / "incoming" / f"{name}.csv", 90, seed=number, labelled=False, extra=extra)


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


def soak_processes(folder: Path, nursery: Nursery, untrained: Path, trained: Path, options: argparse.Namespace) -> bool:
    """Kill commands at random moments until there were enough kills; now and then let one end."""
    rng, tally = random.Random(options.seed), Tally()
    began = time.monotonic()
    wanted = model_digests(trained)
    number = 0
    while sum(tally.kills.values()) < options.kills and time.monotonic() - began < options.seconds:
        number += 1
        command = rng.choice(["train", "score"])
        source = untrained if command == "train" else trained
        config = Path(shutil.copytree(source.parent, folder / f"trial{number}")) / source.name
        if command == "score":
            add_night(config, number)
        for _ in range(rng.randint(1, 4)):
            disturb(nursery, command, config, rng, tally)
        settle(nursery, command, config, rng, tally)
        if command == "train":
            if model_digests(config) != wanted:
                tally.failed.append(f"{config}: another model")
        else:
            tally.books += count_final(config) + count_ids(config)
        shutil.rmtree(config.parent)
    wrong = {**tally.books.__dict__, "runs that failed afterwards, or made another model": len(tally.failed)}
    record(
        "kills of train and score",
        {
            "tried": "`kill -9` of `seqcls train` and `seqcls score` at random moments, one to eight in a row",
            "times": sum(tally.kills.values()),
            "kills": dict(tally.kills),
            "undisturbed_runs_checked": tally.undisturbed,
            "competing_pairs": tally.competing,
            "wrong": wrong,
            "seed": options.seed,
            "seconds": round(time.monotonic() - began),
        },
    )
    for text in tally.failed:
        print(text)
    return not any(wrong.values())


def disturb(nursery: Nursery, command: str, config: Path, rng: random.Random, tally: Tally) -> None:
    """Start one process, or two at once; kill each at a moment of its own; look at what can be seen."""
    running: list[Command] = [nursery.start(command, config) for _ in range(2 if rng.random() < 0.25 else 1)]
    tally.competing += len(running) == 2
    began = time.monotonic()
    longest = 1.5 if command == "train" else 0.7
    for moment, process in sorted((rng.uniform(0.0, longest), index) for index, process in enumerate(running)):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        running[process].send(signal.SIGKILL)
        status = running[process].wait()
        tally.kills[command] += status == -signal.SIGKILL
        if status not in (0, -signal.SIGKILL):
            tally.failed.append(running[process].text)
    if (config.parent / "store" / "ledger.db").is_file():
        tally.books += count_visible(config)


def settle(nursery: Nursery, command: str, config: Path, rng: random.Random, tally: Tally) -> None:
    """Undisturbed, alone or two at once; then once more, since the last to end may have left work to the other."""
    running = [nursery.start(command, config) for _ in range(2 if rng.random() < 0.25 else 1)]
    tally.competing += len(running) == 2
    for process in [*running]:
        process.wait(LONGEST_RUN)
    if len(running) == 2:
        running.append(nursery.run(command, config))
    for process in running:
        tally.undisturbed += 1
        if process.status != 0:
            tally.failed.append(process.text)


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
