"""seqcls trains sequence classifiers and scores new sequences with them. See README.md for the road.

import seqcls
seqcls.train("my.toml")
seqcls.score("my.toml")
seqcls.predict("my.toml", ["a first sequence", "a second"])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqcls.processors.waiting import wait_passively
from seqcls.version import __version__

if TYPE_CHECKING:
    from seqcls.api import predict, score, train

__all__ = ["__version__", "predict", "score", "train"]

wait_passively()  # here, since every road to PyTorch leads through here: the command, flows, notebooks, benchmarks


def __getattr__(name: str) -> Any:
    """`import seqcls` stays quick: the road is loaded with the first call."""
    if name in ("predict", "score", "train"):
        from seqcls import api

        return getattr(api, name)
    raise AttributeError(f"module 'seqcls' has no attribute {name!r}")
