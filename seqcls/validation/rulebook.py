"""[rules] -> the rules of a pipeline, each declared once, in the order of the report.

In: what the caller asked for, and what the census found. Out: `Rule` records. Promise: a policy of the config is
followed, unless a row could not be encoded: then the rule rejects, and its `override` says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqcls.config.pipeline import Pipeline
from seqcls.config.rules import Policy, ResidueRules, RulesConfig, SeriesRules, TextRules, UserRule
from seqcls.errors import ConfigRefused
from seqcls.table import Kind
from seqcls.validation.profile import check_pattern
from seqcls.validation.rules import Rule


@dataclass(frozen=True)
class Asked:
    """The arguments of a call of `validate`."""

    pipeline: Pipeline
    labelled: bool
    """False for scoring: no rule about classes."""
    budget: float
    """Share of the rows that may be rejected."""
    allowed: tuple[str, ...]
    """Allowed classes; empty for all."""


def build_rules(asked: Asked, *, classes: Sequence[str], channels: int) -> list[Rule]:
    """All rules that are not off.

    `classes` are those found (their indices are the codes of the profile), `channels` is the number of channels of
    the first series.
    """
    config = asked.pipeline.rules
    rules = _sequence_rules(config, channels) + _identity_rules(config, asked.labelled)
    if not asked.labelled and not getattr(config, "channels", 0):
        # The model says how many there must be (scoring/score_table.py), not the first row of a file.
        rules = [rule for rule in rules if rule.name != "wrong_channels"]
    if asked.labelled:
        rules += _label_rules(config, classes, asked.allowed)
    rules += [_user_rule(rule, asked.pipeline.kind) for rule in config.custom]
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise ConfigRefused(
                f"two rules are named {rule.name!r}", where="rules.custom", next_step="give the rule another name"
            )
        seen.add(rule.name)
    return [rule for rule in rules if rule.policy != "off"]


def build_class_rule(config: RulesConfig) -> Rule:
    """Checks one number for each class: its accepted rows."""
    least = config.min_class_rows
    return Rule("min_class_rows", "label", "fail", "class_rows", "has {value} rows", f"at least {least} rows a class",
                at_least=least)  # fmt: skip


def build_size_rule(config: RulesConfig) -> Rule:
    """Checks one number: the accepted rows."""
    return Rule("min_rows", "", "fail", "accepted", "{value} rows are left", f"at least {config.min_rows} rows",
                at_least=config.min_rows)  # fmt: skip


def _sequence_rules(config: RulesConfig, channels: int) -> list[Rule]:
    most = config.max_length
    lengths = f"{config.min_length} to {most}" if most else f"at least {config.min_length}"
    rules = [
        _needed("empty", config.empty, "length", "sequence is missing or blank", "a sequence", present=True),
        Rule("length", "sequence", config.length, "length", "length is {value}", lengths,
             at_least=config.min_length, at_most=most),
    ]  # fmt: skip
    if isinstance(config, TextRules):
        return rules + _text_rules(config)
    if isinstance(config, SeriesRules):
        return rules + _series_rules(config, channels)
    if isinstance(config, ResidueRules):
        return rules + _residue_rules(config)
    return [
        *rules,
        _needed("missing_token", "reject", "missing_tokens", "{value} tokens are missing", "none", at_most=0),
    ]


def _text_rules(config: TextRules) -> list[Rule]:
    least = config.min_letters
    return [
        Rule("min_letters", "sequence", "reject" if least else "off", "letters", "{value} letters or digits",
             f"at least {least}", at_least=least),
        Rule("control_characters", "sequence", config.control_characters, "controls", "{value} control characters",
             "none (often the file has another encoding)", at_most=0),
        Rule("damaged_text", "sequence", config.damaged_text, "damage", "{value} signs of damage (U+FFFD, text decoded "
             "twice, or nothing visible)", "text that was decoded once, in the right encoding", at_most=0),
    ]  # fmt: skip


def _series_rules(config: SeriesRules, channels: int) -> list[Rule]:
    wanted = config.channels or channels
    most = config.max_missing_share
    return [
        _needed("finite", "reject", "not_finite", "{value} values are not finite", "finite values", at_most=0),
        _needed("even_channels", "reject", "uneven", "the channels differ in length", "one length for all", at_most=0),
        replace(_needed("wrong_channels", config.wrong_channels, "channels", "{value} channels", f"{wanted} channels",
                        at_most=wanted), at_least=wanted),
        Rule("missing", "sequence", config.missing, "missing_share", "the share of missing values is {value}",
             f"at most {most:g}", at_most=most),
        Rule("constant", "sequence", config.constant, "constant", "no channel changes", "values that change",
             at_most=0),
    ]  # fmt: skip


def _residue_rules(config: ResidueRules) -> list[Rule]:
    most = config.max_ambiguous_share
    return [
        _needed("alphabet", config.alphabet, "foreign", "{value} letters outside the alphabet{place}",
                "IUPAC letters", at_most=0),
        Rule("ambiguous", "sequence", config.ambiguous, "ambiguous_share", "the share of ambiguous letters is {value}",
             f"at most {most:g}", at_most=most),
    ]  # fmt: skip


def _identity_rules(config: RulesConfig, labelled: bool) -> list[Rule]:
    rules = [
        Rule("duplicate_id", "id", config.duplicate_id, "repeated_id", "an earlier row has the same id",
             "each id once", at_most=0),
    ]  # fmt: skip
    if not labelled:  # a new row is scored even if it repeats another
        return rules
    return [
        *rules,
        Rule("conflicting_label", "label", config.conflicting_label, "sequence_classes",
             "the sequence stands with {value} classes", "one class a sequence", at_most=1),
        Rule("duplicate_row", "sequence", config.duplicate_row, "repeated_row",
             "an earlier row has the same sequence and class", "each once", at_most=0),
    ]  # fmt: skip


def _label_rules(config: RulesConfig, classes: Sequence[str], allowed: Sequence[str]) -> list[Rule]:
    codes = tuple(code for code, name in enumerate(classes) if name in set(allowed))
    missing = _needed("missing_label", config.missing_label, "label", "label is missing", "a class", present=True)
    rules = [replace(missing, column="label")]
    if allowed:
        rules.append(
            Rule("unknown_label", "label", config.unknown_label, "label", "label is {value}",
                 "one of " + _listed(allowed), among=codes or (-1,), names=tuple(map(repr, classes)))
        )  # fmt: skip
    return rules


MEASURED: dict[Kind, frozenset[str]] = {
    "text": frozenset({"length", "matches"}),
    "series": frozenset({"length", "missing_share", "minimum", "maximum", "mean", "deviation"}),
    "dna": frozenset({"length", "ambiguous_share", "matches"}),
    "protein": frozenset({"length", "ambiguous_share", "matches"}),
    "tokens": frozenset({"length"}),
}


def _user_rule(rule: UserRule, kind: Kind) -> Rule:
    where = f"rules.custom ({rule.name})"
    if rule.measure not in MEASURED[kind]:
        raise ConfigRefused(f"{rule.measure!r} is not measured of {kind}", where=where,
                            expected="one of " + ", ".join(sorted(MEASURED[kind])),
                            next_step="choose a measure")  # fmt: skip
    if (rule.pattern is not None) != (rule.measure == "matches"):
        raise ConfigRefused(f"measure is {rule.measure!r}, pattern is {rule.pattern!r}", where=where,
                            expected='a pattern for measure = "matches", and for no other',
                            next_step="add or remove the pattern")  # fmt: skip
    low, high = rule.at_least, rule.at_most
    if rule.pattern is not None:
        check_pattern(rule.pattern, where)
        low = 1.0 if low is None and high is None else low
    if low is None and high is None:
        raise ConfigRefused("neither at_least nor at_most", where=where, expected="a bound, or both",
                            next_step="give one of them")  # fmt: skip
    if low is not None and high is not None and low > high:
        raise ConfigRefused(f"at_least {low:g} is above at_most {high:g}", where=where, expected="at_least <= at_most",
                            next_step="swap them, if that is what you meant")  # fmt: skip
    bounds = " and ".join(
        f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None
    )
    measure: str = rule.measure
    says = f"{measure.replace('_', ' ')} is {{value}}"
    if rule.pattern is not None:
        measure, says = f"matches_{rule.name}", "matches of the pattern: {value}"
        bounds += f" of {rule.pattern}"
    if rule.measure in ("minimum", "maximum"):  # values are float32: 0.1 in the file must equal 0.1 in the config
        low, high = (None if bound is None else float(np.float32(bound)) for bound in (low, high))
    return Rule(
        rule.name, "sequence", rule.policy, measure, says, bounds, at_least=low, at_most=high, pattern=rule.pattern
    )


def _needed(name: str, policy: Policy, measure: str, says: str, expected: str, *, present: bool = False,
            at_most: float | None = None) -> Rule:  # fmt: skip
    """A rule that always rejects, since a row that breaks it cannot be encoded."""
    override = (
        "" if policy in ("reject", "fail") else f"{name} = {policy!r} still rejects: such a row cannot be encoded"
    )
    return Rule(name, "sequence", "reject" if override else policy, measure, says, expected,
                at_most=at_most, present=present, override=override)  # fmt: skip


def _listed(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
