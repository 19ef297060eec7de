"""The founding document's three networks by every engine of scoring: `python -m benchmarks.engines [--threads N]`.

The race of `seqcls promote` on rows of full length and on networks with random weights: how fast an engine is does not
depend on what a network has learnt. Prints the page of each race.
"""

from __future__ import annotations

import argparse

from benchmarks.speed_ours import CASES, SCORE_BATCH, random_rows
from seqcls.config.pipeline import parse_pipeline


def main() -> None:
    import torch

    from seqcls.encoded_split import EncodedSplit
    from seqcls.engines.race import run_race
    from seqcls.models import build_model
    from seqcls.models.package import LoadedModel, ModelManifest
    from seqcls.races import race_page

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rows", type=int, default=1024)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for case, (kind, classes, spec, model) in CASES.items():
        if case == "reviews":  # the network of `text`, and rows of full length are enough here
            continue
        torch.manual_seed(0)
        source = {"format": "csv", "files": ["unused.csv"]}
        config = parse_pipeline({"name": case, "kind": kind, "source": source, "model": model}, "speed.toml").model
        labels = tuple(str(number) for number in range(classes))
        manifest = ModelManifest(
            format=1, pipeline=case, kind=kind, model=config, inputs=spec, labels=labels, seed=0,
            threads=options.threads, device="cpu", torch=torch.__version__, parameters=0, best_epoch=1,
            weights_sha256="",
        )  # fmt: skip
        loaded = LoadedModel(build_model(config, spec, classes).eval(), labels, spec, config, manifest)
        rows = EncodedSplit.from_arrow(random_rows(spec, options.rows, classes, 0), spec)
        print(race_page(case, run_race(loaded, rows, SCORE_BATCH)), flush=True)


if __name__ == "__main__":
    main()
