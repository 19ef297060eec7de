"""Imported first by the conftest: from then on the modules named here are compiled with their shapes checked.

A tensor of another shape or type than its annotation says ends the call (jaxtyping with beartype). Processes that a
test starts are not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

MODELS = ("filters", "inception", "inputs", "layers", "network", "pooling", "recurrence", "residual")
CHECKED = ["seqcls.data.batch", "seqcls.training.optimisation", *(f"seqcls.models.{name}" for name in MODELS)]


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """beartype, but not while a network is traced for an engine: there every number is a tensor."""
    checked = beartype(function, conf=BeartypeConf(is_pep484_tower=True))  # a whole number is a float too

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        return (function if torch.jit.is_tracing() else checked)(*args, **named)

    return call


install_import_hook(CHECKED, f"{__name__}.check")
