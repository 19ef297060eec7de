"""[rules]: what a row must be. Each rule has a policy: warn (count it), reject (set the row aside), fail (stop)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seqcls.config.base import Count, Positive, Section, Share

Policy = Literal["off", "warn", "reject", "fail"]
Bound = Annotated[float, Field(strict=False)]


class UserRule(Section):
    """A rule of the user's own over one measured column; every bound that is given must hold."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    measure: Literal["length", "missing_share", "minimum", "maximum", "mean", "deviation", "ambiguous_share", "matches"]
    """What is measured of each sequence; `matches` needs `pattern` (RE2) and counts 1 or 0."""
    at_least: Bound | None = None
    at_most: Bound | None = None
    pattern: str | None = None
    policy: Policy = "reject"


class RulesConfig(Section):
    """Rules for every kind."""

    reject_budget: Share = 0.05
    """Largest share of rows that may be rejected; more stops the run."""
    min_length: Positive = 1
    """Shortest sequence kept: words, letters, tokens or time points."""
    max_length: Positive | None = None
    """Longest sequence kept (this rejects; [encode].max_length cuts)."""
    length: Policy = "reject"
    empty: Policy = "reject"
    """Missing or blank sequence; `warn` still rejects what cannot be encoded."""
    missing_label: Policy = "reject"
    label_set: list[str] = []
    """Classes allowed; left out, the classes found."""
    unknown_label: Policy = "reject"
    duplicate_id: Policy = "reject"
    """Second and later rows of an id."""
    conflicting_label: Policy = "warn"
    """The same sequence with two classes: all its rows."""
    duplicate_row: Policy = "warn"
    """Second and later rows with the same sequence and class."""
    min_class_rows: Positive = 2
    """Fewest rows a class must have; fewer stops the run."""
    min_rows: Positive = 1
    """Fewest accepted rows; fewer stops the run."""
    custom: list[UserRule] = []


class TextRules(RulesConfig):
    min_letters: Count = 0
    """Fewest letters or digits in a text."""
    control_characters: Policy = "warn"
    """C0/C1 control characters: often a wrong encoding."""


class SeriesRules(RulesConfig):
    max_missing_share: Share = 0.5
    """Largest share of missing values in a series."""
    missing: Policy = "reject"
    constant: Policy = "warn"
    """All values equal."""
    channels: Positive | None = None
    """Number of channels every row must have; left out, that of the first row."""
    wrong_channels: Policy = "reject"


class ResidueRules(RulesConfig):
    max_ambiguous_share: Share = 0.1
    """Largest share of IUPAC ambiguity letters (N, R, Y ...; protein: X, B, Z, J)."""
    ambiguous: Policy = "reject"
    alphabet: Policy = "reject"
    """Letters outside the IUPAC alphabet; such a row cannot be encoded."""


class TokenRules(RulesConfig):
    pass
