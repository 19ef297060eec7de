"""The pipeline file that `seqcls init` writes for one kind of sequence.

In: a kind. Out: TOML text. Promise: it loads as it stands; every further key that the kind can use stands in it
behind `# `, with its default (or an example where there is none) and the sentence that documents it in
`seqcls/config/`, so that the template cannot fall behind the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Annotated, Any, Final, Literal, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from seqcls.config.alert import AlertConfig
from seqcls.config.base import Section
from seqcls.config.encode import EncodeConfig, ResidueEncode, SeriesEncode, TextEncode, TokenEncode
from seqcls.config.model import find_family
from seqcls.config.pipeline import Pipeline
from seqcls.config.promote import PromoteConfig
from seqcls.config.rules import ResidueRules, RulesConfig, SeriesRules, TextRules, TokenRules
from seqcls.config.schedule import ScheduleConfig
from seqcls.config.schema import SCHEMA_FILE
from seqcls.config.source import Format, SourceConfig
from seqcls.config.source_keys import USED
from seqcls.config.train import ScoreConfig, SplitConfig, TrainConfig
from seqcls.errors import one_line
from seqcls.table import Kind

Values = Mapping[str, object]


@dataclass(frozen=True)
class _Start:
    """What differs between kinds: the keys that are set, and the classes of the sections."""

    about: str
    source: Values
    encode: Values
    model: Values
    rules_class: type[RulesConfig]
    encode_class: type[EncodeConfig]

    @property
    def family(self) -> str:
        return str(self.model["family"])


_START: Final[Mapping[Kind, _Start]] = {
    "text": _Start(
        "texts, such as reviews or messages",
        {"format": "csv", "files": ["data/*.csv"], "sequence": "text", "label": "label"},
        {"unit": "words", "max_length": 100},
        {"family": "lstm", "embedding": 128, "width": 128},
        TextRules,
        TextEncode,
    ),
    "series": _Start(
        "numbers over time: one or many channels, maybe of unequal length, maybe with missing values",
        {"format": "wide", "files": ["data/*.csv"], "values": ["v*"], "label": "label"},
        {"normalise": "series"},
        {"family": "cnn", "filters": [32, 64], "kernel": 5, "pool": 2},
        SeriesRules,
        SeriesEncode,
    ),
    "dna": _Start(
        "DNA or RNA",
        {"format": "fasta", "files": ["data/*.fa"], "label_pattern": "class=(?P<label>[^ ]+)"},
        {"unit": "residues", "max_length": 150},
        {"family": "hybrid", "embedding": 32, "filters": [64], "kernel": 9},
        ResidueRules,
        ResidueEncode,
    ),
    "protein": _Start(
        "proteins and peptides",
        {"format": "fasta", "files": ["data/*.fa"], "labels": {"binders*.fa": "binder", "others*.fa": "other"}},
        {"unit": "residues", "max_length": 500},
        {"family": "hybrid", "embedding": 32, "filters": [64], "kernel": 7},
        ResidueRules,
        ResidueEncode,
    ),
    "tokens": _Start(
        "sequences of names, such as events, clicks or codes",
        {"format": "jsonl", "files": ["data/*.jsonl"], "sequence": "tokens", "label": "label"},
        {"max_length": 200},
        {"family": "gru", "embedding": 64, "width": 64},
        TokenRules,
        TokenEncode,
    ),
}

# Shown for keys whose default is nothing at all; SECTION.KEY comes before KEY.
_EXAMPLES: Final[Values] = {
    "ledger_env": "SEQCLS_LEDGER_URL",
    "files": ["incoming/*.csv"],
    "train": ["data/train.csv"],
    "valid": ["data/valid.csv"],
    "test": ["data/test.csv"],
    "id": "id",
    "time": "written_at",
    "time_format": "%d.%m.%Y %H:%M",
    "SourceConfig.split": "split",
    "group": "patient",
    "delimiter": ";",
    "quoting": False,
    "columns": ["label", "sequence"],
    "pattern": "^(?P<label>[A-Z]+):(?P<sequence>.*)$",
    "label_from": "file",
    "labels": {"*.pos": "positive", "*.neg": "negative"},
    "label_files": ["data/labels.txt"],
    "label_table": {"file": "data/labels.csv", "id": "id", "label": "class"},
    "classes": {"Pos ": "pos"},
    "escape": "\\",
    "label_pattern": "class=(?P<label>[^ ]+)",
    "values": ["v*"],
    "channels": ["x", "y", "z"],
    "channel_files": ["acc_x", "acc_y"],
    "url_env": "SEQCLS_SOURCE_URL",
    "table": "public.rows",
    "query": "SELECT id, sequence, label FROM rows ORDER BY id",
    "missing": ["NA"],
    "max_length": 500,
    "SeriesRules.channels": 3,
    "label_set": ["negative", "positive"],
    "custom": [{"name": "not_too_long", "measure": "length", "at_most": 500.0, "policy": "reject"}],
    "abstain_precision": 0.95,
    "done_marker": ".done",
    "most_ece": 0.05,
    "to_env": ["SEQCLS_ALERT_URL"],
    "night_by": "06:00",
    "behaviour": [{"change": "shift", "at_least": 0.95}],
    "ScheduleConfig.train": "0 3 * * sun",
    "ScheduleConfig.score": "30 1 * * *",
    "floors": [{"metric": "balanced_accuracy", "at_least": 0.8}],
}
_SERIES_ONLY: Final = frozenset({"channels", "channel_files", "decimal", "missing", "values"})
"""Keys of [source] that have a use for series only."""
_UNSET: Final[tuple[object, ...]] = (None, [], {})
_SECTIONS: Final = (
    "source",
    "split",
    "rules",
    "encode",
    "model",
    "train",
    "promote",
    "schedule",
    "score",
    "labels",
    "alert",
)


@dataclass(frozen=True)
class Filled:
    """What detection found, to be written instead of the example of a kind."""

    name: str
    head: Sequence[str]
    """Comment lines under the first line."""
    source: Values
    encode: Values
    grounds: Mapping[str, str]
    """Key -> the comment behind it, instead of its documentation."""


def template(kind: Kind, filled: Filled | None = None) -> str:
    """A commented pipeline file for one kind of sequence."""
    start, name, grounds = _START[kind], f"my-{kind}", {}
    if filled is not None:
        name, grounds = filled.name, dict(filled.grounds)
        start = replace(start, source=filled.source, encode={**start.encode, **filled.encode})
    todo = ["# Put the names of your files and columns into [source], then run `seqcls check` on this file."]
    used = USED[cast(Format, start.source["format"])] - (frozenset() if kind == "series" else _SERIES_ONLY)
    elsewhere = tuple(SourceConfig.model_fields.keys() - used)
    return "\n".join(
        [
            f"#:schema ./{SCHEMA_FILE}",
            f"# A pipeline for {start.about}. Editors with TOML support complete and check it by the schema above.",
            *(todo if filled is None else [f"# {line}" for line in filled.head]),
            "# A line like `# key = value` shows a further key and its default, or where it is (not set) an example;",
            "# remove the `# ` to use it. Paths are relative to this file.",
            "",
            *_keys(Pipeline, {"name": name, "kind": kind}, _SECTIONS, grounds),
            *_section(
                "source", "where the rows are and what they look like", SourceConfig, start.source, elsewhere, grounds
            ),
            *_section("split", "how rows are divided", SplitConfig, {"valid": 0.1, "test": 0.2}),
            *_section(
                "rules", "what a row must be; warn counts it, reject sets it aside, fail stops", start.rules_class
            ),
            *_section(
                "encode", "how sequences become numbers", start.encode_class, start.encode, ("pretrained",), grounds
            ),
            *_section("model", "the network: cnn, rnn, lstm, gru or hybrid", find_family(start.family), start.model),
            *_section("train", "how it is trained", TrainConfig, {"epochs": 30}),
            *_section("promote", "when a model becomes champion", PromoteConfig, {"beat_baseline": True}),
            *_section(
                "schedule", "when it runs by itself, once `seqcls deploy` has put it on a server", ScheduleConfig
            ),
            *_section("score", "new data, and where its scores go", ScoreConfig, _scoring(start), ("source",)),
            *_section("alert", "who is told when something needs a person", AlertConfig, {"file": "alerts.jsonl"}),
            "# [score.source]  a second [source], where new data is written differently",
            "# [labels]  classes of scored rows that become known later: files, id, label; `seqcls labels` compares",
            "",
        ]
    )


def _scoring(start: _Start) -> Values:
    """New files are expected in a folder of their own, called as those of the training."""
    named = start.source.get("files") or start.source["train"]
    assert isinstance(named, list)
    endings = dict.fromkeys(f"incoming/{_any_of(PurePath(name).name)}" for name in named)
    return {"files": list(endings), "output": "scores"}


def _any_of(name: str) -> str:
    """`*.csv` for the name of one file."""
    return (
        name
        if "*" in name
        else "*" + "".join(PurePath(name).suffixes[-2 if name.endswith((".gz", ".bz2", ".xz", ".zst")) else -1 :])
    )


def _section(
    name: str, about: str, section: type[Section], given: Values | None = None, left_out: tuple[str, ...] = (),
    grounds: Mapping[str, str] | None = None,
) -> list[str]:  # fmt: skip
    return ["", f"[{name}] # {about}", *_keys(section, given or {}, left_out, grounds or {})]


def _keys(
    section: type[Section], given: Values, left_out: tuple[str, ...], grounds: Mapping[str, str]
) -> list[str]:  # fmt: skip
    """Given keys first, as they are; then every other key of the section, commented out."""
    fields = section.model_fields
    others = [name for name in fields if name not in given and name not in left_out]
    lines = [
        f"{name} = {_toml(given[name])}  # {one_line(grounds[name])}" if name in grounds
        else _line(name, fields[name], given[name], "") for name in given
    ]  # fmt: skip
    return lines + [_line(name, fields[name], _shown(section, name), "# ") for name in others]


def _shown(section: type[Section], name: str) -> object:
    default = section.default_of(name)
    if default not in _UNSET:
        return default
    own = f"{section.__name__}.{name}"  # where two sections have a key of one name but another type
    return _EXAMPLES[own if own in _EXAMPLES else name]


def _line(name: str, field: FieldInfo, value: object, mark: str) -> str:
    """`key = value` and, as a comment, what the key means and the values allowed."""
    choices = _choices(field.annotation)
    is_example = mark and field.get_default(call_default_factory=True) in _UNSET
    comment = " ".join(
        part
        for part in (
            "(not set)" if is_example else "",
            " ".join((field.description or "").split()),
            f"[{' | '.join(choices)}]" if len(choices) > 1 else "",
        )
        if part
    )
    written = f"{mark}{name} = {_toml(value)}"
    return f"{written:<34} # {comment}" if comment else written


def _choices(annotation: Any) -> list[str]:
    """The values of a Literal, through Annotated and `| None`."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
    return next((found for part in inner if (found := _choices(part))), [])


def _toml(value: object) -> str:
    """A TOML value on one line; JSON's strings, numbers and arrays are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(part)}" for name, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else json.dumps(name)
