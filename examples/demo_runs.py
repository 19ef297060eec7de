"""The runs of `make demo`, in a process of their own: examples/demo.py waits for its end before it says its last words.

usage: python -m examples.demo_runs OUTCOME   (a file for {"lines": [...]} or {"error": "..."}; standard input: what was
planted, as JSON). Prefect's embedded server belongs to this process and ends with it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from examples.embedded import settle
from seqcls.cli.interruption import Interruption
from seqcls.errors import SeqclsError
from seqcls_flows.score import score_flow
from seqcls_flows.train import train_flow

PIPELINES = ("reviews", "ecg", "dna")


class BooksDiffer(Exception):
    """A row was lost, or taken for another: a bug."""


def main() -> int:
    outcome, planted = Path(sys.argv[1]), json.load(sys.stdin)
    runs: list[UUID] = []
    try:
        with Interruption():
            found: dict[str, Any] = {"lines": [line for name in PIPELINES for line in run(name, planted[name], runs)]}
            settle(runs)
    except KeyboardInterrupt:
        return 130
    except (SeqclsError, BooksDiffer) as error:
        found = {"error": str(error)}
    outcome.write_text(json.dumps(found))
    return int("error" in found)


def run(name: str, planted: dict[str, int], runs: list[UUID]) -> list[str]:
    """Train, score a night, compare the books with what was planted."""
    config = f"configs/{name}.toml"
    trained = outcome_of(train_flow(config=config, return_state=True), runs)
    scored = outcome_of(score_flow(config=config, return_state=True), runs)
    if (scored["scored"] + scored["abstained"], scored["rejected"]) != (planted["good"], planted["bad"]):
        raise BooksDiffer(f"{name}: {json.dumps(scored)} does not match what was planted: {json.dumps(planted)}")
    return tell(name, trained, scored)


def outcome_of(state: Any, runs: list[UUID]) -> dict[str, Any]:
    """What the flow returned; its error where it failed."""
    runs.append(state.state_details.flow_run_id)
    result: dict[str, Any] = state.result()
    return result


def tell(name: str, trained: dict[str, Any], scored: dict[str, Any]) -> list[str]:
    test = trained["metrics"]["test"]
    return [
        f"{name}: {trained['model']}, balanced accuracy {test['balanced_accuracy']:.3f} on simulated test rows",
        f"  night:   {scored['rows_in']} rows = {scored['scored']} scored + {scored['rejected']} rejected"
        f" + {scored['abstained']} abstained",
        f"  report:  {trained['report']}",
        f"  scores:  demo/scores/{name}/   rejects, each with its reasons: demo/scores/{name}/rejects/",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
