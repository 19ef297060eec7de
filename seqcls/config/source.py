"""[source]: where the rows are and what they look like. The same section serves training and scoring."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from seqcls.config.base import Bytes, LocalPath, Positive, Section, Variable

Format = Literal[
    "csv", "tsv", "jsonl", "parquet", "folder", "lines", "fasttext",
    "ucr", "ts", "arff", "wide", "long", "fasta", "fastq", "sql",
]  # fmt: skip
FORMATS_FOR_SERIES: frozenset[str] = frozenset({"ucr", "ts", "arff", "wide", "long", "jsonl", "parquet", "csv", "sql"})
ANY_TEXT = '"A..b",' + 80 * "x" + "\n"
"""What a file may hold: an encoding that does not read it back is none for files."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
FileName = Annotated[LocalPath, Field(min_length=1, max_length=200)]


class SourceConfig(Section):
    """Columns are named as in the input; files may be names, folders or globs, relative to the config file."""

    format: Format
    """How the files are written."""
    files: list[FileName] = []
    """Files, folders or globs; split into train, valid and test by [split]."""
    train: list[FileName] = []
    """Files of a given training split."""
    valid: list[FileName] = []
    """Files of a given validation split; left out, [split].valid is taken from the training files (0: trained on)."""
    test: list[FileName] = []
    """Files of a given test split; left out, [split].test is taken from the training files."""

    sequence: Name = "sequence"
    """Column (or JSON key) of the sequence."""
    label: Name = "label"
    """Column of the class."""
    id: Name | None = None
    """Column of the row's own name; left out, the id is FILE:ROW."""
    time: Name | None = None
    """Column of an ISO 8601 time."""
    time_zone: Name = "UTC"
    """IANA zone of times that carry none."""
    group: Name | None = None
    """Column of the group (patient, author): never in two splits."""

    encoding: Name = "utf-8"
    """Text encoding of the files, such as utf-8 or cp1252."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """One character between fields; left out: comma for csv, tab for tsv."""
    quoting: bool | None = None
    """Whether a double quote opens a field; left out: yes for csv, no for tsv."""
    header: bool = True
    """Whether the first record names the columns."""
    columns: list[Name] = []
    """Names of the columns of a file without header, in order."""
    strip: bool = False
    """Remove blanks and tabs around every field."""
    pattern: str | None = None
    """lines: RE2 pattern with the groups (?P<sequence>...), and maybe (?P<label>...) and (?P<id>...)."""
    label_from: Literal["column", "file", "folder", "header", "pattern", "labels"] | None = None
    """Where the class stands; left out: the usual place of the format."""
    labels: dict[str, str] = {}
    """File name (glob) -> class, for formats with one class a file."""
    label_files: list[FileName] = []
    """lines: files with one class a line, parallel to `files` (or to train + valid + test, in that order)."""
    label_pattern: str | None = None
    """fasta, fastq: RE2 pattern with the group (?P<label>...) on the header line."""

    values: list[Name] = []
    """wide: columns of the values in order of time (one channel); a trailing * stands for any ending."""
    channel: Name = "channel"
    """long: column that names the channel."""
    channels: list[Name] = []
    """Names of the channels in order; csv/jsonl/parquet series: one column a channel. long: left out, sorted."""
    value: Name = "value"
    """long: column of the value."""
    position: Name = "time"
    """long: column of the position in the series (a number)."""

    url_env: Variable | None = None
    """sql: name of the environment variable that holds the database URL (never the URL itself)."""
    table: Name | None = None
    """sql: table to read, such as reviews or public.reviews."""
    query: str | None = None
    """sql: one SELECT statement, instead of `table`; needs `order_by`-stable rows for repeatable ids."""

    extra_columns: Literal["ignore", "refuse"] = "ignore"
    """Columns (or JSON keys) that nothing asks for: not read, or a reason to refuse the file (a changed export)."""
    checksums: bool = False
    """Whether each file comes with FILE.sha256 (as sha256sum writes it); without it, or with another, it is refused."""
    max_row_bytes: Positive = 8_000_000
    """Longest row read, bytes; a longer one is rejected."""
    max_file_bytes: Bytes = 50_000_000_000
    """Largest file read, bytes after unpacking; not set: also 1,000 times its size on disk, or 256 MB."""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        import codecs

        try:
            "".encode(value)  # names such as "zlib" are codecs, but of bytes
            decoder = codecs.getincrementaldecoder(value)()
            pieces = [decoder.decode(bytes([byte])) for byte in ANY_TEXT.encode(value)] + [decoder.decode(b"", True)]
            if "".join(pieces) == ANY_TEXT:
                return codecs.lookup(value).name
        except (LookupError, UnicodeError):  # idna and punycode write names of the net, and no other text
            pass
        raise ValueError(f"unknown text encoding {value!r}; common ones: utf-8, cp1252, latin-1, utf-16")

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, value: str | None) -> str | None:
        if value is not None and value in '"\r\n':
            raise ValueError("a quote or a line break cannot separate fields")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        import zoneinfo

        try:
            return zoneinfo.ZoneInfo(value).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"unknown time zone {value!r}; use an IANA name such as Europe/Berlin") from None

    @field_validator("columns", "channels")
    @classmethod
    def _no_name_twice(cls, value: list[str]) -> list[str]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice")
        return value

    @model_validator(mode="after")
    def _one_way_to_name_files(self) -> SourceConfig:
        given = bool(self.train or self.valid or self.test)
        if self.format == "sql":
            if not self.url_env or bool(self.table) == bool(self.query):
                raise ValueError("format sql needs url_env and exactly one of table or query")
            return self
        if bool(self.files) == given:
            raise ValueError("name either files, or train (with valid and test as you have them)")
        if given and not self.train:
            raise ValueError("valid or test are given without train")
        if not self.header and not self.columns and self.format in ("csv", "tsv"):
            raise ValueError("header = false needs columns = [...], the names in order")
        if self.format == "wide" and not self.values:
            raise ValueError('format wide needs values = [...], such as values = ["v*"]')
        if self.format == "lines" and self.label_from == "pattern" and not self.pattern:
            raise ValueError('label_from = "pattern" needs pattern')
        return self
