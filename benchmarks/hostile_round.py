"""One project that lives for some nights in which everything happens: benchmarks/hostile_nights.py plays many.

In: a project with a champion, a seed. Out: what happened, and `Fault`s in the `Tally`. Promise: what must be so is
known without asking the product: the files from `Inbox`, the champion from what was promoted and rolled back.
"""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.inbox import Inbox
from benchmarks.kill_points import draw_point
from benchmarks.process_kills import LONGEST_RUN
from tests.faults.broken_world import BrokenWorld
from tests.reliability.contents import Fault, Scores, current_faults, row_faults
from tests.reliability.invariants import count_visible, digests_of
from tests.reliability.processes import Command, Installed, InstalledCommand, Nursery

DAY = 24 * 3600
JUMPS = (0, 0, 3 * DAY, -2 * DAY, 40 * DAY, -7200)
NIGHTS = 8


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
        self.most = 4
        """Kills of one command in a night."""
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
        status = command.wait(LONGEST_RUN)
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
        """Kill the command one to `most` times, alone or two at once."""
        for _ in range(self.rng.randint(1, self.most)):
            if job == "score":
                self.log.append(self.inbox.add())  # so that there is something to do
            installed = self.installed is not None and self.rng.random() < 0.75
            pair = job in ("score", "rescore") and self.rng.random() < 0.2
            points = [draw_point(job, self.rng) for _ in range(1 + pair)]
            running = [self.start(installed, point, *words) for point in points]
            began, longest = time.monotonic(), self.longest.get((job, installed), 3.0 if installed else 0.7)
            moments = sorted((self.rng.uniform(0.3, 1.1) * longest, number) for number in range(len(running)))
            ends = []
            for moment, number in moments:
                if not points[number]:
                    time.sleep(max(0.0, began + moment - time.monotonic()))
                    running[number].send(signal.SIGKILL)
                status = running[number].wait(LONGEST_RUN)
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

    def start(self, installed: bool, failpoint: str, *words: str) -> Command | InstalledCommand:
        where: Installed | Nursery = self.installed if installed and self.installed is not None else self.nursery
        return where.start(words[0], self.config, *words[1:], failpoint=failpoint)

    def must_end_well(self, job: str, *words: str) -> None:
        """Undisturbed."""
        installed = self.installed is not None and job == "score"
        began = time.monotonic()
        command = self.start(installed, "", *words)
        status = command.wait(LONGEST_RUN)
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
        """Right after a kill: what can be seen is whole, committed, and no row occurs twice."""
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
