"""A pipeline: what one TOML file says. Sections that are checked one by one, then together; frozen.

In: values (loading.py reads the file). Out: `Pipeline`. Promise: a setting that would have no effect is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqcls.config.base import LocalPath, Section, Variable
from seqcls.config.encode import EncodeConfig, ResidueEncode, SeriesEncode, TextEncode, TokenEncode
from seqcls.config.model import AutoModel, FittedConfig, ModelConfig
from seqcls.config.rules import ResidueRules, RulesConfig, SeriesRules, TextRules, TokenRules
from seqcls.config.source import FORMATS_FOR_SERIES, SourceConfig
from seqcls.config.train import PromoteConfig, ScoreConfig, SplitConfig, TrainConfig
from seqcls.table import Kind

PipelineName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]


class Pipeline(Section):
    """Where the data is, what it looks like, what to train, when to promote, where scores go."""

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

    @property
    def score_source(self) -> SourceConfig:
        """What new files look like: [score.source], or [source]."""
        return self.score.source or self.source

    @property
    def apart(self) -> str:
        """Why rows that teach and rows that judge must not be dealt at random; empty where they may."""
        if self.split.method == "time":
            return "later rows are validation (split.method = time)"
        return "rows belong to groups (source.group)" if self.source.group is not None else ""

    @model_validator(mode="after")
    def _parts_fit(self) -> Pipeline:
        faults = [*self._format_faults(), *self._setting_faults()]
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _format_faults(self) -> Iterator[str]:
        form = self.source.format
        if self.kind == "series" and form not in FORMATS_FOR_SERIES:
            yield f"source.format {form!r} holds no series; use one of {', '.join(sorted(FORMATS_FOR_SERIES))}"
        if self.kind != "series" and form in ("ucr", "ts", "arff", "wide", "long"):
            yield f"source.format {form!r} holds series, but kind is {self.kind!r}"
        if form in ("fasta", "fastq") and self.kind in ("text", "tokens"):
            yield f"source.format {form!r} holds dna or protein, but kind is {self.kind!r}"

    def _setting_faults(self) -> Iterator[str]:
        if self.split.method == "time" and self.source.time is None:
            yield 'split.method = "time" needs source.time, the column of the time'
        if isinstance(self.encode, ResidueEncode) and self.encode.strand == "both" and self.kind != "dna":
            yield 'encode.strand = "both" is for dna'
        if "\0" in self.store or "\0" in self.score.output:
            yield "store and score.output are names of folders: no NUL in them"
        if self.model.series_only and self.kind != "series":
            yield f'model.family = "{self.model.family}" is for series, but kind is {self.kind!r}'
        if isinstance(self.model, AutoModel):
            if self.train.precision != "float32":
                yield 'train.precision is for one family; family = "auto" compares families in float32: remove it'
            if self.train.processes > 1:
                yield 'train.processes is for one family; family = "auto" compares families in one process: remove it'
            return
        if self.train.budget != TrainConfig.model_fields["budget"].default:
            yield f'train.budget is for model.family = "auto"; {self.model.family} takes the time it takes: remove it'
        if isinstance(self.model, FittedConfig):
            yield from self._fitted_faults(self.model)
            return
        if self.source.valid and not self.split.valid:
            yield f"split.valid = 0: source.valid is trained on, nothing tells {self.model.family} to stop; remove it"
        if self.model.pooling == "flatten" and self.model.family != "cnn":
            yield 'model.pooling = "flatten" is for the cnn family'
        if self.model.word_dropout and (self.kind == "series" or getattr(self.encode, "unit", "") == "residues"):
            yield "model.word_dropout is for words, tokens and k-mers; model.embedding_dropout serves every kind"
        if self.kind != "series":
            for name in ("jitter", "scaling", "time_warp"):
                if getattr(self.model, name):
                    yield f"model.{name} is for series; model.embedding_dropout serves every kind"

    def _fitted_faults(self, model: FittedConfig) -> Iterator[str]:
        """A setting without effect would be tuned in vain."""
        if model.tokens_only and self.kind == "series":
            yield f'model.family = "{self.model.family}" is not for series'
        for name in sorted(self.train.model_fields_set - model.train_settings - {"budget"}):
            yield f"train.{name} is for families trained in epochs; {self.model.family} is fitted in one go: remove it"
        if model.cross_validates and not self.split.valid and self.apart:
            yield f"split.valid = 0: {self.model.family} would deal its rows at random, but {self.apart}; set it to 0.1"
        if self.train.balance == "sampling":
            yield 'train.balance = "sampling" is for families trained in epochs; set "weights"'


class TextPipeline(Pipeline):
    kind: Literal["text"]
    rules: TextRules = TextRules()
    encode: TextEncode = TextEncode()

    @model_validator(mode="before")
    @classmethod
    def _unit_of_ngrams(cls, data: object) -> object:
        """The bag of n-grams finds words among the characters by itself, also those of no vocabulary."""
        if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
            return data
        encode = data.get("encode", {})
        if data["model"].get("family") != "ngrams" or not isinstance(encode, dict):
            return data
        return {**data, "encode": {"unit": "characters", **encode}}


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
    text = "\n".join(part.model_dump_json() if isinstance(part, Section) else repr(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()
