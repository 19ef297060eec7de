"""Golden stores as tests use them: unpacked; what the version that wrote them said; the books of their scores."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from seqcls.store.artefacts import file_digest
from tests.golden.pipelines import HISTORY, write_night
from tests.reliability.contents import Fault, Scores, current_faults, row_faults, visible

HERE = Path(__file__).parent


def unpack(commit: str, folder: Path) -> Path:
    """A store of that commit with the pipeline files and the data beside it; the folder that holds all."""
    with tarfile.open(HERE / f"{commit}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def said_of(commit: str) -> dict[str, dict[str, Any]]:
    """Pipeline -> champion, digests of the models, sequences and what each version answered to them."""
    return dict(json.loads((HERE / f"{commit}.json").read_text())["pipelines"])


def score_files(folder: Path, kind: str) -> dict[str, str]:
    """What a reader of the output folder sees: names with digests."""
    output = folder / "scores" / kind
    return {path.relative_to(output).as_posix(): file_digest(path) for path in sorted(visible(output))}


def delivered(folder: Path, kind: str) -> dict[str, Path]:
    """Digest -> file, of all contents that ever were in the inbox and can be used."""
    files = sorted((folder / "incoming" / kind).glob("night-*.csv"))
    if kind == HISTORY:  # the first content of a night that came again, corrected
        files.append(write_night(folder / "replaced", kind, "2026-10-02", 16))
    return {file_digest(path): path for path in files}


def faults_of(folder: Path, kind: str) -> list[Fault]:
    """What is wrong with the scores of a pipeline after a run: empty when each row of each content was scored or
    rejected once, by the first scoring and by each further one, and `_current.json` lists each name of the inbox."""
    output, contents = folder / "scores" / kind, delivered(folder, kind)
    counting = {
        digest: {f"incoming/{kind}/{path.name}"}
        for digest, path in contents.items()
        if path.is_relative_to(folder / "incoming")
    }
    scores = Scores(folder / "store" / "ledger.db", kind, output)
    return [*row_faults(scores, contents), *current_faults(output, counting, contents)]
