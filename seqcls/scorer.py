"""A scorer: one model version opened for use. In: rows of a table. Out: probabilities and flags, row for row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.evaluation.probabilities import softmax
from seqcls.ledger.models import ModelVersion
from seqcls.workspace import Workspace

if TYPE_CHECKING:
    from seqcls.config.train import EngineName
    from seqcls.encoders import Encoder
    from seqcls.engines.engine import Engine
    from seqcls.models.package import LoadedModel

MANY_UNKNOWN = 0.2  # share of positions without an entry of their own, above which a row is flagged


@dataclass(frozen=True)
class Scorer:
    version: ModelVersion
    model: LoadedModel
    encoder: Encoder
    batch_size: int
    engine: Engine = field(kw_only=True)
    note: str = field(default="", kw_only=True)
    """Why it is this engine, where that is not what the race of the version says."""

    @property
    def labels(self) -> list[str]:
        return self.encoder.labels

    def score(self, rows: pa.Table) -> tuple[np.ndarray, list[list[str]]]:
        """Rows with a `sequence` column -> probabilities (N, K), NaN where the network gave none; flags of each row."""
        from seqcls.batches import EncodedSplit
        from seqcls.models.logits import run_batches

        encoded = self.encoder.encode(rows["sequence"].combine_chunks())
        lengths = pc.list_value_length(encoded.sequence)
        columns = {"id": rows["id"], "sequence": encoded.sequence}
        split = EncodedSplit.from_arrow(pa.table(columns), self.encoder.inputs)
        logits = run_batches(self.engine.run, split, self.encoder.inputs, len(self.labels), self.batch_size)
        per_position = max(self.encoder.inputs.channels, 1)
        unknown_share = encoded.unknown.to_numpy() / np.maximum(
            lengths.to_numpy(zero_copy_only=False) / per_position, 1
        )
        return softmax(logits, self.model.manifest.temperature), _flags(
            encoded.truncated.to_numpy(zero_copy_only=False), unknown_share
        )

    def probabilities(self, rows: pa.Table) -> np.ndarray:
        return self.score(rows)[0]


def open_scorer(workspace: Workspace, version: ModelVersion, engine: EngineName | None = None) -> Scorer:
    """Load a version's network and encoder; every digest is compared first. Without `engine`: what the config says."""
    from seqcls.encoders import load_encoder
    from seqcls.engines import ENGINES
    from seqcls.models.package import load_model
    from seqcls.races import choose_engine

    settings, note = workspace.pipeline.score, ""
    if engine is None:
        engine, note = (settings.engine, "") if settings.engine != "auto" else choose_engine(workspace, version)
    ref = workspace.store.ref("model", version.model_digest)
    loaded = load_model(ref)
    opened = ENGINES[engine](loaded)
    return Scorer(version, loaded, load_encoder(ref.folder), settings.batch_size, engine=opened, note=note)


def _flags(truncated: np.ndarray, unknown_share: np.ndarray) -> list[list[str]]:
    flags: list[list[str]] = [[] for _ in truncated]
    for row in np.flatnonzero(truncated):
        flags[row].append("truncated")
    for row in np.flatnonzero(unknown_share > MANY_UNKNOWN):
        flags[row].append("many_unknown")
    return flags
