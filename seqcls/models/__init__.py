"""The families by name. Adding one is a config class, a network class and one line here; it joins its sweep test."""

from __future__ import annotations

from torch import nn

from seqcls.config.model import AutoModel, FittedConfig, ModelConfig
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused
from seqcls.models.ensemble import Ensemble
from seqcls.models.fitted import FittedNetwork
from seqcls.models.inception import InceptionNetwork
from seqcls.models.lite import LiteNetwork
from seqcls.models.network import BothStrands, CnnNetwork, HybridNetwork, Network, RecurrentNetwork
from seqcls.models.ngrams.network import NgramNetwork
from seqcls.models.residual import ResnetNetwork
from seqcls.models.rocket.network import RocketNetwork
from seqcls.models.transformer import AttentionNetwork, TransformerNetwork

MODELS: dict[str, type[Network]] = {
    "cnn": CnnNetwork,
    "rnn": RecurrentNetwork,
    "lstm": RecurrentNetwork,
    "gru": RecurrentNetwork,
    "hybrid": HybridNetwork,
    "inception": InceptionNetwork,
    "lite": LiteNetwork,
    "resnet": ResnetNetwork,
    "attention": AttentionNetwork,
    "transformer": TransformerNetwork,
}
"""Trained in epochs."""

FITTED: dict[str, type[FittedNetwork]] = {
    "rocket": RocketNetwork,
    "ngrams": NgramNetwork,
}
"""Fitted in one go."""


def build_model(config: ModelConfig, inputs: InputSpec, classes: int) -> nn.Module:
    """A fresh network: Batch -> logits (B, classes). Weights come from torch's global random state."""
    if isinstance(config, AutoModel) or config.family not in MODELS | FITTED:
        raise ConfigRefused(
            f"{config.family!r} is not known",
            where="model.family",
            expected=f"one of {', '.join(MODELS | FITTED)}",
            next_step="choose another family in [model]",
        )
    if isinstance(config, FittedConfig):
        _refuse_misfits(config, inputs)
        fitted = FITTED[config.family](config, inputs, classes)
        return fitted if inputs.complement is None else BothStrands(fitted, inputs.complement)
    if config.pooling == "flatten" and config.family != "cnn":
        raise ConfigRefused(
            'pooling "flatten" is for the cnn family',
            where="model.pooling",
            expected="last, mean, max or attention",
            next_step="choose another pooling in [model]",
        )
    if config.members > 1:
        one = config.model_copy(update={"members": 1})
        return Ensemble(lambda: build_model(one, inputs, classes), config.members)
    _refuse_misfits(config, inputs)
    network = MODELS[config.family](config, inputs, classes)
    return network if inputs.complement is None else BothStrands(network, inputs.complement)


def _refuse_misfits(config: ModelConfig, inputs: InputSpec) -> None:
    """What a family or a setting has no meaning for."""
    if config.series_only and inputs.form != "values":
        raise ConfigRefused(
            f'family "{config.family}" for sequences of tokens',
            where="model.family",
            expected="a series: its filters look for rises, falls and peaks of values",
            next_step=f"choose one of {', '.join(name for name in MODELS if name != config.family)} in [model]",
        )
    if isinstance(config, FittedConfig) and config.tokens_only and inputs.form == "values":
        raise ConfigRefused(
            f'family "{config.family}" for a series',
            where="model.family",
            expected="text, tokens, dna or protein: it counts runs of tokens",
            next_step="choose another family in [model]",
        )
    if isinstance(config, FittedConfig | AutoModel):
        return
    if config.word_dropout and (inputs.form == "values" or inputs.composition is not None):
        raise ConfigRefused(
            f"word dropout of {config.word_dropout} without words",
            where="model.word_dropout",
            expected="words, tokens or k-mers: only they have an index that stands for the unknown",
            next_step="set model.word_dropout = 0; model.embedding_dropout serves every kind",
        )
