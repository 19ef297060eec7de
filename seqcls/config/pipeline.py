"""A pipeline: what one TOML file says. Sections that are checked one by one, then together; frozen.

In: values (loading.py reads the file). Out: `Pipeline`. Promise: a setting that would have no effect is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqcls.config.alert import AlertConfig
from seqcls.config.base import LocalPath, Section, Variable
from seqcls.config.encode import EncodeConfig, ResidueEncode, SeriesEncode, TextEncode, TokenEncode
from seqcls.config.families import family_names
from seqcls.config.model import ModelConfig, Positions, find_family
from seqcls.config.promote import PromoteConfig
from seqcls.config.rules import ResidueRules, RulesConfig, SeriesRules, TextRules, TokenRules
from seqcls.config.schedule import ScheduleConfig
from seqcls.config.source import FORMATS_FOR_SERIES, SERIES_ONLY, LabelsConfig, SourceConfig
from seqcls.config.source_keys import unused_keys
from seqcls.config.train import ScoreConfig, SplitConfig, TrainConfig
from seqcls.table import Kind

PipelineName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Pipeline(Section):
    """Where the data is, what it looks like, what to train, when to promote, where scores go."""

    later_keys = frozenset({"schedule", "labels"})

    name: PipelineName
    """Lower-case letters, digits and hyphens. Models and scores carry it."""
    kind: Kind
    """What a sequence is."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the initial weights, the order of rows and dropout."""
    store: LocalPath = "store"
    """Folder of the artefacts and the ledger, relative to the pipeline file."""
    ledger_env: Variable | None = None
    """Name of the environment variable that holds a PostgreSQL URL. Left out: SQLite in the store."""
    source: SourceConfig
    split: SplitConfig = SplitConfig()
    rules: RulesConfig
    encode: EncodeConfig
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    promote: PromoteConfig = PromoteConfig()
    score: ScoreConfig = ScoreConfig()
    labels: LabelsConfig | None = None
    """Classes of scored rows that become known later."""
    schedule: ScheduleConfig = ScheduleConfig()
    alert: AlertConfig = AlertConfig()

    @property
    def score_source(self) -> SourceConfig:
        """What new files look like: [score.source], or [source]."""
        return self.score.source or self.source.for_new_data()

    @property
    def positions(self) -> Positions:
        """What the positions of the encoded sequences will hold."""
        if self.kind == "series":
            return "values"
        if isinstance(self.encode, TextEncode) and self.encode.unit == "pretrained":
            return "pieces"
        return "letters" if isinstance(self.encode, ResidueEncode) and self.encode.unit == "residues" else "words"

    @property
    def apart(self) -> str:
        """Why rows that teach and rows that judge must not be dealt at random; empty where they may."""
        if self.split.method == "time":
            return "later rows are validation (split.method = time)"
        return "rows belong to groups (source.group)" if self.source.gives("group") else ""

    @model_validator(mode="after")
    def _parts_fit(self) -> Pipeline:
        faults = [*self._format_faults(), *self._setting_faults()]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _format_faults(self) -> Iterator[str]:
        misfits = list(self._format_misfits())
        yield from misfits or unused_keys("source", self.source)
        if self.score.source is not None:
            yield from unused_keys("score.source", self.score.source)

    def _format_misfits(self) -> Iterator[str]:
        form = self.source.format
        if self.kind == "series" and form not in FORMATS_FOR_SERIES:
            yield f"source.format {form!r} holds no series; use one of {', '.join(sorted(FORMATS_FOR_SERIES))}"
        if self.kind != "series" and form in SERIES_ONLY:
            yield f"source.format {form!r} holds series, but kind is {self.kind!r}"
        if form in ("fasta", "fastq") and self.kind in ("text", "tokens"):
            yield f"source.format {form!r} holds dna or protein, but kind is {self.kind!r}"
        if not isinstance(self.source.sequence, str) and self.kind != "text":
            yield f"source.sequence names {len(self.source.sequence)} columns: that is for kind 'text' only"

    def _setting_faults(self) -> Iterator[str]:
        if self.split.method == "time" and not self.source.gives("time"):
            yield 'split.method = "time" needs source.time, the column of the time'
        if isinstance(self.encode, ResidueEncode) and self.encode.strand == "both" and self.kind != "dna":
            yield 'encode.strand = "both" is for dna'
        if "\0" in self.store or "\0" in self.score.output:
            yield "store and score.output are names of folders: no NUL in them"
        if isinstance(self.encode, TextEncode):
            yield from self.encode.misfits()
            folder, named = self.encode.pretrained, getattr(self.model, "encoder", None)
            if folder and named and folder != named:
                yield f"encode.pretrained {folder!r} is not model.encoder {named!r}: leave encode.pretrained out"
        yield from self.promote.misfits(self.kind)
        yield from self.model.misfits(self.positions)
        yield from self.model.train_faults(self.train)
        if not self.split.valid and self.model.trained == "epochs" and self.source.valid:
            yield f"split.valid = 0: source.valid is trained on, nothing tells {self.model.family} to stop; remove it"
        if not self.split.valid and self.model.cross_validates and self.apart:
            yield f"split.valid = 0: {self.model.family} would deal its rows at random, but {self.apart}; set it to 0.1"


class TextPipeline(Pipeline):
    kind: Literal["text"]
    rules: TextRules = TextRules()
    encode: TextEncode = TextEncode()

    @model_validator(mode="before")
    @classmethod
    def _unit_of_the_family(cls, data: object) -> object:
        """Where the file leaves the unit out, the family may have its own: n-grams find words among characters."""
        if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
            return data
        encode, name = data.get("encode", {}), data["model"].get("family")
        unit = find_family(name).text_unit if name in family_names() else ""
        if not unit or not isinstance(encode, dict):
            return data
        folder = data["model"].get("encoder")
        more = {"pretrained": folder} if unit == "pretrained" and isinstance(folder, str) else {}
        return {**data, "encode": {"unit": unit, **more, **encode}}


class SeriesPipeline(Pipeline):
    kind: Literal["series"]
    rules: SeriesRules = SeriesRules()
    encode: SeriesEncode = SeriesEncode()


class DnaPipeline(Pipeline):
    kind: Literal["dna"]
    rules: ResidueRules = ResidueRules()
    encode: ResidueEncode = ResidueEncode()


class ProteinPipeline(Pipeline):
    kind: Literal["protein"]
    rules: ResidueRules = ResidueRules()
    encode: ResidueEncode = ResidueEncode()


class TokenPipeline(Pipeline):
    kind: Literal["tokens"]
    rules: TokenRules = TokenRules()
    encode: TokenEncode = TokenEncode()


AnyPipeline = Annotated[
    TextPipeline | SeriesPipeline | DnaPipeline | ProteinPipeline | TokenPipeline, Field(discriminator="kind")
]


def content_key(*parts: Section | str | int) -> str:
    """SHA-256 over sections of the config: what a stage depends on, and nothing else."""
    text = "\n".join(part.key_text() if isinstance(part, Section) else repr(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()
