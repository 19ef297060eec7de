"""Flow: delete artefacts that nothing needs."""

from __future__ import annotations

from typing import Any

from seqcls.messages import plural
from seqcls_flows.job import job
from seqcls_flows.parameters import CleanParams
from seqcls_flows.run_names import name_outcome
from seqcls_tasks.clean import clean


@job("clean")
def clean_flow(params: CleanParams) -> dict[str, Any]:
    """As `seqcls gc`; the form only lists, unless that is switched off."""
    done = clean(params.config, params.keep, params.age, params.dry_run)
    name_outcome(params.config, plural(done["artefacts"], "artefact") + (" would go" if params.dry_run else " deleted"))
    return done
