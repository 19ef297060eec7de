"""What is done in a night, and the named points at which each command can be killed (seqcls/store/failpoints.py)."""

from __future__ import annotations

import random

ARTEFACT = ("artefact_begun", "artefact_written", "artefact_published", "shard_written")
SCORING = ("chunk_claimed", "chunk_scored", "chunk_committed", "scores_copied", "scores_published", "current_written")
POINTS: dict[str, tuple[str, ...]] = {
    "score": ("input_seen", "input_opened", "input_closed", "run_recorded", *SCORING, *ARTEFACT),
    "train": ("stage_recorded", "checkpoint_written", "epoch_ended", "model_registered", "run_recorded", *ARTEFACT),
    "promote": ("move_written", "alias_set"),
    "rollback": ("move_written", "alias_set"),
    "rescore": ("rescoring_opened", "run_recorded", *SCORING),
    "gc": ("rows_released", "artefact_condemned"),
    "repair": ("ledger_saved", "ledger_rebuilt"),
}
ONCE = ("promote", "rollback", "repair")
"""What comes to each of its points once."""
JOBS = (*("score",) * 5, *("train", "rollback") * 2, *("rescore", "gc", "repair") * 2)


def draw_point(job: str, rng: random.Random) -> str:
    """A failpoint and the passage at which it kills; empty: a random moment."""
    if rng.random() < 0.3:
        return ""
    passage = 1 if job in ONCE else rng.choice((1, 1, 1, 2, 2, 3))
    return f"{rng.choice(POINTS[job])}=kill@{passage}"
