"""Which column is the sequence, the class, the id, the time, the group."""

from __future__ import annotations

import re

from seqcls.detection.columns import PRINTED, WHOLE, Column, describe, is_comma_list, lengths
from seqcls.detection.found import Found
from seqcls.detection.wide import keep_the_tab, set_wide

LABEL = re.compile(
    r"^(label|class|klass|category|target|y|team|sentiment|species|diagnosis|activity|topic|intent|genre|location|state)"
    r"(_?(name|id))?s?$", re.I
)  # fmt: skip
SEQUENCE = re.compile(
    r"^(text|sequence|seq|message|sentence|review|body|content|tokens|series|signal|values?|dna|protein|mail|comment|"
    r"document|description|question|utterance)s?$", re.I
)  # fmt: skip
_ID = re.compile(r"(^|_|\b)(id|uuid|guid|accession|key|index|nr|no|number)$|^id[_-]|Id$|ID$", re.I)
_TIME = re.compile(r"time|date|when|created|written|_at$|timestamp", re.I)
_GROUP = re.compile(
    r"^(patient|subject|person|user|author|customer|group|cluster|family|client|speaker|session)(_?id)?$", re.I
)
ISO = re.compile(r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$")
_DNA = re.compile(r"^[ACGTUNacgtun]{5,}$")
_PROTEIN = re.compile(r"^[ACDEFGHIKLMNPQRSTVWYBXZUO]{5,}\*?$")
_TOKEN_LIST = re.compile(r"""^\s*\[\s*["'].*["']\s*\]\s*$""", re.S)
MOST_CLASSES = 100
FILL_IN = "FILL_IN"
"""A name that no column has: `check` stops at it."""


def give_roles(found: Found, columns: list[Column]) -> None:
    """Set the columns of a table, and the kind."""
    columns = [column for column in columns if column.texts]
    label = _label(columns)
    others = [column for column in columns if column is not label]
    series = [column for column in others if column.is_numbers]
    if any(column.is_list and not column.is_numbers and SEQUENCE.match(column.name) for column in others):
        series = []  # tokens beside lists of numbers that say something of them
    points = [column for column in others if column.is_number and not _ID.search(column.name)]
    taken = {id(label)}
    if series:
        taken |= _series(found, series)
    elif len(points) >= 5 and found.settings["format"] in ("csv", "tsv"):
        taken |= set_wide(found, points, columns, label)
    else:
        taken |= _letters(found, others)
    _set_label(found, label, others)
    _set_small_roles(found, [column for column in columns if id(column) not in taken])


def _label(columns: list[Column]) -> Column | None:
    """The column with few values, each several times; names and places that are usual count for it."""
    scores = [(_label_score(column, at == len(columns) - 1), -at, column) for at, column in enumerate(columns)]
    best = max(scores, key=lambda item: item[:2], default=None)
    return best[2] if best is not None and best[0] > 0 else None


def _label_score(column: Column, is_last: bool) -> float:
    rows, values = len(column.texts), len(column.counts)
    named = bool(LABEL.match(column.name))
    if column.is_list or values < 2 or values > MOST_CLASSES or column.mean_length > 60:
        return 0.0
    if not named and (values > max(2, rows // 4) or _TIME.search(column.name) or _GROUP.match(column.name)):
        return 0.0
    if not named and column.is_number and not all(WHOLE.match(text) for text in column.counts):
        return 0.0  # measurements that repeat
    if named and values > max(2, 0.6 * rows):
        return 0.0
    repeats = 1 - values / max(rows, 1)
    return repeats + 3 * named + 0.5 * (not column.is_number) + 0.2 * is_last


def _set_label(found: Found, label: Column | None, others: list[Column]) -> None:
    """A column, or the key of `key=value` folders."""
    if label is not None:
        found.set("label", label.name, describe(label.counts))
        if found.settings["format"] in ("csv", "tsv", "wide", "long") and any(t != t.strip() for t in label.counts):
            found.set("strip", True, "blanks stand around some classes")
        return
    by_key = [dict(part.split("=", 1) for part in path.parent.parts if "=" in part) for path in found.paths]
    for key in by_key[0]:
        values = {pairs.get(key) for pairs in by_key}
        if len(values) > 1 and None not in values:
            return found.set("label", key, f"folders such as {key}={by_key[0][key]}: {len(values)} values")
    names = ", ".join(repr(column.name) for column in others)
    found.ask("label", FILL_IN, f"no column has few values that repeat; the columns are {names}")


def _series(found: Found, series: list[Column]) -> set[int]:
    found.kind = "series"
    if found.settings["format"] == "tsv":
        keep_the_tab(found)
        found.set("format", "csv", "a table with lists of numbers")
    words = {word for column in series for text in column.texts[:100] for word in re.findall(r"None|N/?A\b", text)}
    if words and not series[0].is_list:
        found.set("missing", sorted(words), "words between the numbers")
    named = [column for column in series if SEQUENCE.match(column.name)]
    if len(series) == 1 or named:
        column = (named or series)[0]
        found.set("sequence", column.name, f"lists of numbers, such as {column.texts[0][:40]!r}")
        if not column.is_list and all(is_comma_list(text) for text in column.texts[:20]):
            found.set("decimal", ",", "numbers such as -0,31 with another sign between them")
        return {id(column)}
    found.set("channels", [column.name for column in series], f"{len(series)} columns of lists of numbers")
    return {id(column) for column in series}


def _letters(found: Found, others: list[Column]) -> set[int]:
    """Text, DNA, protein or tokens: the column with the longest values."""
    free = [c for c in others if not c.is_number and not (_TIME.search(c.name) and c.share(ISO) > 0.9)]
    free = [c for c in free if c.mean_length > 0 and not (_ID.search(c.name) and c.mean_words < 1.5)] or free
    if not free:
        names = ", ".join(repr(column.name) for column in others)
        found.ask("sequence", FILL_IN, f"no column holds texts, letters or lists; the other columns are {names}")
        return set()
    best = max(free, key=lambda c: (bool(SEQUENCE.match(c.name)), c.mean_length))
    _set_kind(found, best)
    if question := _no_sequence(found, best):
        found.ask("sequence", FILL_IN, question)
        return {id(best)}
    found.set("sequence", best.name, f"the longest values, {best.mean_length:.0f} characters on average")
    rivals = [c for c in free if c is not best and c.mean_words > 3 and c.mean_length > best.mean_length / 4]
    if rivals and not SEQUENCE.match(best.name):
        found.notes.append(f"other texts stand in {', '.join(repr(c.name) for c in rivals)}: is the sequence there?")
    return {id(best)}


def _no_sequence(found: Found, best: Column) -> str:
    """Why the longest values are no texts; "" if they may be."""
    if found.kind != "text":
        return ""
    if best.share(PRINTED) > 0.9:
        return f"{best.name!r} holds what a program printed, such as {best.texts[0][:40]!r}: write plain lists"
    repeats = len(best.counts) < 0.5 * len(best.texts)
    if not SEQUENCE.match(best.name) and ((repeats and best.mean_words < 2) or _TIME.search(best.name)):
        return f"no column holds texts; the longest values stand in {best.name!r}, such as {best.texts[0][:40]!r}"
    return ""


def _set_kind(found: Found, best: Column) -> None:
    if best.is_list or best.share(_TOKEN_LIST) > 0.9:
        found.kind = "tokens"
    elif best.share(_DNA) > 0.9:
        found.kind = "dna"
    elif best.share(_PROTEIN) > 0.9 and best.mean_length > 8:
        found.kind = "protein"
    if found.kind == "text":
        lengths(found, [len(text.split()) for text in best.texts])
    elif found.kind in ("dna", "protein"):
        lengths(found, [len(text) for text in best.texts])
    elif best.is_list:
        lengths(found, [len(value) for value in best.values if isinstance(value, list)])


def _set_small_roles(found: Found, columns: list[Column]) -> None:
    for column in columns:
        if column.is_list:
            continue
        rows, values = len(column.texts), len(column.counts)
        if "id" not in found.settings and _ID.search(column.name) and not _GROUP.match(column.name):
            if values == rows == len(column.values):
                found.set("id", column.name, f"{rows} rows, {values} different values")
        elif "time" not in found.settings and _TIME.search(column.name) and column.share(ISO) > 0.95:
            found.set("time", column.name, f"times such as {column.texts[0]}")
        elif "time" not in found.settings and _TIME.search(column.name) and (form := _form_of_times(column)):
            found.set("time", column.name, f"times such as {column.texts[0]}")
            found.set("time_format", form, "days before months, as the points between them say")
        elif "group" not in found.settings and _GROUP.match(column.name) and 2 < values < rows:
            found.set("group", column.name, f"{values} values in {rows} rows; each stays in one split")


def _form_of_times(column: Column) -> str:
    """The form of German dates; of others nobody knows whether the month comes first."""
    for more in ("", " %H:%M", " %H:%M:%S"):
        pattern = r"^\d\d\.\d\d\.\d{4}" + re.sub("%.", r"\\d\\d", more) + "$"
        if column.share(re.compile(pattern)) > 0.95:
            return f"%d.%m.%Y{more}"
    return ""
