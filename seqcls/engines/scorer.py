"""A scorer: one model version opened for use. In: rows of a table. Out: probabilities and flags, row for row."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqcls.evaluation.probabilities import softmax
from seqcls.ledger.models import ModelVersion
from seqcls.store.background import prefetch
from seqcls.workspace import Workspace

if TYPE_CHECKING:
    from seqcls.config.train import EngineName
    from seqcls.data.encoded_split import EncodedSplit
    from seqcls.encoders import Encoder
    from seqcls.engines.deferral import Deferral
    from seqcls.engines.engine import Engine
    from seqcls.models.package import LoadedModel

Flags = dict[str, npt.NDArray[np.bool_]]
"""Name of a flag -> (N,) whether a row has it."""
MANY_UNKNOWN = 0.2  # share of unknown positions above which a row is flagged
BATCHES_AHEAD = 16
"""Rows encoded at once. Fewer: more calls; more: a longer wait for the first, and less similar lengths in a batch."""


@dataclass(frozen=True)
class Scorer:
    version: ModelVersion
    model: LoadedModel
    encoder: Encoder
    batch_size: int
    engine: Engine = field(kw_only=True)
    note: str = field(default="", kw_only=True)
    """Why this engine scores, if the race of the version chose another."""
    deferral: Deferral | None = field(default=None, kw_only=True)
    """The deferral that the race of the version found necessary."""

    @property
    def labels(self) -> list[str]:
        return self.encoder.labels

    def misfits(self, rows: pa.Table) -> dict[int, str]:
        """Position -> reason of the rows that cannot be encoded, and so not scored."""
        return self.encoder.misfits(rows["sequence"])

    def score(self, rows: pa.Table) -> tuple[np.ndarray, Flags]:
        """Rows with a `sequence` column -> probabilities (N, K), NaN where the network gave none; flags of the rows.

        If the engine leaves a processor free, batches are encoded in a thread while earlier ones are computed.
        """
        size = BATCHES_AHEAD * self.batch_size
        pieces = (rows.slice(start, size) for start in range(0, max(rows.num_rows, 1), size))
        in_turn = (self._encode(piece) for piece in pieces)
        with closing(prefetch(in_turn, depth=1) if self.engine.leaves_room else in_turn) as encoded:
            logits, flags = zip(*((self._logits(split), marks) for split, marks in encoded), strict=True)
        joined = {name: np.concatenate([marks[name] for marks in flags]) for name in flags[0]}
        return softmax(np.concatenate(logits), self.model.manifest.temperature), joined

    def _encode(self, rows: pa.Table) -> tuple[EncodedSplit, Flags]:
        from seqcls.data.encoded_split import EncodedSplit

        encoded = self.encoder.encode(rows["sequence"].combine_chunks())
        columns = {"id": rows["id"], "sequence": encoded.sequence}
        split = EncodedSplit.from_arrow(pa.table(columns), self.encoder.inputs)
        unknown_share = encoded.unknown.to_numpy() / np.maximum(split.lengths, 1)
        flags = {
            "truncated": encoded.truncated.to_numpy(zero_copy_only=False),
            "many_unknown": unknown_share > MANY_UNKNOWN,
        }
        return split, flags

    def _logits(self, split: EncodedSplit) -> np.ndarray:
        """(N, K)."""
        from seqcls.engines.deferral import run_engine

        return run_engine(self.engine, self.model, split, self.batch_size, self.deferral)

    def probabilities(self, rows: pa.Table) -> np.ndarray:
        return self.score(rows)[0]


def open_scorer(workspace: Workspace, version: ModelVersion, engine: EngineName | None = None) -> Scorer:
    """Load a version's network and encoder; every digest is verified first. Default `engine`: that of the config."""
    from seqcls.encoders import load_encoder
    from seqcls.engines.deferral import Deferral
    from seqcls.engines.races import Choice, choose_engine
    from seqcls.engines.registry import ENGINES, REFERENCE
    from seqcls.models.package import load_model

    settings = workspace.pipeline.score
    named = engine or (settings.engine if settings.engine != "auto" else None)
    choice = Choice(named) if named else choose_engine(workspace, version)
    ref = workspace.store.ref("model", version.model_digest)
    loaded = load_model(ref)
    return Scorer(
        version, loaded, load_encoder(ref.folder), settings.batch_size, engine=ENGINES[choice.engine](loaded),
        note=choice.note, deferral=Deferral(ENGINES[REFERENCE](loaded), choice.margin) if choice.margin else None,
    )  # fmt: skip
