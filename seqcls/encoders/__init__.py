"""Encoders: sequences -> numbers, fitted on the training split, frozen for scoring."""

from seqcls.encoders.base import Encoded, Encoder
from seqcls.encoders.columns import SequenceRefused
from seqcls.encoders.spec import InputSpec
from seqcls.encoders.storage import ENCODERS, fit_encoder, load_encoder, save_encoder

__all__ = [
    "ENCODERS",
    "Encoded",
    "Encoder",
    "InputSpec",
    "SequenceRefused",
    "fit_encoder",
    "load_encoder",
    "save_encoder",
]
