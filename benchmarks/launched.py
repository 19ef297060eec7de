"""`seqcls train` under a launcher, killed on the way: `python -m benchmarks.launched [--processes N]`.

A simulated set of DNA, trained by processes with the environment that torchrun gives them, over one store. One
of them is killed after the first checkpoint: all must end, the others with one message. The same
command again must go on from the checkpoint, to one version in the ledger, and to the very model of an undisturbed
training. Prints what happened; ends with an error where it did not.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CONFIG = """name = "launched"
kind = "dna"
store = "{store}"
[source]
format = "csv"
files = ["rows.csv"]
id = "id"
sequence = "sequence"
label = "label"
[encode]
max_length = 60
[model]
family = "gru"
width = 32
[train]
epochs = 6
patience = 6
threads = 1
checkpoint_seconds = 0.2
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder)
        launched = launch(folder, "launched", options.processes)
        wait_for(lambda: any((folder / "launched" / "checkpoints").glob("*/*.json")), "a checkpoint")
        launched[-1].kill()
        codes, messages = finish(launched)
        assert codes[-1] == -signal.SIGKILL, codes
        assert all(code == 5 for code in codes[:-1]), (codes, messages)
        assert messages[0].count("lost the others") == 1, messages[0]
        print(f"killed one of {len(codes)}: exit codes {codes}; {messages[0].strip().splitlines()[-1]}")
        for config in STORES:
            codes, messages = finish(launch(folder, config, options.processes))
            assert codes == [0] * options.processes, messages
        models = [sorted(path.name for path in (folder / store / "artefacts/model").iterdir()) for store in STORES]
        assert models[0] == models[1], models
        assert len(models[0]) == 1, models
        listed = subprocess.run([*seqcls(), "models", "launched.toml"], cwd=folder, capture_output=True, text=True)
        assert "1 version" in listed.stdout, listed.stdout
        print(f"launched again: one version, the model {models[0][0][:12]} of an undisturbed training")


STORES = ("launched", "undisturbed")


def write_project(folder: Path) -> None:
    """1,800 rows whose class is a motif somewhere in 60 bases."""
    import numpy as np

    random, motifs = np.random.default_rng(0), ("TATAAA", "GGGCGG", "CCAATC")
    lines = ["id,sequence,label"]
    for row in range(1800):
        bases = "".join(random.choice(list("ACGT"), 54))
        at = int(random.integers(0, 54))
        lines.append(f"row-{row},{bases[:at]}{motifs[row % 3]}{bases[at:]},{'abc'[row % 3]}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    for store in STORES:
        (folder / f"{store}.toml").write_text(CONFIG.format(store=store))


def launch(folder: Path, config: str, processes: int) -> list[subprocess.Popen[str]]:
    """The environment that torchrun gives its processes; torchrun itself would end the others before they speak."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1"}
    return [
        subprocess.Popen(
            [*seqcls(), "train", f"{config}.toml"],
            cwd=folder,
            env={**os.environ, **shared, "MASTER_PORT": port, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]


def seqcls() -> list[str]:
    return [sys.executable, "-m", "seqcls"]


def finish(launched: list[subprocess.Popen[str]]) -> tuple[list[int], list[str]]:
    messages = [process.communicate(timeout=300)[1] for process in launched]
    return [process.returncode for process in launched], messages


def wait_for(is_there: Callable[[], bool], what: str, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not is_there():
        assert time.monotonic() < end, f"no {what} after {seconds} s"
        time.sleep(0.1)


if __name__ == "__main__":
    main()
