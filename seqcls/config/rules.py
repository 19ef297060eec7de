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
    """Name of the rule: lower-case letters, digits and underscores."""
    measure: Literal["length", "missing_share", "minimum", "maximum", "mean", "deviation", "ambiguous_share", "matches"]
    """What is measured in each sequence; `matches` needs `pattern` (RE2) and gives 1 or 0."""
    at_least: Bound | None = None
    """Minimum value."""
    at_most: Bound | None = None
    """Maximum value."""
    pattern: str | None = None
    """matches: RE2 pattern."""
    policy: Policy = "reject"
    """What happens to a row that breaks the rule."""


class RulesConfig(Section):
    """Rules for every kind."""

    reject_budget: Share = 0.05
    """Maximum share of rejected rows; above it, the run stops."""
    min_length: Positive = 1
    """Minimum length: words, letters, tokens or time points."""
    max_length: Positive | None = None
    """Maximum length (longer rows are rejected here; [encode].max_length truncates)."""
    length: Policy = "reject"
    """Sequence shorter than min_length or longer than max_length."""
    empty: Policy = "reject"
    """Missing or blank sequence; `warn` still rejects what cannot be encoded."""
    missing_label: Policy = "reject"
    """Training row without a class."""
    label_set: list[str] = []
    """Allowed classes. Left out: the classes found."""
    unknown_label: Policy = "reject"
    """Class outside label_set."""
    duplicate_id: Policy = "reject"
    """Second and later rows with the same id."""
    conflicting_label: Policy = "warn"
    """The same sequence with different classes: all its rows."""
    duplicate_row: Policy = "warn"
    """Second and later rows with the same sequence and class."""
    similar_label: Literal["off", "warn", "fail"] = "warn"
    """Classes that a person cannot tell apart (case, blanks, invisible letters, 1 and 1.0), or that look like a missing
    value (NULL, nan, ?)."""
    min_class_rows: Positive = 2
    """Minimum number of rows per class; below it, the run stops."""
    min_rows: Positive = 1
    """Minimum number of accepted rows; below it, the run stops."""
    custom: list[UserRule] = []
    """Your own rules."""

    later_keys = frozenset({"similar_label"})


class TextRules(RulesConfig):
    min_letters: Count = 0
    """Minimum number of letters and digits in a text."""
    control_characters: Policy = "warn"
    """C0 or C1 control characters: often the sign of a wrong encoding."""
    damaged_text: Policy = "warn"
    """Text with U+FFFD, decoded twice (an accented letter became two signs), or of nothing but invisible characters."""

    later_keys = RulesConfig.later_keys | {"damaged_text"}


class SeriesRules(RulesConfig):
    max_missing_share: Share = 0.5
    """Maximum share of missing values in a series."""
    missing: Policy = "reject"
    """Series with a larger share of missing values than max_missing_share."""
    constant: Policy = "warn"
    """Series whose values are all equal."""
    channels: Positive | None = None
    """Number of channels that every row must have. Left out: that of the first row."""
    wrong_channels: Policy = "reject"
    """Series with another number of channels."""


class ResidueRules(RulesConfig):
    max_ambiguous_share: Share = 0.1
    """Maximum share of IUPAC ambiguity letters (dna: N, R, Y ...; protein: X, B, Z, J)."""
    ambiguous: Policy = "reject"
    """Sequence with a larger share of ambiguity letters than max_ambiguous_share."""
    alphabet: Policy = "reject"
    """Letters outside the IUPAC alphabet; such a row cannot be encoded."""


class TokenRules(RulesConfig):
    pass
