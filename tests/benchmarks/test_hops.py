"""The way from the flow to the loop stays short."""

from __future__ import annotations

from benchmarks.hops import files


def test_the_training_loop_is_at_most_six_hops_from_the_flow() -> None:
    found = files()
    assert found[:4] == ["seqcls_flows.train", "seqcls_tasks.train", "seqcls.stages.stage", "seqcls.stages.training"]
    assert found[4].startswith("seqcls.training.")
    assert len(found) - 1 <= 6, found
