"""Training steps in bfloat16 beside float32: `python -m benchmarks.training_precision [--threads N] [--batch N]`.

The founding document's three networks on random rows of full length, by the trial that `train.precision = "auto"` makes
(seqcls/training/trials.py), five times each with other batches. Prints a line of Markdown for each network: the
median ratio of the seconds of a step, its range over the five, the largest difference of the mean losses.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.speed_ours import CASES, random_rows
from seqcls.config.loading import parse_pipeline

TRIALS = 5


def main() -> None:
    import torch

    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.models import build_model
    from seqcls.models.instructions import lacks_bf16
    from seqcls.training.optimisation import Objective
    from seqcls.training.trials import STEPS, Way, take_turns, times_as_fast

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, steps = torch.device("cpu"), STEPS
    if why := lacks_bf16(device):
        parser.error(why)
    print("| network | times float32 | range | losses differ by |\n|---|---|---|---|")
    for case in ("dna", "ecg", "text"):
        kind, classes, spec, model = CASES[case]
        data = {"name": case, "kind": kind, "source": {"format": "csv", "files": ["unused.csv"]}}
        pipeline = parse_pipeline({**data, "model": {"dropout": 0.0, **model}}, "precision.toml")
        ratios, differences = [], []
        for seed in range(TRIALS):
            torch.manual_seed(seed)
            split = EncodedSplit.from_arrow(random_rows(spec, options.batch * steps, classes, seed), spec)
            starts = range(0, options.batch * steps, options.batch)
            batches = [split.collate(np.arange(start, start + options.batch), spec) for start in starts]
            network = build_model(pipeline.model, spec, classes)
            objective = Objective(0.0, None, device)
            ways = Way("float32"), Way("bfloat16")
            plain, lower = take_turns(pipeline.train, network, objective, batches, ways, device)
            ratios.append(times_as_fast(lower, plain))
            differences.append(abs(np.mean(lower.losses) - np.mean(plain.losses)) / np.mean(plain.losses))
        print(f"| {case} | {np.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} | {max(differences):.2%} |")


if __name__ == "__main__":
    main()
