"""Flow: a person returns to an earlier champion."""

from __future__ import annotations

from typing import Any

from seqcls_flows.job import job
from seqcls_flows.parameters import RollbackParams, version_number
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.champion import roll_back


@job("rollback")
def rollback_flow(params: RollbackParams) -> dict[str, Any]:
    """To the champion before, or to an earlier one by number."""
    done = roll_back(params.config, version_number(params.to), params.why or "rollback")
    name_outcome(params.config, f"to {done['model'].rpartition('@')[2]}")
    return done
