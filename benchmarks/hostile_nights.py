"""Night after night with kills, clocks that jump, files renamed and corrected, gc and repair in between.

`python -m benchmarks.hostile_nights [--kills 500] [--installed 120] [--most 4] [--seconds 1500] [--seed 0]
[--round N]` (part of
`make soak`). A round is a project that lives for some nights. Each night something happens to the files and perhaps to
the clock; one command (score, train and promote, rollback, score --rescore, gc, doctor --repair of a lost, cut or older
ledger) is killed some times, at a named point or at a random moment, alone or two at once; then it runs undisturbed,
then `seqcls score` does. After each kill and each night the folder is compared with what was delivered
(tests/reliability/contents.py), `_current.json` with the truth that `Inbox` keeps, the champion with the history.
--installed: so many of the kills hit the installed command, the others a fork of a process that has imported it. A
fault ends its round; `--round N` plays that round again. Each seed has a line of its own in reliability.json, written
anew after each round; exit code 1 on any fault.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import process_kills
from benchmarks.hostile_round import NIGHTS, Broken, Round, Tally
from benchmarks.kill_points import JOBS
from benchmarks.record import record
from tests.faults.broken_world import BrokenWorld, has_compiler
from tests.reliability.processes import Installed, Nursery

LONGEST = 1500.0
"""Seconds, for all rounds."""


def prepare(folder: Path, nursery: Nursery) -> Path:
    """The project that all rounds begin with: one version, champion by a person's word, nothing scored."""
    config = process_kills.write_untrained(folder / "beginning")
    text = config.read_text().replace("learning_rate = 0.02", "learning_rate = 0.021")
    config.write_text(text.replace("[rules]", "[promote]\nautomatic = false\n[rules]"))
    for words in (("train",), ("promote", "--force", "--why", "the first")):
        done = nursery.run(words[0], config, *words[1:])
        assert done.status == 0, done.text
    return config


def play(
    folder: Path, nursery: Nursery, world: BrokenWorld | None, config: Path, seed: str, tally: Tally,
    jobs: list[str] | None = None, installed: Installed | None = None, most: int = 4,
) -> list[str]:  # fmt: skip
    """One round; what happened in it, and at its end what was wrong."""
    project = Path(shutil.copytree(config.parent, folder / f"round-{seed.replace(' ', '-')}"))
    this = Round(project / config.name, nursery, world, seed, tally)
    this.installed, this.most = installed, most
    tally.rounds += 1
    try:
        this.live(jobs or ["score", "train", *(this.rng.choice(JOBS) for _ in range(NIGHTS))])
        shutil.rmtree(project)
    except Broken:
        this.log.append(f"the project is kept: {project}")
    finally:
        if world is not None:
            world.fix()
    return this.log


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--installed", type=int, default=120, help="kills of the installed command among them")
    parser.add_argument("--most", type=int, default=4, help="kills of one command in a night")
    parser.add_argument("--seconds", type=float, default=LONGEST, help="at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round", type=int, help="play this round only, and keep its project")
    options = parser.parse_args()
    return int(
        not kill_nights(options.kills, options.installed, options.seconds, options.seed, options.most, options.round)
    )


def kill_nights(kills: int, installed: int, seconds: float, seed: int, most: int = 4, only: int | None = None) -> bool:
    """Round after round until there were enough kills or no time is left; recorded; whether all was well."""
    began, tally, number = time.monotonic(), Tally(), only or 0
    folder = Path(tempfile.mkdtemp(prefix="hostile-nights-"))
    world = BrokenWorld(folder) if has_compiler() else None
    environment = world.environment if world else {}
    with Nursery(folder / "nursery", environment) as nursery:
        config = prepare(folder, nursery)
        command = Installed(folder / "installed", environment)
        while tally.kills.total() < kills and time.monotonic() - began < seconds:
            whole = command if tally.installed < installed else None
            faults = len(tally.faults)
            log = play(folder, nursery, world, config, f"{seed} {number}", tally, installed=whole, most=most)
            print(f"round {number}: {tally.kills.total()} kills, {tally.installed} installed, {tally.nights} nights, "
                  f"{len(tally.faults)} faults, {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
            if only is not None or len(tally.faults) > faults:
                print("\n".join(log), flush=True)
            if only is not None:
                break
            write_down(tally, seed, time.monotonic() - began)  # a run that is stopped keeps its whole rounds
            number += 1
    if tally.faults:
        print(f"the projects of rounds with faults are in {folder}")
    else:
        shutil.rmtree(folder)
    return not tally.faults


def write_down(tally: Tally, seed: int, seconds: float) -> None:
    """A line of the table of docs/evidence/reliability.md."""
    found = Counter(fault.kind for fault in tally.faults)
    kinds = ("lost", "twice", "_current.json wrong", "half visible", "another champion", "runs that failed")
    record(
        f"kills in nights with clock jumps, renamed files, gc and repair, seed {seed}",
        {
            "tried": "`kill -9` of score, train, promote, rollback, score --rescore, gc and doctor --repair, "
            f"{tally.installed} of them the installed command, in {tally.nights} nights of {tally.rounds} projects "
            f"with {tally.jumps} jumps of the clock, files corrected, renamed, exchanged and put back "
            f"({tally.contents} contents), ledgers lost, cut and replaced by older ones",
            "times": tally.kills.total(),
            "kills": dict(tally.kills),
            "wrong": {kind: found.pop(kind, 0) for kind in kinds} | {"other": found.total()},
            "seed": seed,
            "seconds": round(seconds),
        },
    )


if __name__ == "__main__":
    raise SystemExit(main())
