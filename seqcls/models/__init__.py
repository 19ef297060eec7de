"""The networks by family. Adding one is a config class, a network class and one line here; it joins the sweep test."""

from __future__ import annotations

from torch import nn

from seqcls.config.model import ModelConfig
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused
from seqcls.models.ensemble import Ensemble
from seqcls.models.network import BothStrands, CnnNetwork, HybridNetwork, Network, RecurrentNetwork

MODELS: dict[str, type[Network]] = {
    "cnn": CnnNetwork,
    "rnn": RecurrentNetwork,
    "lstm": RecurrentNetwork,
    "gru": RecurrentNetwork,
    "hybrid": HybridNetwork,
}


def build_model(config: ModelConfig, inputs: InputSpec, classes: int) -> nn.Module:
    """A fresh network: Batch -> logits (B, classes). Weights come from torch's global random state."""
    if config.family not in MODELS:
        raise ConfigRefused(
            f"{config.family!r} is not known",
            where="model.family",
            expected=f"one of {', '.join(MODELS)}",
            next_step="choose another family in [model]",
        )
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
    network = MODELS[config.family](config, inputs, classes)
    return network if inputs.complement is None else BothStrands(network, inputs.complement)
