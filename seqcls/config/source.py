"""[source]: where the rows are and what they look like. The same section serves training and scoring."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from seqcls.config.base import Bytes, Count, LocalPath, Positive, Section, Variable

Format = Literal[
    "csv", "tsv", "jsonl", "parquet", "arrow", "numpy", "folder", "lines", "fasttext",
    "label-studio", "doccano", "prodigy",
    "ucr", "ts", "arff", "wide", "long", "recording", "fasta", "fastq", "sql",
]  # fmt: skip
FORMATS_FOR_SERIES: frozenset[str] = frozenset(
    {"ucr", "ts", "arff", "wide", "long", "recording", "jsonl", "parquet", "arrow", "numpy", "csv", "sql"}
)
SERIES_ONLY: frozenset[str] = frozenset({"ucr", "ts", "arff", "wide", "long", "recording"})
ANY_TEXT = '"A..b",' + 80 * "x" + "\n"
"""What a file may hold: an encoding that does not read it back is none for files."""
Name = Annotated[str, Field(min_length=1, max_length=200)]
Sign = Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[!-~]$")]
FileName = Annotated[LocalPath, Field(min_length=1, max_length=200)]


class ClassTable(Section):
    """What a table of ids and classes looks like."""

    format: Literal["csv", "tsv", "jsonl", "parquet"] = "csv"
    """Format of the table."""
    id: Name
    """Column with the ids of the rows, or with the names of their files."""
    label: Name
    """Column of the class."""
    encoding: Name = "utf-8"
    """Text encoding of the table."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """The character between fields. Left out: comma for csv, tab for tsv."""
    header: bool = True
    """Whether the first record holds the column names. If not, columns are named by their positions: "0", "1"."""

    def as_source_of(self, files: list[str]) -> SourceConfig:
        """How it is read: as rows without sequences."""
        given = {key: value for key, value in self if not key.startswith("file") and key in self.model_fields_set}
        return SourceConfig(**{"format": self.format, **given, "files": files})


class LabelTable(ClassTable):
    """A file of its own with the class of each id, or of each file name."""

    file: FileName
    """The file."""

    def as_source(self) -> SourceConfig:
        """How it is read."""
        return self.as_source_of([self.file])


class LabelsConfig(ClassTable):
    """Classes of scored rows that become known later, by the id of the row; `seqcls labels` compares."""

    files: Annotated[list[FileName], Field(min_length=1)]
    """Files, folders or globs; where an id stands in several, the last file by name counts."""


class SourceConfig(Section):
    """Columns are named as in the input; files may be names, folders or globs, relative to the config file."""

    names_files: ClassVar[bool] = True

    format: Format
    """Format of the files."""
    files: list[FileName] = []
    """Files, folders or globs; [split] divides their rows into train, valid and test."""
    train: list[FileName] = []
    """Files of a given training split."""
    valid: list[FileName] = []
    """Files of a given validation split. Left out: [split].valid is taken from the training files (0: trained on)."""
    test: list[FileName] = []
    """Files of a given test split. Left out: [split].test is taken from the training files."""

    sequence: Name | Annotated[list[Name], Field(min_length=1)] = "sequence"
    """Column (or JSON key) of the sequence. Several columns of text are joined by a blank: ["title", "body"]."""
    label: Name = "label"
    """Column (or JSON key) of the class."""
    id: Name | None = None
    """Column of the id of a row. Left out: the id is FILE:ROW."""
    time: Name | None = None
    """Column of a time, ISO 8601 or of the form `time_format`."""
    time_format: Name | None = None
    """Form of times that are not ISO 8601: directives of strptime, such as "%d.%m.%Y %H:%M", or "unix", "unix_ms",
    "unix_us", "unix_ns" for numbers since 1970. Also for `position`."""
    time_zone: Name = "UTC"
    """IANA time zone of times without one."""
    group: Name | None = None
    """Column of the group (patient, author); a group is never divided between splits."""
    split: Name | None = None
    """Column that says to which split a row belongs: train, valid (or dev, val, validation) or test."""

    encoding: Name = "utf-8"
    """Text encoding of the files, such as utf-8 or cp1252."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """The character between fields. Left out: comma for csv, tab for tsv."""
    quoting: bool | None = None
    """Whether fields may be in double quotes. Left out: yes for csv, no for tsv."""
    quote: Sign = '"'
    """The character around quoted fields."""
    escape: Sign | None = None
    """The character that makes the next one an ordinary character, such as \\\\ (Spark, MySQL). Left out: none."""
    max_quoted_lines: Positive = 200
    """Most lines of one quoted field: a quote that is never closed would take in all rows after it."""
    skip_lines: Count = 0
    """Lines before the header that are not read, such as `sep=;`."""
    header: bool = True
    """Whether the first record holds the column names."""
    columns: list[Name] = []
    """Column names, in order, of files without a header. Left out: their positions, the first is "0"."""
    strip: bool = False
    """Remove blanks and tabs around every field."""
    pattern: str | None = None
    """lines: RE2 pattern with the group (?P<sequence>...), and optionally (?P<label>...) and (?P<id>...)."""
    label_from: Literal["column", "file", "folder", "header", "pattern", "labels"] | None = None
    """Where the class is found. Left out: the usual place of the format."""
    labels: dict[str, str] = {}
    """File name (glob) -> class, for formats with one class per file."""
    classes: dict[str, str] = {}
    """A class as it is written -> the class that it is: joins spellings and names codes; "" is a missing class."""
    label_files: list[FileName] = []
    """Files with one class per line, parallel to `files` (or to train + valid + test, in that order)."""
    label_table: LabelTable | None = None
    """A file with the class of each row by its id, or of each file by its name: {file = "labels.csv", id = "name",
    label = "class"}."""
    label_pattern: str | None = None
    """fasta, fastq: RE2 pattern with the group (?P<label>...), applied to the header line."""

    decimal: Literal[".", ","] = "."
    """Decimal sign of numbers written as text; with "," the values of a series are separated by ; or blanks."""
    missing: list[Annotated[str, Field(max_length=100)]] = []
    """Further words for a missing value in a series, such as NA; an empty cell, nan, null and ? always count as
    missing."""
    values: Name | list[Name] | dict[Name, Name | list[Name]] = []
    """wide, parquet: the columns of a series in order of time. `v*`: all that match, in the order of the first file;
    `0:187`: by position, the last not included. Several channels: {x = "x*", y = "y*"}."""
    channel: Name = "channel"
    """long: column that names the channel."""
    channels: list[Name] = []
    """Channel names in order; csv, jsonl, parquet, recording: one column per channel. long: left out, sorted by name.
    recording: left out, all columns without another use."""
    channel_files: list[Name] = []
    """wide, ucr, recording: where each channel has a file of its own, the part of the path that differs, such as
    ["acc_x", "acc_y"]; `files` names those of the first."""
    value: Name = "value"
    """long: column of the value."""
    position: Name = "time"
    """long, recording: column of the position within the series, a number or a time."""

    url_env: Variable | None = None
    """sql: name of the environment variable that holds the database URL (never the URL itself)."""
    table: Name | None = None
    """sql: table to read, such as reviews or public.reviews."""
    query: str | None = None
    """sql: one SELECT statement instead of `table`; give it an ORDER BY, so that ids repeat."""

    extra_columns: Literal["ignore", "refuse"] = "ignore"
    """Columns (or JSON keys) that no setting names: ignore them, or refuse the file."""
    checksums: bool = False
    """Require FILE.sha256 (as sha256sum writes it) beside each file; a missing or different one refuses the file."""
    max_row_bytes: Positive = 8_000_000
    """Longest row in bytes; a longer row is rejected."""
    max_file_bytes: Bytes = 50_000_000_000
    """Largest file in bytes after unpacking. Left out: also 1,000 times its size on disk, or 256 MB."""

    later_keys = frozenset(
        {
            "classes", "decimal", "missing", "quote", "escape", "max_quoted_lines", "skip_lines", "time_format",
            "split", "label_table", "channel_files",
        }
    )  # fmt: skip

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

    @field_validator("time_format")
    @classmethod
    def _reads_back(cls, value: str | None) -> str | None:
        import datetime

        if value is None or value in ("unix", "unix_ms", "unix_us", "unix_ns"):
            return value
        sample = datetime.datetime(2024, 11, 28, 13, 45, 59, tzinfo=datetime.UTC)
        try:
            found = datetime.datetime.strptime(sample.strftime(value), value)
        except ValueError as error:
            raise ValueError(f"{value!r} is not a form of times: {error}") from None
        if (found.year, found.month, found.day) != (2024, 11, 28):
            raise ValueError(f"{value!r} has no year, month or day; expected all three, such as %Y-%m-%d")
        return value

    @field_validator("columns", "channels", "channel_files")
    @classmethod
    def _no_name_twice(cls, value: list[str]) -> list[str]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice")
        return value

    def gives(self, role: Literal["id", "time", "group"]) -> bool:
        """Whether rows get one: from a column, or from a named group of a pattern."""
        patterns = (self.pattern or "", self.label_pattern or "")
        return getattr(self, role) is not None or any(f"(?P<{role}>" in pattern for pattern in patterns)

    def for_new_data(self) -> SourceConfig:
        """Without what only training rows have."""
        only = {"split": None, "label_table": None}
        return self.model_copy(update=only) if self.split or self.label_table else self

    @property
    def value_columns(self) -> dict[str, list[str]]:
        """`values` as channel -> names, patterns and positions of its columns."""
        by_channel = self.values if isinstance(self.values, dict) else {"value": self.values}
        return {name: [given] if isinstance(given, str) else given for name, given in by_channel.items()}

    @model_validator(mode="after")
    def _one_way_to_name_files(self) -> Self:
        given = bool(self.train or self.valid or self.test)
        if self.format == "sql":
            if not self.url_env or bool(self.table) == bool(self.query):
                raise ValueError("format sql needs url_env and exactly one of table or query")
            return self
        if self.names_files and bool(self.files) == given:
            raise ValueError("name either files, or train (with valid and test as you have them)")
        if given and not self.train:
            raise ValueError("valid or test are given without train")
        if given and self.split:
            raise ValueError("name either train (with valid and test), or split, the column of the split")
        if len(self.channel_files) == 1:
            raise ValueError("channel_files names one channel; expected two or more")
        if self.label_table and (self.label_files or self.labels or self.label_from or self.label_pattern):
            raise ValueError("label_table says where the class is; remove labels, label_from and the like")
        if self.format == "wide" and not self.values:
            raise ValueError('format wide needs values = [...], such as values = ["v*"]')
        if self.format in ("parquet", "arrow") and self.values and self.channels:
            raise ValueError('channels and values exclude each other; write values = {CHANNEL = "COLUMNS*", ...}')
        if self.format == "lines" and self.label_from == "pattern" and not self.pattern:
            raise ValueError('label_from = "pattern" needs pattern')
        return self


class ScoreSourceConfig(SourceConfig):
    """What new data looks like where it is written differently; `score.files` names its files."""

    names_files: ClassVar[bool] = False
