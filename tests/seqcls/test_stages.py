"""A stage is found again by what it is made from, whatever release of seqcls wrote it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seqcls.stages import TRAIN, TRAINING, run_until
from seqcls.workspace import open_workspace
from tests.golden.stores import unpack
from tests.recorder import Recorder

NAMES = ["ingest", "validate", "split", "encode", "train", "evaluate"]


def install(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every module that knows the release of seqcls knows this one."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "seqcls" and hasattr(module, "__version__"):
            monkeypatch.setattr(module, "__version__", release)


# The series are `wide`: its columns go by name since, and are kept with the encoder.
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "dna", "protein", "tokens"])
def test_the_stages_of_a_golden_store_are_found_by_another_release(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("0.1.1", monkeypatch)
    heard = Recorder()
    with open_workspace(unpack("bda84f0", tmp_path) / f"{kind}.toml", heard) as workspace:
        results = run_until(workspace, TRAIN)  # the version of `evaluate` was raised since
    assert heard.stages == dict.fromkeys(NAMES[:5], "unchanged")
    assert [result.ref.kind for result in results] == [stage.makes for stage in TRAINING[:5]]


@pytest.mark.slow
def test_a_patch_release_repeats_no_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_workspace(unpack("bda84f0", tmp_path) / "protein.toml") as workspace:
        first = run_until(workspace)
        install("0.1.1", monkeypatch)
        again = run_until(workspace)
    assert [result.stage for result in again] == NAMES
    assert all(result.reused for result in again)
    assert [result.ref for result in again] == [result.ref for result in first]


@pytest.mark.slow
def test_a_listener_hears_each_stage_in_the_order_of_training_up_to_the_one_asked_for(tmp_path: Path) -> None:
    heard = Recorder()
    with open_workspace(unpack("bda84f0", tmp_path) / "text.toml", heard) as workspace:
        run_until(workspace, TRAINING[3])
    assert list(heard.stages) == NAMES[:4] == [stage.name for stage in TRAINING[:4]]
