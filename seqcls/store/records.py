"""What each kind of artefact says of itself: one frozen record a kind, in the `meta` of its manifest.

In: counts, names and settings of a stage. Out: the record: `Draft.describe` writes it, `read_meta` reads it. Promise: a
field that an earlier release did not write has a default, and a field that is not set is not written, so that what was
read is written again byte for byte.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from seqcls.table import Kind, Layout, ScoreCounts, Split, TableCounts


class Meta(BaseModel):
    """The base of all records. Fields that a later release adds are passed over."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    artefact: ClassVar[str]
    """The kind of artefact that it describes."""


class FileMeta(BaseModel):
    """One source file of a table."""

    model_config = ConfigDict(frozen=True)

    name: str
    digest: str
    split: Split | None
    rows_in: int
    accepted: int
    rejected: int


class TableMeta(Meta):
    artefact = "table"

    kind: Kind
    labelled: bool
    rows_in: int
    accepted: int
    rejected: int
    files: tuple[FileMeta, ...]
    rejects_by_rule: dict[str, int]
    layout: Layout | None = None
    """Columns or channels by name; not written where the format has no such names."""

    @property
    def counts(self) -> TableCounts:
        return TableCounts(self.rows_in, self.accepted, self.rejected)


class CheckedMeta(Meta):
    artefact = "checked"

    rows_in: int
    accepted: int
    rejected: int
    labels: dict[str, int]
    """Accepted rows of each class; empty for scoring."""
    checks: dict[str, int]
    """Rule -> rows that break it."""
    sources: dict[str, str]
    """File -> SHA-256 of its content."""
    stopped: str | None = None
    """Why the checks stopped the run; not written otherwise."""
    layout: Layout | None = None
    """That of the table."""

    @property
    def counts(self) -> TableCounts:
        return TableCounts(self.rows_in, self.accepted, self.rejected)


class SplitsMeta(Meta):
    artefact = "splits"

    rows: int
    given: bool
    """Whether the source named a split for some row."""
    counts: dict[str, dict[str, int]]
    """Split -> class -> rows."""
    leakage: dict[str, int]
    dropped: int
    """Rows in no split, since they leaked."""
    warnings: tuple[str, ...]


class EncodedMeta(Meta):
    artefact = "encoded"

    rows: dict[str, int]
    """Split -> rows; so are the two below."""
    truncated: dict[str, int]
    unknown_share: dict[str, float]
    left_out: int
    labels: tuple[str, ...]
    encoder: str
    """Fingerprint of the encoder."""
    sources: dict[str, str]


class ReferenceMeta(Meta):
    artefact = "reference"

    rows: int
    """Training rows."""
    numbers: tuple[str, ...]
    """What is known of each row."""


class ModelMeta(Meta):
    artefact = "model"

    family: str
    parameters: int
    epochs: int
    best_epoch: int


class EvaluationMeta(Meta):
    """Headline figures of the test split; None where a figure is undefined."""

    artefact = "evaluation"

    rows: int
    accuracy: float | None
    balanced_accuracy: float | None
    macro_f1: float | None
    mcc: float | None
    auroc: float | None
    log_loss: float | None
    ece: float | None


class RaceMeta(Meta):
    artefact = "race"

    pipeline: str
    chosen: str
    """Name of the engine."""


class Superseded(BaseModel):
    """What a scoring takes the place of."""

    model_config = ConfigDict(frozen=True)

    inputs: tuple[str, ...]
    """Digests of earlier contents of the same names."""
    versions: tuple[int, ...]
    """Versions that scored the same content before."""


class ScoredFile(BaseModel):
    """The input that a chunk of scores is a part of."""

    model_config = ConfigDict(frozen=True)

    name: str
    chunk_rows: int
    rows_in: int
    """Of the whole input."""
    day: str | None = None
    """YYYY-MM-DD; None in chunks of the first release."""
    seen_at: float | None = None
    """Seconds since 1970; None in chunks of the first release."""
    supersedes: Superseded | None = None


class ScoresMeta(Meta):
    artefact = "scores"

    pipeline: str
    chunk: int
    rescored_with: int = 0
    """The version of a re-scoring; 0: scored for the first time."""
    rows_in: int
    scored: int
    rejected: int
    abstained: int
    model_version: int
    run_id: str
    published_as: str
    """Path below the output folder."""
    engine: str = "torch"
    """Not written before there were others."""
    margin: float = 0.0
    """Rows whose two largest probabilities are closer than this were computed again by torch."""
    number: int = 0
    """Larger than that of every chunk claimed before; 0: of an earlier release."""
    scored_at: float
    """Seconds since 1970."""
    input: ScoredFile

    @property
    def counts(self) -> ScoreCounts:
        return ScoreCounts(self.rows_in, self.scored, self.rejected, self.abstained)

    @property
    def order(self) -> tuple[int, float]:
        """What was claimed later is larger; chunks of earlier releases have no number and come first, by time."""
        return self.number, self.scored_at


class MoveMeta(Meta):
    """A move of an alias; the fields are those of `ledger.models.AliasMove`."""

    artefact = "alias_move"

    pipeline: str
    alias: str
    counter: int
    from_version: int | None
    to_version: int
    who: str
    why: str
    changed_at: float
    serial: int = 0
    kind: str = ""


class SightingMeta(BaseModel):
    """A name that held a content; the fields are those of `ledger.sightings.Sighting`."""

    model_config = ConfigDict(frozen=True)

    name: str
    input_digest: str
    number: int
    seen_at: float


class SightingsMeta(Meta):
    artefact = "sightings"

    pipeline: str
    sightings: tuple[SightingMeta, ...]


class Check(BaseModel):
    """One rule of the gate and what it found."""

    model_config = ConfigDict(frozen=True)

    rule: str
    passed: bool
    found: str
    expected: str


class Comparison(BaseModel):
    """A challenger and the champion on the same test rows; figures of `metric`, and the 95 % interval of the
    challenger's minus the champion's."""

    model_config = ConfigDict(frozen=True)

    metric: str
    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    rows: int
    left_out: int
    """Test rows that the champion learned from (its training and validation splits)."""


class DecisionMeta(Meta):
    """What the gate, or a person, decided about a version."""

    artefact = "decision"

    pipeline: str
    number: int
    """Decisions of a pipeline are numbered in their order."""
    version: int
    champion: int | None
    state: str
    """One of `registry.decisions.STATES`."""
    who: str
    why: str
    decided_at: float
    """Seconds since 1970."""
    checks: tuple[Check, ...]
    comparison: Comparison | None = None
