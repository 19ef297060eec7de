"""checked -> splits: every row gets train, valid or test, or is left out as leaked.

In: a `checked` artefact and [split]. Out: a `splits` artefact, one entry per row. Promise: rows with the same sequence
or the same group are one component and get the same split; a seeded hash of the content decides, never the row order.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from seqcls.config.pipeline import Pipeline
from seqcls.config.train import SplitConfig
from seqcls.errors import CheckBroken, DataRefused
from seqcls.splitting.components import Components, find_components
from seqcls.splitting.dividing import divide
from seqcls.splitting.leakage import find_leakage
from seqcls.splitting.rows import NOT_GIVEN, TEST, TRAIN, VALID, RowFacts, Splits, read_rows
from seqcls.splitting.split_names import LEFT_OUT
from seqcls.store import parquet
from seqcls.store.artefacts import ArtefactStore, Ref, read_meta
from seqcls.store.records import CheckedMeta, SplitsMeta
from seqcls.table import SPLITS

FILE = "splits.parquet"


def split(checked: Ref, pipeline: Pipeline, store: ArtefactStore) -> Ref:
    """Split the rows of a `checked` artefact."""
    meta = read_meta(checked, CheckedMeta)
    if meta.stopped:
        raise DataRefused(f"the checks stopped the run: {meta.stopped}", where=checked.path, expected="checked rows",
                          next_step="fix the data and validate again")  # fmt: skip
    config = pipeline.split
    rows = read_rows(checked, pipeline.kind, config, meta.accepted)
    codes = _given_and_carved(rows, config)
    leakage = find_leakage(codes, rows.hashes, rows.normalised)
    given = bool((rows.given != NOT_GIVEN).any())
    if leakage.exact and not given:
        raise CheckBroken(f"{leakage.exact} training rows stand in valid or test", where=checked.path, expected="none")
    if config.leakage == "drop":
        codes[leakage.leaked] = LEFT_OUT
    _check_training(codes, checked)
    with store.write("splits") as draft:
        parquet.write_parquet(draft.folder / FILE, pa.table({"split": _as_names(codes)}))
        draft.inputs["checked"] = checked.digest
        draft.describe(
            SplitsMeta(
                rows=len(codes),
                given=given,
                counts=_counts(codes, rows),
                leakage=leakage.as_meta(),
                dropped=int((codes == LEFT_OUT).sum()),
                warnings=tuple(_warnings(codes, rows, config)),
            )
        )
    return draft.ref


def _given_and_carved(rows: RowFacts, config: SplitConfig) -> Splits:
    """Given splits are kept; missing ones are taken from the training rows (rows without a split are training rows).

    With a validation share of 0 there is no validation split: rows given for it become training rows.
    """
    codes = rows.given.copy()
    codes[codes == NOT_GIVEN] = TRAIN
    if not config.valid:
        codes[codes == VALID] = TRAIN
    pool = codes == TRAIN
    shares = {
        code: 0.0 if (rows.given == code).any() else share
        for code, share in ((VALID, config.valid), (TEST, config.test))
    }
    if any(shares.values()) and pool.any():
        codes[pool] = _divide_pool(rows.select(pool), config.method, shares[VALID], shares[TEST])
    return codes


def _divide_pool(pool: RowFacts, method: str, valid: float, test: float) -> Splits:
    of_row, keys = find_components(pool.hashes, pool.groups, pool.grouped)
    components = Components(of_row=of_row, keys=keys, labels=pool.labels, times=pool.times)
    return divide(components, method, valid, test)[of_row]


def _check_training(codes: Splits, checked: Ref) -> None:
    if not (codes == TRAIN).any():
        raise DataRefused(
            f"no training row among {len(codes)} rows",
            where=checked.path,
            expected="rows in all of [split]",
            next_step='add rows, lower split.valid and split.test, or use method = "stratified"',
        )


def _as_names(codes: Splits) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes == LEFT_OUT), pa.array(SPLITS))


def _counts(codes: Splits, rows: RowFacts) -> dict[str, dict[str, int]]:
    """{split: {class: rows}}, classes in sorted order."""
    counts: dict[str, dict[str, int]] = {}
    for code, name in enumerate(SPLITS):
        labels = rows.labels[(codes == code) & (rows.labels >= 0)]
        per_class = dict(zip(rows.classes, np.bincount(labels, minlength=len(rows.classes)).tolist(), strict=True))
        counts[name] = dict(sorted(per_class.items()))
    return counts


def _warnings(codes: Splits, rows: RowFacts, config: SplitConfig) -> list[str]:
    present = {code: set(np.unique(rows.labels[codes == code]).tolist()) for code in (TRAIN, VALID, TEST)}
    unseen = sorted(rows.classes[code] for code in (present[VALID] | present[TEST]) - present[TRAIN] if code >= 0)
    found = [f"class {name!r} stands in valid or test without a training row" for name in unseen]
    if not config.valid and (learnt := int((rows.given == VALID).sum())):
        found.append(f"split.valid = 0: the {learnt} rows of the given validation split are training rows")
    for code, share in ((VALID, config.valid), (TEST, config.test)):
        if share and not present[code]:
            found.append(f"the {SPLITS[code]} split is empty: too few rows that may be parted for a share of {share:g}")
    return found
