"""A bag of n-grams and one linear layer, fitted in one go: a quick, strong first model of text, tokens, DNA, protein.

In: `Batch` of tokens. Out: logits (B, K) = bias + sum over the row's known n-grams of value * weight. Promise: fitting
and scoring share all code from tokens to values; all that scoring needs is a sorted table of 64-bit keys and a row of K
weights for each; n-grams that training has not seen weigh nothing. Idea: fastText's bag of hashed word and character
n-grams (Joulin et al. 2017), but convex: naive Bayes features and a logistic regression (Wang and Manning 2012).
Deviation from fastText: no buckets shared by strangers and no hidden layer, so the fit has one optimum and no seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.models.fitted import FitRecord, FitRows, FittedNetwork, choose_rows
from seqcls.models.ngrams.bags import count, look_up
from seqcls.models.ngrams.hashing import NOTHING
from seqcls.models.ngrams.patterns import PatternLayer, Patterns
from seqcls.models.ngrams.rows import Design, RowBlocks
from seqcls.models.ngrams.solver import Problem, Weights, log_ratios
from seqcls.models.ngrams.strengths import STRENGTHS, Setting, StrengthSearch

MOST_WEIGHTS = 5_000_000
"""n-grams times classes: L-BFGS keeps about 15 copies, 8 bytes each."""
EVEN_SHARE = {True: 0.5, False: 0.0}
"""Letters or not -> how much of the prior is the same for all n-grams, when `weighting` is left out.

By cross-validation on training rows: half for peptides (0.908 instead of 0.900) and human core promoters (0.820 instead
of 0.801), none for film reviews and questions (0.3 points).
"""


@dataclass(frozen=True)
class Limits:
    """Which n-grams get weights, and what the fit chooses where a setting is left out; `NgramsModel` documents each."""

    features: int
    min_rows: int
    by_place: bool | None
    weighting: str | None
    strength: float | None
    rows: int | None
    """Of more training rows a sample of so many is fitted."""


class NgramNetwork(FittedNetwork):
    """family = "ngrams"."""

    holds_out = True

    def __init__(self, patterns: Patterns, limits: Limits, inputs: InputSpec, classes: int) -> None:
        super().__init__()
        self.limits, self.spec, self.classes = limits, inputs, classes
        capacity = max(min(limits.features, MOST_WEIGHTS // classes), 1)
        self.patterns = PatternLayer(patterns, inputs)
        self.keys: Tensor
        self.by_place: Tensor
        self.register_buffer("keys", torch.full((capacity,), NOTHING, dtype=torch.int64))
        self.register_buffer("by_place", torch.zeros((), dtype=torch.bool))
        self.weight = nn.Parameter(torch.zeros(capacity, classes), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def forward(self, batch: Batch) -> Tensor:
        logits = self.bias.expand(len(batch), -1).clone()  # (B, K)
        blocks = list(self.patterns(batch, bool(self.by_place)))
        for keys in blocks:
            known = look_up(count(keys), self.keys, len(batch))
            starts = torch.searchsorted(known.rows, torch.arange(len(batch), device=keys.device))
            values = known.values * len(blocks) ** -0.5
            logits += F.embedding_bag(known.slots, self.weight, starts, mode="sum", per_sample_weights=values)
        return logits

    def fit(self, given: FitRows) -> FitRecord:
        """Count n-grams, give the frequent ones a slot, find their weights, keep the strength that suits other rows."""
        most = len(given.train) if self.limits.rows is None else self.limits.rows
        rows = choose_rows(given.train.labels, most, np.random.default_rng(given.seed))
        if len(rows) < len(given.train):
            given = replace(given, train=given.train.copy_of(rows), weights=given.weights[rows])
        self.by_place.fill_(self.looks_at_places(given.train))
        strengths = STRENGTHS if self.limits.strength is None else (self.limits.strength,)
        solution, design, held_out = StrengthSearch(given, self.set_up, strengths).run()
        self.keys.fill_(NOTHING)
        self.keys[: design.width] = design.table
        self.weight.zero_()
        self.weight[: design.width] = torch.from_numpy(solution.weights)
        self.bias.copy_(torch.from_numpy(solution.biases))
        return FitRecord(rows, solution.logits(design), held_out)

    def set_up(self, given: FitRows) -> Setting:
        """The n-grams that the training rows give weights to, the matrices, the problem to solve."""
        train = self.rows(given.train)
        table = torch.from_numpy(train.frequent(self.limits.min_rows, len(self.keys))).to(self.keys.device)
        design, valid = Design(train, table), Design(self.rows(given.valid), table)
        design.gather()
        words, scale = self.spec.composition is None, self.scale(design, given)
        problem = Problem(design, given.train.labels, given.weights, self.classes, scale, even_out=words)
        return Setting(design, valid, problem)

    def rows(self, split: EncodedSplit) -> RowBlocks:
        return RowBlocks(self.patterns, split, self.spec, bool(self.by_place))

    def looks_at_places(self, train: EncodedSplit) -> bool:
        """Places mean something where all rows are windows of one length, unless the config says otherwise."""
        if self.spec.composition is None or self.limits.by_place is False:
            return False
        return bool(self.limits.by_place or train.lengths.min() == train.lengths.max())

    def scale(self, design: Design, given: FitRows) -> Weights:
        """(D, columns) how far each weight may go: by naive Bayes, the same for all, or between the two."""
        shares = {"naive-bayes": 0.0, "mixed": 0.5, "even": 1.0}
        letters = self.spec.composition is not None
        even = EVEN_SHARE[letters] if self.limits.weighting is None else shares[self.limits.weighting]
        ratios = log_ratios(design, given.train.labels, self.classes)
        mean = max(float(ratios.mean()), 1e-6) if even < 1.0 else 1.0
        return ((1.0 - even) * ratios + even * mean).astype(np.float32)

    def scale_logits(self, temperature: float) -> None:
        self.weight.div_(temperature)
        self.bias.div_(temperature)
