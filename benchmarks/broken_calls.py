"""Every system call that fails: a night is scored once for each write, sync, rename and creation it makes.

`python -m benchmarks.broken_calls [--step 1]`: the Nth call of each kind fails with EIO (creation: EDQUOT), once and
from then on; N goes from 1 to the last call of an undisturbed run, by `--step`. Writes how many runs refused and what
went wrong to docs/evidence/reliability.json. Needs a C compiler.
"""

from __future__ import annotations

import argparse
import errno
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.protocol import MEMORY
from benchmarks.record import record
from tests.faults.broken_world import KINDS, BrokenWorld
from tests.faults.failing_calls import count_calls, night_of, try_failing_call
from tests.reliability.processes import Nursery
from tests.road_data import write_project, write_rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="try every STEPth call")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        world = BrokenWorld(folder)
        with Nursery(folder / "nursery", world.environment) as nursery:
            tally = try_all(nursery, world, folder, options.step)
    record(
        "failing system calls",
        {
            "tried": "scoring with an error (EIO, EDQUOT) at its Nth write, sync, rename or creation, once and "
            "from then on",
            "times": tally["tried"],
            "wrong": {"lost, duplicated, half visible, or not one message": tally["wrong"]},
            "refused": tally["refused"],
            "seed": f"every {options.step}",
        },
    )
    return 1 if tally["wrong"] else 0


def try_all(nursery: Nursery, world: BrokenWorld, folder: Path, step: int) -> Counter[str]:
    scored = make_scored(nursery, folder)
    tally = Counter[str]()
    for kind in KINDS:
        calls = count_calls(nursery, world, kind, scored, folder / f"counted-{kind}")
        for nth in range(1, calls + 1, step):
            for persist in (False, True):
                failure = (kind, errno.EDQUOT if kind == "create" else errno.EIO, persist)
                place = folder / "trial"
                tally["tried"] += 1
                try:
                    tally["refused"] += try_failing_call(nursery, world, night_of(scored, place), failure, nth)
                except AssertionError as fault:
                    tally["wrong"] += 1
                    print(f"{kind} {nth} of {calls}, persist {persist}: {fault}", flush=True)
                shutil.rmtree(place)
        print(f"{kind}: {calls} calls; so far {dict(tally)}", flush=True)
    return tally


def make_scored(nursery: Nursery, folder: Path) -> Path:
    """A small project that has a champion and has scored a night."""
    config = write_project(folder / "scored", rows=120, family="cnn")
    config.write_text(config.read_text().replace("epochs = 8", "epochs = 3"))
    write_rows(config.parent / "incoming" / "night.csv", 90, seed=1, labelled=False, extra=[["empty-1", ""]])
    for command in (("train", config), ("promote", config, "--force", "--why", "trial"), ("score", config)):
        done = nursery.run(*command)
        assert done.status == 0, done.text
    return config.parent


if __name__ == "__main__":
    raise SystemExit(main())
