"""What the tests have several processes do: called by name in each of them (`processes.work_together`).

Imports stand where they are needed: each process makes them again.
"""

from __future__ import annotations

import copy
import ipaddress
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from seqcls.distributed.process_group import Team
from seqcls.errors import CheckBroken, DataRefused
from seqcls.training.members import Tell

HERE = "tests.seqcls.team_examples"


def exchange(team: Team, tell: Tell) -> dict[str, Any]:
    """Each of the ways to exchange something, with numbers that differ by rank."""
    from seqcls.models.layers import MaskedBatchNorm

    tell("greeting", "from the first")
    norm = MaskedBatchNorm(2)
    norm.running_mean.fill_(float(team.rank + 1))
    team.take_buffers(norm)
    try:
        team.check_same_weights([b"the same", b"another" if team.rank else b"the same"])
    except CheckBroken as error:
        found = str(error)
    return {
        "weights": found,
        "total": team.total(torch.tensor([0.5, float(team.rank)], dtype=torch.float64)).tolist(),
        "largest": team.largest(torch.tensor([team.rank, -team.rank])).tolist(),
        "agreed": [team.agreed(team.rank == 0), team.agreed(team.rank == 1)],
        "gathered": [found.tolist() for found in team.gathered(torch.tensor([10 * team.rank]))],
        "texts": team.texts("" if team.rank else "größer"),
        "mean": norm.running_mean.tolist(),
    }


def gradients(team: Team, tell: Tell, batches: dict[str, int]) -> dict[str, list[float]]:
    """Of each family: (largest gradient, largest difference from one process, largest difference between ranks)."""
    return {
        f"{form} {family}": found
        for form, rows in batches.items()
        for family, found in gradients_of_families(team, form, rows).items()
    }


def gradients_of_families(team: Team, form: str, rows: int) -> dict[str, list[float]]:
    from seqcls.config.model import families_trained
    from seqcls.models.building import build_model
    from seqcls.training.optimisation import Objective
    from tests.seqcls.encoded_examples import SPECS
    from tests.seqcls.test_models import batch_of, config_of, fits

    found = {}
    for family in families_trained("epochs"):
        if not fits(family, form):
            continue
        torch.manual_seed(0)
        alone = build_model(config_of(family, "mean"), SPECS[form], 3).train()
        together = copy.deepcopy(alone)
        batch, objective = batch_of(SPECS[form], rows), Objective(0.0, None, torch.device("cpu"))
        (objective(alone(batch), batch.labels) / rows).backward()
        wrapped, share = team.wrap(together), team.share(batch)
        loss = objective(wrapped(share), share.labels) * (1 if team.has_rows(batch) else 0)
        (loss / (rows / team.size)).backward()
        here, there = flat_gradient(alone), flat_gradient(together)
        others = team.gathered(there)
        found[family] = [
            here.abs().max().item(),
            (here - there).abs().max().item(),
            max((there - other).abs().max().item() for other in others),
        ]
    return found


def flat_gradient(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def fail(team: Team, tell: Tell, rank: int, how: str) -> None:
    """One fails, the others wait for it in an exchange."""
    if team.rank == rank:
        if how == "ours":
            raise DataRefused("row 7 is odd", where="rows.csv:8", expected="an even row", next_step="fix it")
        raise ZeroDivisionError("a bug")
    team.total(torch.zeros(1))


def stay(team: Team, tell: Tell, folder: str) -> None:
    """Say who is there and where it listens, then sleep, or wait in an exchange for the one that sleeps."""
    team.total(torch.zeros(1))
    facts = {"pid": os.getpid(), "listens": listens()}
    path = Path(folder) / f"{team.rank}.json"
    path.with_suffix(".part").write_text(json.dumps(facts))
    path.with_suffix(".part").rename(path)
    team.total(torch.zeros(1))
    tell("staying", team.rank)
    if team.is_first:
        time.sleep(600)
    team.total(torch.zeros(1))


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


def train_launched(environment: dict[str, str], store: str, settings: str) -> None:
    """What a launcher's process does: it has its place in the environment, and trains."""
    os.environ.update(environment)
    from tests.seqcls.training_examples import train_example

    data = json.loads(settings)
    result = train_example(Path(store), data["model"], data["train"])
    (Path(store) / f"{environment['RANK']}.digest").write_text(result.ref.digest)
