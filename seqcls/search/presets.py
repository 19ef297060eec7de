"""What `family = "auto"` tries: a short list for each kind, the most reliable first. A new candidate is one line here.

In: a pipeline. Out: presets, and for each the pipeline that trains it. Promise: each list begins with the
reference; keys of [train] that the pipeline file sets are kept, a preset fills in the others. Sizes are those that did
well on the data sets of results.md or in the papers named there, limited to what two cores train in minutes. Candidates
are tried in this order: those that the budget does not reach are at the end.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any

from seqcls.config.encode import EncodeConfig
from seqcls.config.pipeline import Pipeline, content_key
from seqcls.config.train import TrainConfig
from seqcls.errors import ConfigRefused
from seqcls.models.families.attention import AttentionModel
from seqcls.models.families.base import BuiltFamily
from seqcls.models.families.cnn import CnnModel
from seqcls.models.families.hybrid import HybridModel
from seqcls.models.families.inception import InceptionModel
from seqcls.models.families.lite import LiteModel
from seqcls.models.families.ngrams import NgramsModel
from seqcls.models.families.recurrent import RecurrentModel
from seqcls.models.families.resnet import ResnetModel
from seqcls.models.families.rocket import RocketModel
from seqcls.search.family import AutoModel
from seqcls.table import Kind


@dataclass(frozen=True)
class Preset:
    """One candidate; `train` sets keys of [train] that the pipeline file does not set."""

    name: str
    model: BuiltFamily
    train: dict[str, Any] = field(default_factory=dict)
    encode: dict[str, Any] = field(default_factory=dict)
    """[encode] of this candidate, if the kind has such keys and the file has no [encode]; empty: the common one."""
    whole: bool = False
    """If chosen, it also learns the validation rows: it estimates its quality from training rows alone."""
    reference: bool = False
    """What the others are compared with: fixed features and one linear layer. It is always tried."""

    @property
    def is_fitted(self) -> bool:
        return self.model.trained == "fit"


_SERIES = {"epochs": 100, "batch_size": 16, "patience": 20}
_WORDS = {"epochs": 20, "batch_size": 50, "patience": 4}
_LETTERS = {"epochs": 40, "batch_size": 32, "patience": 8}

# For series the reference is ROCKET: a linear classifier on fixed features, like TF-IDF for text. The summary
# features of evaluations need the raw rows and are weaker on every data set of docs/evidence/results.md.
_SERIES_PRESETS = (
    Preset("rocket", RocketModel(), whole=True, reference=True),
    Preset("rocket-level", RocketModel(), encode={"normalise": "none"}, whole=True),  # the level of a series matters
    Preset("cnn", CnnModel(filters=[64, 128, 128], kernel=7, normalise="batch", dropout=0.3), _SERIES),
    Preset(
        "fcn",
        CnnModel(filters=[64, 128, 64], kernel=7, normalise="batch", pooling="mean", dropout=0.3),
        {**_SERIES, "learning_rate": 0.003},
    ),
    Preset("gru", RecurrentModel(family="gru", bidirectional=True, pooling="max", dropout=0.3), _SERIES),
    Preset(
        "cnn-place",
        CnnModel(filters=[32, 32], kernel=9, pool=4, pooling="flatten", dropout=0.5),
        {**_SERIES, "weight_decay": 0.3},
    ),
    Preset("lite", LiteModel(), {**_SERIES, "learning_rate": 0.003}),
    Preset("resnet", ResnetModel(filters=[32, 64, 64]), _SERIES),
    Preset("inception", InceptionModel(filters=16, depth=3), _SERIES),
)
_LSTM = RecurrentModel(
    family="lstm", embedding=128, width=64, bidirectional=True, pooling="max", dropout=0.5, embedding_dropout=0.3
)
_GRU = _LSTM.model_copy(update={"family": "gru", "embedding": 64})
_CHARACTERS = {"unit": "characters"}
_WORDS_PRESETS = (
    Preset("ngrams", NgramsModel(), encode=_CHARACTERS, whole=True, reference=True),
    # The first words of a question say what it asks for.
    Preset("ngrams-opening", NgramsModel(words=3, opening=3), encode=_CHARACTERS, whole=True),
    Preset("lstm", _LSTM, _WORDS),
    Preset("cnn", CnnModel(embedding=128, filters=[128], dropout=0.5, embedding_dropout=0.3), _WORDS),
    Preset(
        "bag",  # one filter per word, mean over the words: order does not matter
        CnnModel(
            embedding=64, filters=[128], kernel=1, pool=1, normalise="batch", pooling="mean", embedding_dropout=0.3
        ),
        {**_WORDS, "learning_rate": 0.003},
    ),
    Preset("gru", _GRU, _WORDS),
    Preset("hybrid", HybridModel(embedding=64, dropout=0.5, embedding_dropout=0.3), _WORDS),
    Preset("attention", AttentionModel(pool=1, kernel=5, dropout=0.4, embedding_dropout=0.3), _WORDS),
)
_LETTERS_PRESETS = (
    Preset("ngrams", NgramsModel(), whole=True, reference=True),
    Preset("ngrams-long", NgramsModel(letters=8), whole=True),  # related sequences share long pieces
    Preset("hybrid", HybridModel(embedding=32, filters=[64], kernel=9, dropout=0.3), _LETTERS),
    Preset("cnn", CnnModel(embedding=32, filters=[64, 64], kernel=9, normalise="batch", dropout=0.4), _LETTERS),
    Preset(
        "cnn-place",  # the position of a motif matters
        CnnModel(embedding=16, filters=[64], kernel=9, normalise="batch", pooling="flatten", dense=64, dropout=0.5),
        _LETTERS,
    ),
    Preset("gru", _GRU.model_copy(update={"embedding": 32, "dropout": 0.3, "embedding_dropout": 0.0}), _LETTERS),
    Preset("attention", AttentionModel(embedding=32), _LETTERS),
    Preset("resnet", ResnetModel(embedding=32, filters=[32, 64, 64]), _LETTERS),
)
PRESETS: dict[Kind, tuple[Preset, ...]] = {
    "series": _SERIES_PRESETS,
    "text": _WORDS_PRESETS,
    "tokens": _WORDS_PRESETS,
    "dna": _LETTERS_PRESETS,
    "protein": _LETTERS_PRESETS,
}


def presets_for(pipeline: Pipeline) -> list[Preset]:
    """The presets for a pipeline, the reference first; `model.candidates` restricts the others."""
    assert isinstance(pipeline.model, AutoModel)
    known = PRESETS["text" if getattr(pipeline.encode, "unit", "") == "kmers" else pipeline.kind]
    wanted = pipeline.model.candidates
    names = [preset.name for preset in known]
    for name in wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise ConfigRefused(
                f"{name!r} is not known",
                where="model.candidates",
                expected=f"names of presets for {pipeline.kind}: {', '.join(names)}",
                next_step=f"did you mean {near[0]!r}?" if near else "take names from that list, or leave it empty",
            )
    found = [preset for preset in known if preset.reference or not wanted or preset.name in wanted]
    return [preset for number, preset in enumerate(found) if not _is_known(preset, found[:number], pipeline)]


def _is_known(preset: Preset, before: list[Preset], pipeline: Pipeline) -> bool:
    """Whether it equals an earlier candidate: some differ in [encode] only, which the file may set."""
    return any(pipeline_of(preset, pipeline) == pipeline_of(one, pipeline) for one in before)


def pipeline_of(preset: Preset, pipeline: Pipeline) -> Pipeline:
    """The pipeline with a preset instead of `auto`, as from a file with this [model] and [train]."""
    asked = {name: getattr(pipeline.train, name) for name in pipeline.train.model_fields_set & preset.model.train_keys}
    train = TrainConfig(**{**preset.train, **asked})
    encode = encoding_of(preset, pipeline)
    return pipeline.model_copy(update={"model": preset.model, "train": train, "encode": encode})


def encoding_of(preset: Preset, pipeline: Pipeline) -> EncodeConfig:
    """[encode] of a candidate: its own only if the file has none."""
    known = type(pipeline.encode).model_fields.keys() >= preset.encode.keys()
    if pipeline.encode.model_fields_set or not preset.encode or not known:
        return pipeline.encode
    return type(pipeline.encode).model_validate(preset.encode)


def encodings_beside(pipeline: Pipeline) -> list[Pipeline]:
    """A pipeline for each encoding that a search needs in addition to the pipeline's own."""
    found = [pipeline_of(preset, pipeline) for preset in presets_for(pipeline)]
    others = {content_key(one.encode): one for one in found if one.encode != pipeline.encode}
    return list(others.values())


def with_validation_rows(preset: Preset, pipeline: Pipeline) -> Pipeline:
    """The chosen pipeline with its validation rows used for training; unchanged if something else needs them."""
    needed = pipeline.train.calibrate or pipeline.score.abstain_precision is not None
    if not preset.whole or needed or pipeline.apart:
        return pipeline
    return pipeline.model_copy(update={"split": pipeline.split.model_copy(update={"valid": 0.0})})
