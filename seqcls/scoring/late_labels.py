"""Classes that became known after scoring, beside what the models said.

In: the files of [labels] and the current scores. Out: `LateLabels`: accuracy of each version on each day, with the
accuracy that its own probabilities promised. Promise: labels in = joined + of unknown ids + replaced by later ones +
unreadable; a row without a label of the model (abstained) is counted, never judged.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.errors import ConfigRefused
from seqcls.evaluation.intervals import wilson
from seqcls.registry.gate import read_metrics
from seqcls.registry.versions import find_version
from seqcls.scoring.current import list_scorings
from seqcls.scoring.stored import open_chunk
from seqcls.sources import read_file
from seqcls.sources.discover import find_files
from seqcls.store.parquet import read_parquet
from seqcls.table import RowCounts
from seqcls.workspace import Workspace


@dataclass(frozen=True)
class LabelCounts(RowCounts):
    """What became of the labels."""

    joined: int = 0
    unknown_id: int = 0
    """No current score has this id."""
    replaced: int = 0
    """A later row or file gives the same id again."""
    unreadable: int = 0
    """Without an id or a class, or not readable at all."""


@dataclass
class Figures:
    """Rows of one version, on one day or on all."""

    scored: int = 0
    abstained: int = 0
    labelled: int = 0
    """Rows with a label of the model whose class is known."""
    right: int = 0
    promised: float = 0.0
    """Sum of the confidences of the scored rows."""

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled rows that were right."""
        return self.right / self.labelled if self.labelled else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy."""
        return wilson(self.right, self.labelled)

    @property
    def estimate(self) -> float | None:
        """Accuracy without any label: the mean confidence, which calibrated probabilities keep."""
        return self.promised / self.scored if self.scored else None


@dataclass(frozen=True)
class LateLabels:
    """All of it, by version and day."""

    counts: LabelCounts
    corrected: int
    """Of the replaced labels, those that were another class."""
    days: dict[tuple[int, str], Figures] = field(default_factory=dict)
    tests: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Version -> 95 % interval of its accuracy on the test split."""

    def of_version(self, version: int) -> Figures:
        """All its days together."""
        total = Figures()
        for (number, _), figures in self.days.items():
            if number == version:
                total = Figures(**{name: value + getattr(figures, name) for name, value in asdict(total).items()})
        return total

    @property
    def fallen(self) -> list[int]:
        """Versions whose accuracy is below that of their test split, by more than both intervals allow."""
        return [version for version, (low, _) in self.tests.items() if self.of_version(version).interval[1] < low]


def compare_late_labels(workspace: Workspace) -> LateLabels:
    """Join the labels of [labels] to the current scores, by id. Raises ConfigRefused where there is no [labels]."""
    config = workspace.pipeline.labels
    if config is None:
        raise ConfigRefused(
            "there is no [labels]", where=str(workspace.loaded.path), expected="files with the classes of scored rows",
            next_step='add [labels] with files = ["labels/*.csv"], id and label, the columns of both',
        )  # fmt: skip
    labels, counts, corrected = _read(workspace)
    ids, classes = pa.array(labels, pa.string()), pa.array(labels.values(), pa.string())
    days: dict[tuple[int, str], Figures] = defaultdict(Figures)
    met = np.zeros(len(ids), bool)
    for scoring in list_scorings(workspace):
        for chunk in scoring.chunks if scoring.current else ():
            rows = read_parquet(open_chunk(workspace, chunk).scores, ["id", "label", "confidence"])
            places = pc.index_in(rows["id"].combine_chunks(), value_set=ids)
            met[places.drop_null().to_numpy()] = True
            _add(days[chunk.model_version, scoring.day], rows, classes.take(places))
    counts += LabelCounts(joined=int(met.sum()), unknown_id=int((~met).sum()))
    counts.require_balance("labels")
    metrics = {version: read_metrics(workspace, find_version(workspace, version)) for version, _ in days}
    tests = {version: (found["intervals"]["accuracy"][0], found["intervals"]["accuracy"][1])
             for version, found in metrics.items()}  # fmt: skip
    return LateLabels(counts, corrected, dict(sorted(days.items())), tests)


def _add(figures: Figures, rows: pa.Table, truth: pa.Array) -> None:
    said = rows["label"].combine_chunks()
    given = pc.is_valid(said)
    judged = pc.and_(given, pc.is_valid(truth))
    figures.scored += pc.sum(given).as_py() or 0
    figures.abstained += said.null_count
    figures.promised += pc.sum(rows["confidence"].combine_chunks().filter(given)).as_py() or 0.0
    figures.labelled += pc.sum(judged).as_py() or 0
    figures.right += pc.sum(pc.equal(said.filter(judged), truth.filter(judged))).as_py() or 0


def _read(workspace: Workspace) -> tuple[dict[str, str], LabelCounts, int]:
    """Id -> class, the last one given; how many rows were unreadable or replaced; how many of these differed."""
    config, folder = workspace.pipeline.labels, workspace.folder
    assert config is not None
    source = config.as_source_of(config.files)
    found: dict[str, str] = {}
    rows_in = unreadable = replaced = corrected = 0
    for file in find_files(source, folder, allow_none=True):
        for batch in read_file(file, source, "text", labelled=True, folder=folder, names_only=True):
            rows_in += batch.rows_in
            unreadable += batch.rejects.num_rows
            for name, label in zip(batch.table["id"].to_pylist(), batch.table["label"].to_pylist(), strict=True):
                if label is None:
                    unreadable += 1
                    continue
                replaced += name in found
                corrected += found.get(name, label) != label
                found[name] = label
    return found, LabelCounts(rows_in, replaced=replaced, unreadable=unreadable), corrected
