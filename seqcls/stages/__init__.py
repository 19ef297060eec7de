"""What training is made of: stages, in their order, each skipped when its inputs are unchanged."""

from seqcls.stages.stage import Made, Stage, StageResult, run, run_on
from seqcls.stages.training import (
    ENCODE,
    EVALUATE,
    INGEST,
    INGEST_NEW,
    REFERENCE,
    SPLIT,
    TRAIN,
    TRAINING,
    VALIDATE,
    VALIDATE_NEW,
    made_of,
    run_in_order,
    run_until,
)

__all__ = [
    "ENCODE",
    "EVALUATE",
    "INGEST",
    "INGEST_NEW",
    "REFERENCE",
    "SPLIT",
    "TRAIN",
    "TRAINING",
    "VALIDATE",
    "VALIDATE_NEW",
    "Made",
    "Stage",
    "StageResult",
    "made_of",
    "run",
    "run_in_order",
    "run_on",
    "run_until",
]
