"""What the tests have launched processes do: `torchrun --nproc-per-node N -m tests.seqcls.launched NAME FOLDER`.

Each process writes what it found to FOLDER/RANK.json.
"""

from __future__ import annotations

import copy
import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqcls.config.loading import load_pipeline
from seqcls.config.model import families_trained
from seqcls.distributed.joining import joined
from seqcls.distributed.process_group import ProcessGroup
from seqcls.errors import CheckBroken, DataRefused
from seqcls.models.building import build_model
from seqcls.models.layers import MaskedBatchNorm
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.optimisation import Objective
from seqcls.training.train import train
from tests.processor import CPU
from tests.recorder import Recorder
from tests.seqcls.encoded_examples import SPECS, encoded_table, random_table, write_encoded
from tests.seqcls.test_models import batch_of, config_of, fits
from tests.seqcls.training_examples import LABELS, make_pipeline

ROOT = Path(__file__).parents[2]
CNN = {"family": "cnn", "filters": [8, 8], "normalise": "none", "dropout": 0.0, "embedding": 8}
GRU = {"family": "gru", "width": 8, "dropout": 0.0, "embedding": 8}


def launch(processes: int, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`torchrun -m command` on this machine; what its processes said is in `stderr`."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "-m"]
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([*torchrun, *command], env=surroundings, cwd=ROOT, capture_output=True, text=True)


def launch_here(name: str, processes: int, folder: Path) -> list[dict[str, Any]]:
    """What each process of one of the functions below found."""
    done = launch(processes, "tests.seqcls.launched", name, folder)
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_bytes()) for rank in range(processes)]


def exchange(_: Path) -> dict[str, Any]:
    """Each of the ways to exchange something, with numbers that differ by rank; then the gradients."""
    with joined(CPU) as group:
        norm = MaskedBatchNorm(2)
        norm.running_mean.fill_(float(group.rank + 1))
        group.take_buffers(norm)
        try:
            group.check_same_weights([b"the same", b"another" if group.rank else b"the same"])
        except CheckBroken as error:
            found = str(error)
        return {
            "weights": found,
            "total": group.total(torch.tensor([0.5, float(group.rank)], dtype=torch.float64)).tolist(),
            "largest": group.largest(torch.tensor([group.rank, -group.rank])).tolist(),
            "agreed": [group.agreed(group.rank == 0), group.agreed(group.rank == 1)],
            "gathered": [found.tolist() for found in group.gathered(torch.tensor([10 * group.rank]))],
            "texts": group.texts("" if group.rank else "größer"),
            "mean": norm.running_mean.tolist(),
            "listens": listens(),
            "gradients": {**gradients(group, "missing", 7), **gradients(group, "tokens", 1)},
        }


def gradients(group: ProcessGroup, form: str, rows: int) -> dict[str, list[float]]:
    """Of each family: (largest gradient, largest difference from one process, largest difference between ranks)."""
    found = {}
    for family in families_trained("epochs"):
        if not fits(family, form):
            continue
        torch.manual_seed(0)
        alone = build_model(config_of(family, "mean"), SPECS[form], 3).train()
        together = copy.deepcopy(alone)
        batch, objective = batch_of(SPECS[form], rows), Objective(0.0, None, CPU)
        (objective(alone(batch), batch.labels) / rows).backward()
        share, wrapped = group.share(batch), group.wrap(together)
        (objective(wrapped(share), share.labels) / rows).backward()
        here, there = flat_gradient(alone), flat_gradient(together)
        differences = [(there - other).abs().max().item() for other in group.gathered(there)]
        found[f"{form} {family}"] = [here.abs().max().item(), (here - there).abs().max().item(), max(differences)]
    return found


def flat_gradient(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def trainings(folder: Path) -> dict[str, Any]:
    """Two families to the end, and one on a row whose loss is not finite."""
    store = ArtefactStore(folder)
    rows = write_rows(folder)
    found: dict[str, Any] = {}
    for name, model in {"cnn": CNN, "gru": GRU}.items():
        result = train(rows, make_pipeline(model, {"epochs": 4}), store)
        found[name] = [result.ref.digest, result.rows]
    values = [[0.5, 1.0]] * 20
    values[7] = [3e38, 3e38]
    table = encoded_table(values, [row % 3 for row in range(20)], SPECS["values"])
    broken = write_encoded(folder / "broken", SPECS["values"], {"train": table, "valid": table}, LABELS)
    try:
        train(broken, make_pipeline({**CNN, "normalise": "batch"}, {"batch_size": 20}), store)
    except DataRefused as error:
        found["not finite"] = str(error)
    return found


def write_rows(folder: Path) -> Any:
    """The last batch of training (16 a batch) and of validation (128) is one row: a process has none of it."""
    counts = {"train": 161, "valid": 129, "test": 60}
    splits = {name: random_table(SPECS["tokens"], counts[name], 3, seed) for seed, name in enumerate(counts)}
    return write_encoded(folder, SPECS["tokens"], splits, LABELS)


def listens() -> list[str]:
    """Addresses of the sockets that this process listens on."""
    inodes = {os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in inodes:
                words = bytes.fromhex(cells[1].partition(":")[0])
                swapped = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
                found.append(str(ipaddress.ip_address(swapped)))
    return found


def everything(folder: Path) -> dict[str, Any]:
    """In one launch: to start the processes takes longer than what they do."""
    return {"exchange": exchange(folder), "trainings": trainings(folder)}


def continued(folder: Path) -> dict[str, Any]:
    """What `seqcls train` has trained in the store `command`, trained again in the store `killed`."""
    (encoded,) = (folder / "command" / "artefacts" / "encoded").iterdir()
    rows, heard = ArtefactStore(folder / "command").ref("encoded", encoded.name), Recorder()
    pipeline = load_pipeline(folder / "pipeline.toml").pipeline
    result = train(rows, pipeline, ArtefactStore(folder / "killed"), listener=heard)
    return {"folder": str(result.ref.folder), "notes": heard.notes}


WORK: dict[str, Callable[[Path], dict[str, Any]]] = {"everything": everything, "continued": continued}

if __name__ == "__main__":
    target = Path(sys.argv[2])
    outcome = WORK[sys.argv[1]](target)
    (target / f"{os.environ['RANK']}.json").write_text(json.dumps(outcome))
