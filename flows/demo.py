"""`make demo`: the real flows on three simulated data sets, on Prefect's embedded server.

Simulates reviews, ECGs and DNA; trains and promotes a model for each; scores a night of new files with bad rows
in them; compares the books with what was planted; says where everything is.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

HOME = Path(__file__).parents[1]
DEMO = HOME / "demo"
PIPELINES = ("reviews", "ecg", "dna")


def main() -> None:
    os.chdir(HOME)
    os.environ.pop("PREFECT_API_URL", None)  # the embedded server, whatever the shell is set to
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_HOME", str(HOME / ".prefect"))
    from seqcls.errors import SeqclsError
    from seqcls.simulate import write_demo

    started = time.perf_counter()
    shutil.rmtree(DEMO, ignore_errors=True)
    print("Simulating three data sets and a night of new files (none of it is real patients, films or genomes) ...")
    planted = write_demo(DEMO / "data")

    from flows.parameters import RunParams, ScoreParams
    from flows.score import score_flow
    from flows.train import train_flow

    lines = []
    for name in PIPELINES:
        params = RunParams(config=f"configs/{name}.toml")
        trained = train_flow(params)
        try:
            scored = score_flow(ScoreParams(config=params.config))
        except SeqclsError as error:
            raise SystemExit(f"demo: {error}") from error
        expected = planted[name]
        if (scored["scored"] + scored["abstained"], scored["rejected"]) != (expected["good"], expected["bad"]):
            raise SystemExit(
                f"demo: {name}: {json.dumps(scored)} does not match what was planted: {json.dumps(expected)}"
            )
        lines += _tell(name, trained, scored)
    print("\n".join(["", f"Done in {time.perf_counter() - started:.0f} s.", *lines, "", *_next_steps()]))


def _tell(name: str, trained: dict[str, object], scored: dict[str, int]) -> list[str]:
    metrics = trained["metrics"]
    assert isinstance(metrics, dict)
    test = metrics["test"]
    return [
        f"{name}: {trained['model']}, balanced accuracy {test['balanced_accuracy']:.3f} on simulated test rows",
        f"  night:   {scored['rows_in']} rows = {scored['scored']} scored + {scored['rejected']} rejected"
        f" + {scored['abstained']} abstained",
        f"  report:  {trained['report']}",
        f"  scores:  demo/scores/{name}/   rejects, each with its reasons: demo/scores/{name}/rejects/",
    ]


def _next_steps() -> list[str]:
    return [
        "Next: open a report in a browser; then, with your own data:",
        "  .venv/bin/seqcls init --kind text my.toml && .venv/bin/seqcls check my.toml",
        "To see these runs in the Prefect UI: `make server`, then http://127.0.0.1:4200",
    ]


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("demo: interrupted; `make demo` again starts it from the beginning") from None
