"""`make bench`: peers and us in one go, every part in a process of its own, then the figures and benchmarks.md.

`python -m benchmarks.bench [--only PART ...] [--without PART ...] [--threads N] [--quick] [--list]`. A part that fails
is named at the end and does not stop the others; a peer that cannot be installed is left out with the reason. --quick
runs everything on sizes that say nothing, into var/bench-quick, to see that it runs. Exit code 1 when a part failed or
a target was missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import Environment, environment
from benchmarks.figures import PAGE
from benchmarks.measured import RESULTS
from seqcls.processors.allowed import processors

ROOT = Path(__file__).parents[1]
QUICK = ROOT / "var" / "bench-quick"
REAL_DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Part:
    """One module; `quick` replaces its sizes, None leaves it out of --quick."""

    module: str
    quick: tuple[str, ...] | None = ()
    peer: str | None = None
    option: str = ""
    """Under which the module takes the peer's interpreter."""
    needs_peer: bool = False
    needs_data: bool = False
    own_file: bool = False
    """Writes its file in benchmarks/results only, and takes neither --results nor --threads."""


PARTS = {
    "speed": Part("speed", ("--rows", "256", "--pairs", "1"), "keras", "--keras"),
    "busy": Part("busy", ("--quick",), "keras", "--keras"),
    "losses": Part("loss_curves", ("--rows", "256", "--epochs", "1", "--seeds", "0"), "keras", "--keras"),
    "series": Part("convolution_features", None, "aeon", "--aeon", needs_peer=True, needs_data=True, own_file=True),
    "ngrams": Part("ngrams", None, needs_data=True, own_file=True),
    "text": Part("fast_text", ("--pairs", "1", "--only", "sms-spam"), "fasttext", "--fasttext", needs_peer=True,
                 needs_data=True),
    "memory": Part("memory", None, own_file=True),
    "road": Part("road_speed", ("--rows", "20000")),
    "ahead": Part("encoding_ahead", ("--rows", "600", "--pairs", "1", "--only", "text-torch")),
    "scaling": Part("scaling", ("--points", "2")),
    "auto": Part("auto", ("--budget", "20s", "--seeds", "0", "--only", "promoters"), needs_data=True),
    "limits": Part("limits", ("--size", "256", "--rows", "2000")),  # after speed: it reads its file
    "figures": Part("figures"),
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--without", nargs="+", choices=PARTS, default=[], metavar="PART")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    chosen = [name for name in PARTS if name in options.only and name not in options.without]
    if options.list:
        for name in chosen:
            print(f"{name}: benchmarks.{PARTS[name].module}")
        return 0
    if options.quick:
        QUICK.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PAGE, QUICK / PAGE.name)
    outcomes = {name: run(name, options.threads, quick=options.quick) for name in chosen}
    print("\n".join(f"{name}: {outcome}" for name, outcome in outcomes.items()))
    return int(any(outcome.startswith("failed") for outcome in outcomes.values()))


def run(name: str, threads: int, *, quick: bool) -> str:
    """What came of a part, in words."""
    part = PARTS[name]
    reason = left_out(part, quick=quick)
    peer = environment(part.peer) if part.peer is not None and reason is None else None
    if reason is None and part.needs_peer and peer is not None and peer.python is None:
        reason = peer.reason
    if reason is not None:
        return f"left out: {reason}"
    print(f"--- {name}", flush=True)
    began = time.perf_counter()
    surroundings = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command(part, peer, threads, quick=quick), cwd=ROOT, env=surroundings, check=False)
    seconds = f"{time.perf_counter() - began:.0f} s"
    without = f"; without {part.peer}: {peer.reason}" if peer is not None and peer.python is None else ""
    return f"done in {seconds}{without}" if done.returncode == 0 else f"failed after {seconds} ({done.returncode})"


def left_out(part: Part, *, quick: bool) -> str | None:
    """Why a part is not run; None if it is."""
    if quick and part.quick is None:
        return "it has no quick sizes"
    if part.needs_data and not REAL_DATA.is_dir():
        return "the real data sets (../shared/data) are not on this machine"
    return None


def command(part: Part, peer: Environment | None, threads: int, *, quick: bool) -> list[str]:
    """The command line of a part."""
    words = [sys.executable, "-m", f"benchmarks.{part.module}"]
    if peer is not None and peer.python is not None:
        words += [part.option, str(peer.python)]
    if part.own_file:
        return words
    words += ["--results", str(QUICK if quick else RESULTS)]
    if part.module != "figures":
        words += ["--threads", str(threads)]
    elif quick:
        words += ["--page", str(QUICK / PAGE.name), "--images", str(QUICK)]
    return [*words, *(part.quick or ())] if quick else words


if __name__ == "__main__":
    sys.exit(main())
