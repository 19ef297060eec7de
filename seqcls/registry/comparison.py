"""Champion and challenger on the same test rows, without those that the champion learned from.

In: two versions. Out: `Comparison`, and the `Check` that `promote.rule` makes of it. Rows are compared by content, so a
row that the champion had in training under another id, or in another file, is left out as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.promote import PromoteConfig
from seqcls.evaluation.intervals import Difference, paired_difference
from seqcls.ledger.models import ModelVersion
from seqcls.registry.behaviour import Answer
from seqcls.store.fingerprints import Hashes, fingerprint_sequences
from seqcls.store.parquet import iterate, read_parquet, shards
from seqcls.store.records import Check, Comparison
from seqcls.table import Kind
from seqcls.workspace import Workspace

COLUMNS = ("id", "sequence", "label", "source_file", "source_row")
SEED = "rows that were learned"


def read_split(workspace: Workspace, version: ModelVersion, names: tuple[str, ...]) -> pa.Table:
    """The rows of some splits of the data that a version was made of."""
    return pa.concat_tables(_parts(workspace, version, names, list(COLUMNS)))


def not_learned(workspace: Workspace, rows: pa.Table, champion: ModelVersion) -> npt.NDArray[np.bool_]:
    """(N,) whether the champion had the row neither in training nor in validation."""
    kind = workspace.pipeline.kind
    parts = _parts(workspace, champion, ("train", "valid"), ["sequence"])
    learned: Hashes = np.concatenate([_hashes(part, kind) for part in parts])
    known: npt.NDArray[np.bool_] = np.isin(_hashes(rows, kind), learned, invert=True)
    return known


def compare(rows: pa.Table, left_out: int, metric: str, champion: Answer, challenger: Answer) -> Comparison:
    """Both models on `rows`, of which there is at least one."""
    answers = [rows["label"].to_pylist(), champion(rows), challenger(rows)]
    place = {name: position for position, name in enumerate(sorted(set().union(*answers)))}
    labels, old, new = (np.array([place[name] for name in column]) for column in answers)
    found: Difference = paired_difference(labels, old, new, metric)  # type: ignore[arg-type]  # checked by the config
    return Comparison(
        metric=metric, champion=found.a, challenger=found.b, difference=found.estimate, low=found.low, high=found.high,
        rows=len(labels), left_out=left_out,
    )  # fmt: skip


def comparison_check(rules: PromoteConfig, found: Comparison, champion: str) -> Check:
    """What `promote.rule` says of a comparison."""
    least = 0.0 - rules.tolerance
    asked = {
        "estimate": ("not worse", found.difference >= least, f"at least {least:+.4f}"),
        "not_worse": ("not worse", found.low >= least, f"an interval from {least:+.4f} on"),
        "better": ("better", found.low > 0, "an interval above 0"),
    }
    word, passed, expected = asked[rules.rule]
    without = f" ({found.left_out} left out, from which {champion} learned)" if found.left_out else ""
    return Check(
        rule=f"{word} than {champion} on {found.metric}, {found.rows} test rows{without}",
        passed=passed,
        found=f"{found.difference:+.4f} (95 % {found.low:+.4f} to {found.high:+.4f})",
        expected=expected,
    )


def _parts(workspace: Workspace, version: ModelVersion, names: tuple[str, ...], columns: list[str]) -> list[pa.Table]:
    checked = workspace.store.whole("checked", version.inputs["checked"]).folder / "rows"
    splits = workspace.store.whole("splits", version.inputs["splits"]).folder / "splits.parquet"
    split = read_parquet(splits, ["split"])["split"].cast(pa.string())
    wanted = pc.fill_null(pc.is_in(split, pa.array(names)), False)
    parts, start = [], 0
    for table in iterate(shards(checked), columns):
        parts.append(table.filter(wanted.slice(start, table.num_rows)))
        start += table.num_rows
    return parts


def _hashes(rows: pa.Table, kind: Kind) -> Hashes:
    if not rows.num_rows:
        return np.zeros(0, np.uint64)
    return fingerprint_sequences(rows["sequence"], kind, SEED)
