"""Night after night with kills, clocks that jump, files renamed and corrected, gc and repair in between.

`python -m benchmarks.hostile_nights [--kills 500] [--installed 120] [--seconds 1500] [--seed 0] [--round N]` (part of
`make soak`). A round is a project that lives for some nights. Each night something happens to the files and perhaps to
the clock; one command (score, train and promote, rollback, score --rescore, gc, doctor --repair of a lost, cut or older
ledger) is killed some times, at a named point or at a random moment, alone or two at once; then it runs undisturbed,
then `seqcls score` does. After each kill and each night the folder is compared with what was delivered
(tests/reliability/contents.py), `_current.json` with the truth that `Inbox` keeps, the champion with the history.
--installed: so many of the kills hit the installed command, the others a fork of a process that has imported it. A
fault ends its round; `--round N` plays that round again. Writes docs/reliability.json; exit code 1 on any fault.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import process_kills
from benchmarks.inbox import Inbox
from benchmarks.record import record
from tests.faults.broken_world import BrokenWorld, has_compiler
from tests.reliability.contents import Fault, Scores, current_faults, row_faults
from tests.reliability.invariants import count_visible, digests_of
from tests.reliability.processes import Command, Installed, InstalledCommand, Nursery

DAY = 24 * 3600
JUMPS = (0, 0, 3 * DAY, -2 * DAY, 40 * DAY, -7200)
NIGHTS = 8
LONGEST = 1500.0
"""Seconds, for all rounds."""
ARTEFACT = ("artefact_begun", "artefact_written", "artefact_published", "shard_written")
SCORING = ("chunk_claimed", "chunk_scored", "chunk_committed", "scores_copied", "scores_published", "current_written")
POINTS: dict[str, tuple[str, ...]] = {
    "score": ("input_seen", "input_opened", "input_closed", "run_recorded", *SCORING, *ARTEFACT),
    "train": ("stage_recorded", "checkpoint_written", "epoch_ended", "model_registered", "run_recorded", *ARTEFACT),
    "promote": ("move_written", "alias_set"),
    "rollback": ("move_written", "alias_set"),
    "rescore": ("rescoring_opened", "run_recorded", *SCORING),
    "gc": ("rows_released", "artefact_condemned"),
    "repair": ("ledger_saved", "ledger_rebuilt"),
}
ONCE = ("promote", "rollback", "repair")
"""What comes to each of its points once."""
JOBS = (*("score",) * 5, *("train", "rollback") * 2, *("rescore", "gc", "repair") * 2)


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    installed: int = 0
    nights: int = 0
    rounds: int = 0
    jumps: int = 0
    contents: int = 0
    faults: list[Fault] = field(default_factory=list)


class Broken(Exception):
    """Something is not as it must be: what follows in this round says nothing any more."""


class Round:
    """One project: what happens to it, and what must be so."""

    def __init__(self, config: Path, nursery: Nursery, world: BrokenWorld | None, seed: str, tally: Tally) -> None:
        self.config, self.nursery, self.world, self.tally = config, nursery, world, tally
        self.rng = random.Random(seed)
        self.inbox = Inbox(config.parent, self.rng)
        self.promoted, self.versions = [1], 1
        """The champion last, before it those that a rollback goes back to, one after the other."""
        self.log = [f"round {seed}"]
        self.installed: Installed | None = None
        self.longest: dict[tuple[str, bool], float] = {}
        self.older: Path | None = None
        self.kept = digests_of(config)

    def live(self, jobs: list[str]) -> None:
        """One night a job."""
        for night, job in enumerate(jobs):
            self.log.append(f"night {night}: {job}")
            self.tally.nights += 1
            for _ in range(self.rng.randint(1, 3)):
                self.log.append(self.inbox.happen())
            self.move_clock()
            if job == "rollback" and len(self.promoted) < 2:
                job = "train"
            NIGHT[job](self)
            self.move_clock()
            self.must_end_well("score", "score")
            self.inbox.settle()
            self.look()
            self.keep_ledger()
        self.tally.contents += len(self.inbox.delivered)

    def score(self) -> None:
        self.disturb("score", "score")

    def train(self) -> None:
        """A version more, made champion by a person."""
        self.versions += 1
        before = f"learning_rate = 0.0{20 + self.versions - 1}"
        text = self.config.read_text()
        assert before in text, self.log
        self.config.write_text(text.replace(before, f"learning_rate = 0.0{20 + self.versions}"))
        self.disturb("train", "train")
        self.must_end_well("train", "train")
        words = ("promote", "--version", str(self.versions), "--force", "--why", "newer")
        self.disturb("promote", *words)
        self.must_end_well("promote", *words)
        self.promoted.append(self.versions)

    def rollback(self) -> None:
        """Once: a run that was killed may have done it."""
        self.disturb("rollback", "rollback", until=lambda: self.champion() != self.promoted[-1])
        if self.champion() == self.promoted[-1]:
            self.must_end_well("rollback", "rollback")
        self.promoted.pop()

    def rescore(self) -> None:
        """Contents that gc has cleared and that lie nowhere any more are refused by name."""
        words = ("score", "--rescore", "--model", f"v{self.rng.randint(1, self.versions)}")
        self.disturb("rescore", *words)
        command = self.start(False, "", *words)
        status = command.wait(process_kills.LONGEST_RUN)
        if status != 0 and not (status == 3 and "cleared away by `seqcls gc`" in command.text):
            self.fail("runs that failed", f"{words}: {status}: {command.text}")

    def gc(self) -> None:
        self.disturb("gc", "gc", "--age", "0")
        self.must_end_well("gc", "gc", "--age", "0")

    def repair(self) -> None:
        """The ledger is lost, cut, or replaced by that of an earlier night."""
        ledger = self.config.parent / "store" / "ledger.db"
        how = self.rng.choice(["lost", "cut", "older"] if self.older else ["lost", "cut"])
        self.log.append(f"ledger {how}")
        size = ledger.stat().st_size
        for path in ledger.parent.glob("ledger.db*"):
            if path != ledger and path != self.older:
                path.unlink()
        if how == "lost":
            ledger.unlink()
        elif how == "cut":
            with open(ledger, "r+b") as file:
                file.truncate(size // 2)
        elif self.older is not None:
            shutil.copyfile(self.older, ledger)
        self.disturb("repair", "doctor", "--repair", look=False)
        self.must_end_well("repair", "doctor", "--repair")

    def disturb(self, job: str, *words: str, look: bool = True, until: Callable[[], bool] | None = None) -> None:
        """Kill the command one to four times, alone or two at once."""
        for _ in range(self.rng.randint(1, 4)):
            if job == "score":
                self.log.append(self.inbox.add())  # so that there is something to do
            installed = self.installed is not None and self.rng.random() < 0.75
            pair = job in ("score", "rescore") and self.rng.random() < 0.2
            points = [self.point(job) for _ in range(1 + pair)]
            running = [self.start(installed, point, *words) for point in points]
            began, longest = time.monotonic(), self.longest.get((job, installed), 3.0 if installed else 0.7)
            moments = sorted((self.rng.uniform(0.3, 1.1) * longest, number) for number in range(len(running)))
            ends = []
            for moment, number in moments:
                if not points[number]:
                    time.sleep(max(0.0, began + moment - time.monotonic()))
                    running[number].send(signal.SIGKILL)
                status = running[number].wait(process_kills.LONGEST_RUN)
                ends.append(status)
                if status == -signal.SIGKILL:
                    self.tally.kills[job] += 1
                    self.tally.installed += installed
                elif status != 0 and not (job == "rescore" and status == 3):
                    self.fail("runs that failed", f"{job}: {status}: {running[number].text}")
            self.log.append(f"{job} {'installed ' if installed else ''}{points}: {ends}")
            if look:
                self.look_at_any_moment()
            if until is not None and until():
                return

    def point(self, job: str) -> str:
        """A failpoint and the passage at which it kills; empty: a random moment."""
        if self.rng.random() < 0.3:
            return ""
        passage = 1 if job in ONCE else self.rng.choice((1, 1, 1, 2, 2, 3))
        return f"{self.rng.choice(POINTS[job])}=kill@{passage}"

    def start(self, installed: bool, failpoint: str, *words: str) -> Command | InstalledCommand:
        where: Installed | Nursery = self.installed if installed and self.installed is not None else self.nursery
        return where.start(words[0], self.config, *words[1:], failpoint=failpoint)

    def must_end_well(self, job: str, *words: str) -> None:
        """Undisturbed."""
        installed = self.installed is not None and job == "score"
        began = time.monotonic()
        command = self.start(installed, "", *words)
        status = command.wait(process_kills.LONGEST_RUN)
        self.longest[(job, installed)] = time.monotonic() - began
        if status != 0 or "Traceback" in command.text:
            self.fail("runs that failed", f"{job}: {status}: {command.text}")

    def move_clock(self) -> None:
        if self.world is not None:
            jump = self.rng.choice(JUMPS)
            self.world.move_clock(jump)
            self.tally.jumps += jump != 0
            self.log.append(f"clock {jump:+}")

    def keep_ledger(self) -> None:
        """A backup of tonight's ledger, now and then."""
        if self.rng.random() < 0.5:
            target = self.config.parent / "ledger-backup.db"
            target.unlink(missing_ok=True)
            with (
                closing(sqlite3.connect(self.config.parent / "store" / "ledger.db")) as here,
                closing(sqlite3.connect(target)) as there,
            ):
                here.backup(there)
            self.older = target

    @property
    def scores(self) -> Scores:
        return Scores(self.config.parent / "store" / "ledger.db", "pairs", self.config.parent / "scores")

    def champion(self) -> int:
        with closing(sqlite3.connect(f"file:{self.scores.ledger}?mode=ro", uri=True)) as ledger:
            return int(ledger.execute("SELECT version FROM aliases WHERE pipeline = 'pairs'").fetchone()[0])

    def look_at_any_moment(self) -> None:
        """Right after a kill: what can be seen is whole, committed, and no row stands twice."""
        there = {path.stem: path for path in self.inbox.copies.iterdir()}
        faults = row_faults(self.scores, there, finished=False)
        broken = count_visible(self.config).partly_visible
        self.note(faults + [Fault("half visible", f"{broken} artefacts or score files")] * (broken > 0))

    def look(self) -> None:
        """After a run that ended by itself."""
        project = self.config.parent
        faults = row_faults(self.scores, self.inbox.delivered)
        faults += current_faults(self.scores.output, self.inbox.counting, self.inbox.delivered)
        if self.champion() != self.promoted[-1]:
            faults.append(Fault("another champion", f"v{self.champion()}, expected v{self.promoted[-1]}"))
        strays = [*(project / "store").rglob(".tmp-*"), *(project / "scores").rglob(".*")]
        faults += [Fault("left lying", str(path)) for path in strays]
        now = digests_of(self.config)
        faults += [
            Fault("score files gone or changed", path) for path, was in self.kept.items() if now.get(path) != was
        ]
        self.kept = now
        self.note(faults)
        if self.rng.random() < 0.3:
            self.must_end_well("doctor", "doctor")
        self.log.append("as it must be")

    def note(self, faults: list[Fault]) -> None:
        self.tally.faults += faults
        self.log += [f"FAULT {fault.kind}: {fault.what}" for fault in faults]
        if faults:
            raise Broken

    def fail(self, kind: str, what: str) -> None:
        self.note([Fault(kind, what)])


NIGHT: dict[str, Callable[[Round], None]] = {
    "score": Round.score, "train": Round.train, "rollback": Round.rollback, "rescore": Round.rescore, "gc": Round.gc,
    "repair": Round.repair,
}  # fmt: skip


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
    jobs: list[str] | None = None, installed: Installed | None = None,
) -> list[str]:  # fmt: skip
    """One round; what happened in it, and at its end what was wrong."""
    project = Path(shutil.copytree(config.parent, folder / f"round-{seed.replace(' ', '-')}"))
    this = Round(project / config.name, nursery, world, seed, tally)
    this.installed = installed
    tally.rounds += 1
    try:
        this.live(jobs or ["score", "train", *(this.rng.choice(JOBS) for _ in range(NIGHTS))])
        shutil.rmtree(project)
    except Broken:
        this.log.append(f"the project is kept: {project}")
    finally:
        if world is not None:
            world.mend()
    return this.log


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--installed", type=int, default=120, help="kills of the installed command among them")
    parser.add_argument("--seconds", type=float, default=LONGEST, help="at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--round", type=int, help="play this round only, and keep its project")
    options = parser.parse_args()
    return int(not kill_nights(options.kills, options.installed, options.seconds, options.seed, options.round))


def kill_nights(kills: int, installed: int, seconds: float, seed: int, only: int | None = None) -> bool:
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
            log = play(folder, nursery, world, config, f"{seed} {number}", tally, installed=whole)
            print(f"round {number}: {tally.kills.total()} kills, {tally.installed} installed, {tally.nights} nights, "
                  f"{len(tally.faults)} faults, {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
            if only is not None or len(tally.faults) > faults:
                print("\n".join(log), flush=True)
            if only is not None:
                break
            number += 1
    if tally.faults:
        print(f"the projects of rounds with faults are in {folder}")
    else:
        shutil.rmtree(folder)
    if only is None:
        write_down(tally, seed, time.monotonic() - began)
    return not tally.faults


def write_down(tally: Tally, seed: int, seconds: float) -> None:
    """A line of the table of docs/reliability.md."""
    found = Counter(fault.kind for fault in tally.faults)
    kinds = ("lost", "twice", "_current.json wrong", "half visible", "another champion", "runs that failed")
    record(
        "kills in nights with clock jumps, renamed files, gc and repair",
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
