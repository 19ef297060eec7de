"""Which keys of [source] each format uses. One that it does not use would be set in vain: that is a fault.

Source of each entry: the reader of the format in `seqcls/sources/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from seqcls.config.source import Format, SourceConfig

_FILES: Final = frozenset(
    {"format", "classes", "files", "train", "valid", "test", "checksums", "max_row_bytes", "max_file_bytes"}
)
_ROLES: Final = frozenset({"label", "id", "time", "time_zone", "time_format", "group", "split", "extra_columns"})
_FIELDS: Final = frozenset(
    {
        "encoding", "delimiter", "quoting", "quote", "escape", "max_quoted_lines", "skip_lines", "header", "columns",
        "strip",
    }
)  # fmt: skip
_NUMBERS: Final = frozenset({"decimal", "missing"})
_BY_NAME: Final = frozenset({"sequence", "channels"})
_OF_THE_FILE: Final = frozenset({"labels", "label_from", "label_table"})
_APART: Final = frozenset({"label_files", "label_table"})
_DELIMITED: Final = _FILES | _ROLES | _FIELDS | _NUMBERS | _BY_NAME | _OF_THE_FILE | _APART
_HEADERS: Final = _FILES | _OF_THE_FILE | _APART | {"label_pattern"}

USED: Final[dict[Format, frozenset[str]]] = {
    "csv": _DELIMITED,
    "tsv": _DELIMITED,
    "jsonl": _FILES | _ROLES | _NUMBERS | _BY_NAME | _OF_THE_FILE | _APART | {"encoding"},
    "parquet": _FILES | _ROLES | _NUMBERS | _BY_NAME | _OF_THE_FILE | _APART | {"values"},
    "arrow": _FILES | _ROLES | _NUMBERS | _BY_NAME | _OF_THE_FILE | _APART | {"values"},
    "numpy": _FILES | _OF_THE_FILE | _APART | {"sequence", "label", "id"},
    **dict.fromkeys(("label-studio", "doccano", "prodigy"), _FILES | _ROLES | {"sequence", "encoding"}),
    "folder": _FILES | _OF_THE_FILE | {"encoding"},
    "lines": _FILES | _OF_THE_FILE | {"encoding", "strip", "pattern", "label_files"},
    "fasttext": _FILES | {"encoding"},
    "ucr": _FILES | _NUMBERS | {"encoding", "delimiter", "channel_files"},
    "ts": _FILES | {"encoding"},
    "arff": _FILES | {"encoding", "label", "id"},
    "wide": _FILES | _ROLES | _FIELDS | _NUMBERS | _OF_THE_FILE | _APART | {"values", "channel_files"},
    "recording": _FILES | _ROLES | _FIELDS | _NUMBERS | _OF_THE_FILE | {"channels", "channel_files", "position"},
    "long": _FILES | _ROLES | _FIELDS | _NUMBERS | {"label_table", "channel", "channels", "value", "position"},
    "fasta": _HEADERS,
    "fastq": _HEADERS,
    "sql": _ROLES | _NUMBERS | _BY_NAME | {"classes", "format", "url_env", "table", "query"},
}
_INSTEAD: Final = {
    (form, key): f"source.label_pattern with a group (?P<{key}>...) takes it from the header"
    for form in ("fasta", "fastq") for key in ("id", "group", "time")
}  # fmt: skip


def unused_keys(section: str, source: SourceConfig) -> Iterator[str]:
    """A sentence for each key that is set and that the format does not use."""
    for name in sorted(source.model_fields_set - USED[source.format]):
        if getattr(source, name) != source.default_of(name):
            instead = _INSTEAD.get((source.format, name), "remove it")
            yield f"{section}.{name}: format {source.format!r} does not use it; {instead}"
