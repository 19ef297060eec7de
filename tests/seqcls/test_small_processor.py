"""A processor with AVX2 and no bfloat16, as most are: what it is said to be able to do, and the installed command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqcls.engines.races import list_races
from seqcls.models.instructions import BF16_INSTRUCTIONS, LIMITS, processor
from seqcls.registry.versions import champion
from seqcls.workspace import open_workspace
from tests.processor import SMALL
from tests.road_data import write_project, write_rows

BOTH = ("avx512_bf16", "amx_bf16")


@pytest.mark.parametrize(
    ("variable", "value", "left"),
    [
        ("ONEDNN_MAX_CPU_ISA", "SSE41", ()),
        ("ONEDNN_MAX_CPU_ISA", "avx2_vnni_2", ()),
        ("DNNL_MAX_CPU_ISA", "AVX512_CORE_VNNI", ()),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", BOTH[:1]),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16", BOTH[:1]),
        ("DNNL_MAX_CPU_ISA", "AVX10_2_512", BOTH[:1]),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX", BOTH),
        ("ONEDNN_MAX_CPU_ISA", "avx10_1_512_amx_fp16", BOTH),
        ("ONEDNN_MAX_CPU_ISA", "AVX10_2_512_AMX_2", BOTH),
        ("ONEDNN_MAX_CPU_ISA", "DEFAULT", BOTH),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMXX", BOTH),
        ("ONEDNN_MAX_CPU_ISA", "", BOTH),
    ],
)
def test_what_the_variable_leaves_of_a_processor_with_everything(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, left: tuple[str, ...]
) -> None:
    everything = {"avx512_fp16": True, "avx2": True, **dict.fromkeys(BOTH, True)}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: everything)
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    here = processor()
    assert here.bf16 == left
    assert here.limit == ("" if left == BOTH else f"{variable}={value}")


def test_the_variable_limits_no_processor_that_has_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*SMALL)
    for has in ({"avx2": True}, {"arm_bf16": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: has)
        here = processor()
        assert (here.bf16, here.limit) == (tuple(name for name in BF16_INSTRUCTIONS if name in has), "")


@pytest.mark.slow
@pytest.mark.fault(
    "M01",
    tried="the installed command on a processor with AVX2 and no bfloat16: an LSTM in bfloat16, a race, a night",
    outcome="trained in float32, which a line says; the race is won by what there is; scored",
)
def test_an_lstm_in_bfloat16_is_trained_raced_and_scored_by_the_command(tmp_path: Path) -> None:
    config = write_project(tmp_path, rows=700, family="lstm", more="[split]\nvalid = 0.4\n")
    asked = 'epochs = 1\nprecision = "bfloat16"\n'
    config.write_text(config.read_text().replace("epochs = 8\n", asked))
    write_rows(tmp_path / "incoming" / "night.csv", 30, seed=1, labelled=False)
    told = ""
    for words in (["train"], ["score"]):
        command = [sys.executable, "-m", "seqcls", *words, str(config)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", SMALL[0]: SMALL[1]}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        told += done.stdout + done.stderr
    assert " ".join(told.split()).count("no instructions for bfloat16") == 1
    assert "train.precision: float32: " in " ".join(told.split())
    with open_workspace(config) as workspace:
        [race] = list_races(workspace, champion(workspace))
        assert race.machine.bf16 == ()
        assert {lane.engine for lane in race.lanes if not lane.refused} >= {"torch", "torch-folded"}
