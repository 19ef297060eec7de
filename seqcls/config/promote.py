"""[promote]: what a model must show before it becomes champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from seqcls.config.base import Count, Duration, Section, Share
from seqcls.table import Kind

CHANGES: Mapping[str, frozenset[str]] = {
    "padding": frozenset({"text", "dna", "protein"}),
    "case": frozenset({"text", "dna", "protein"}),
    "strand": frozenset({"dna"}),
    "noise": frozenset({"series"}),
    "shift": frozenset({"text", "series", "dna", "protein", "tokens"}),
}
"""Change of [[promote.behaviour]] -> the kinds of sequences for which it means something."""
Number = Annotated[float, Field(strict=False)]


class Floor(Section):
    metric: Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc"]
    """Metric on the test split."""
    at_least: Number
    """Minimum value."""


class Behaviour(Section):
    change: Literal["padding", "case", "strand", "noise", "shift"]
    """What is done to each test row. padding (text, dna, protein): blanks, N or X at both ends; case (text, dna,
    protein): upper case for text, lower case for the others; strand (dna): the reverse complement; noise (series): 1 %
    of the standard deviation; shift: the first character, token or value is left out."""
    at_least: Share
    """Minimum share of the test rows whose predicted class stays the same."""


class PromoteConfig(Section):
    """The gate before a model becomes champion."""

    later_keys: ClassVar = frozenset(
        {"rule", "class_recall", "most_ece", "min_test_rows", "behaviour", "approval", "remind_after", "expire_after"}
    )

    floors: list[Floor] = []
    """Minimum metrics on the test split."""
    class_recall: Share = 0.0
    """Minimum recall of every class on the test split."""
    most_ece: Share | None = None
    """Maximum calibration error (ECE) on the test split."""
    min_test_rows: Count = 0
    """Minimum number of test rows, also of those that are left to compare the new model with the champion."""
    compare: Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc"] = "balanced_accuracy"
    """Metric that compares the new model with the champion, on the same test rows. Rows that the champion learned from
    (its training and validation splits) are left out."""
    rule: Literal["estimate", "not_worse", "better"] = "estimate"
    """estimate: the difference is at least minus the tolerance; not_worse: so is the lower end of its 95 % interval;
    better: the lower end is above 0, so that equal models do not replace each other."""
    tolerance: Share = 0.0
    """How much worse than the champion a new model may be; not for rule = "better"."""
    beat_baseline: bool = False
    """Refuse a model that is not better than the trivial baseline (always the most frequent class), or that is shown to
    be worse than the linear baseline (the 95 % interval of the difference in balanced accuracy is below 0)."""
    every_class_predicted: bool = True
    """Refuse a model that never predicts one of the classes on the test split; turn it off for very rare classes."""
    behaviour: list[Behaviour] = []
    """Changes that must not change the answers."""
    automatic: bool = True
    """Promote at the end of training if every check passes; otherwise wait for `seqcls promote`."""
    approval: Literal["none", "person"] = "none"
    """person: a model that passes every check waits for a person's yes or no, `seqcls promote CONFIG --yes --why TEXT`
    or `--no --why TEXT`. No process waits: runs and commands go on with the champion."""
    remind_after: Duration = "24h"
    """approval = "person": a waiting decision is shown, and told by [alert], again after each such time."""
    expire_after: Duration = "168h"
    """approval = "person": without an answer after this time the answer is no."""

    def misfits(self, kind: Kind) -> Iterator[str]:
        """Changes that mean nothing for this kind of sequence."""
        for item in self.behaviour:
            if kind not in CHANGES[item.change]:
                kinds = ", ".join(sorted(CHANGES[item.change]))
                yield f'promote.behaviour: change = "{item.change}" is for {kinds}, but kind is {kind!r}'

    @model_validator(mode="after")
    def _tolerance_is_used(self) -> PromoteConfig:
        if self.rule == "better" and self.tolerance:
            raise ValueError('rule = "better" uses no tolerance; leave it out, or set rule = "not_worse"')
        return self

    @model_validator(mode="after")
    def _approval_is_asked_for(self) -> PromoteConfig:
        unused = [name for name in ("remind_after", "expire_after") if getattr(self, name) != self.default_of(name)]
        if self.approval == "none" and unused:
            raise ValueError(f'{unused[0]} is for approval = "person"; leave it out, or set approval')
        if self.approval == "person" and not self.automatic:
            raise ValueError('approval = "person" asks a person in any case; leave automatic out')
        return self
