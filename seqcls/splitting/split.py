"""checked -> splits: every row gets train, valid, test, or is left out as leaked.

In: a `checked` artefact and [split]. Out: a `splits` artefact, one entry a row. Promise: rows with the same sequence or
the same group are one component and land together; what decides is a seeded hash of content, never the order of rows.

A component's key is the smallest hash of its groups, or of its sequence where it has no group, so that more rows of a
group do not move it (a row that joins two components can). Sequences are compared by 64-bit fingerprints: should two
different ones collide (once in 10^7 tables of a million rows), they land together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seqcls import parquet
from seqcls.artefacts import ArtefactStore, Ref, read_manifest
from seqcls.config.pipeline import Pipeline
from seqcls.config.train import SplitConfig
from seqcls.errors import CheckBroken, DataRefused
from seqcls.fingerprints import Hashes, canonical_bytes, fingerprint_bytes, normalise_text, one_array
from seqcls.splitting.dividing import Codes, Components, divide
from seqcls.splitting.leakage import find_leakage
from seqcls.table import SPLITS, Kind

FILE = "splits.parquet"
BYTES_PER_BATCH = 4 * 1024 * 1024
TRAIN, VALID, TEST, LEFT_OUT, NOT_GIVEN = 0, 1, 2, -1, -2


class _Rows:
    """What the division needs to know of N rows: about 50 bytes each."""

    def __init__(self, rows: int, kind: Kind) -> None:
        self.hashes: Hashes = np.zeros(rows, np.uint64)
        self.normalised: Hashes | None = np.zeros(rows, np.uint64) if kind == "text" else None
        self.groups: Hashes = np.zeros(rows, np.uint64)
        self.grouped = np.zeros(rows, bool)
        self.labels: Codes = np.full(rows, -1, np.int64)
        self.given: Codes = np.full(rows, NOT_GIVEN, np.int64)
        self.times = np.zeros(rows, np.int64)
        self.classes: list[str] = []


def split(checked: Ref, pipeline: Pipeline, store: ArtefactStore) -> Ref:
    """Divide the rows of a `checked` artefact."""
    meta = read_manifest(checked)["meta"]
    if "stopped" in meta:
        raise DataRefused(f"the checks stopped the run: {meta['stopped']}", where=checked.path, expected="checked rows",
                          next_step="mend the data and validate again")  # fmt: skip
    config = pipeline.split
    rows = _read_rows(checked, pipeline.kind, config, meta["accepted"])
    codes = _given_and_carved(rows, config)
    leakage = find_leakage(codes, rows.hashes, rows.normalised)
    given = bool((rows.given != NOT_GIVEN).any())
    if leakage.exact and not given:
        raise CheckBroken(f"{leakage.exact} training rows stand in valid or test", where=checked.path, expected="none")
    if config.leakage == "drop":
        codes = np.where(leakage.leaked, LEFT_OUT, codes)
    _check_training(codes, checked)
    with store.write("splits") as (draft, done):
        parquet.write_parquet(draft.folder / FILE, pa.table({"split": _as_names(codes)}))
        draft.inputs["checked"] = checked.digest
        draft.meta |= {
            "rows": len(codes),
            "given": given,
            "counts": _counts(codes, rows),
            "leakage": leakage.as_meta(),
            "dropped": int((codes == LEFT_OUT).sum()),
            "warnings": _warnings(codes, rows, config),
        }
    return done[0]


def _read_rows(checked: Ref, kind: Kind, config: SplitConfig, expected: int) -> _Rows:
    parts = parquet.shards(checked.folder / "rows")
    total = parquet.count_rows(parts)
    if total != expected:
        raise CheckBroken(f"{total} rows, the books say {expected}", where=checked.path, expected="equal numbers")
    rows, start, codes = _Rows(total, kind), 0, dict[str, int]()
    seed = f"split {config.seed}"
    columns = ["sequence", "label", "group", "split", "time", "source_file", "source_row"]
    for batch in parquet.iterate(parts, columns, parquet.rows_of(parts, BYTES_PER_BATCH)):
        part = slice(start, start + batch.num_rows)
        rows.hashes[part] = fingerprint_bytes(canonical_bytes(batch["sequence"], kind), seed)
        if rows.normalised is not None:
            rows.normalised[part] = fingerprint_bytes(normalise_text(batch["sequence"]), seed)
        group = one_array(batch["group"])
        rows.grouped[part] = group.is_valid().to_numpy(zero_copy_only=False)
        rows.groups[part] = fingerprint_bytes(group, f"{seed} group")
        rows.labels[part] = _codes_of(one_array(batch["label"]), codes, -1)
        rows.given[part] = _codes_of(
            one_array(batch["split"]), {name: code for code, name in enumerate(SPLITS)}, NOT_GIVEN
        )
        if config.method == "time":
            rows.times[part] = _times(batch)
        start += batch.num_rows
    rows.classes = list(codes)
    return rows


def _codes_of(names: pa.Array, codes: dict[str, int], missing: int) -> Codes:
    encoded = names.dictionary_encode()
    table = np.array(
        [codes.setdefault(name, len(codes)) for name in encoded.dictionary.to_pylist()] + [missing], np.int64
    )
    found: Codes = table[encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)]
    return found


def _times(batch: pa.Table) -> npt.NDArray[np.int64]:
    time = one_array(batch["time"])
    if time.null_count:
        row = time.is_null().index(pa.scalar(True)).as_py()
        raise DataRefused(
            f"{time.null_count} rows have no time",
            where=f"{batch['source_file'][row]}:{batch['source_row'][row]}:time",
            expected='a time in every row for split.method = "time"',
            next_step="mend the rows, or choose another method",
        )
    times: npt.NDArray[np.int64] = time.cast(pa.int64()).to_numpy()
    return times


def _given_and_carved(rows: _Rows, config: SplitConfig) -> Codes:
    """Given splits stay; what was not given is carved from the training rows (rows without a split are those too)."""
    codes = np.where(rows.given == NOT_GIVEN, TRAIN, rows.given)
    pool = codes == TRAIN
    shares = {
        code: 0.0 if (rows.given == code).any() else share
        for code, share in ((VALID, config.valid), (TEST, config.test))
    }
    if any(shares.values()) and pool.any():
        carved = _divide_pool(rows, np.flatnonzero(pool), config, shares[VALID], shares[TEST])
        codes[pool] = carved
    return codes


def _divide_pool(rows: _Rows, pool: npt.NDArray[np.int64], config: SplitConfig, valid: float, test: float) -> Codes:
    of_row, keys = find_components(rows.hashes[pool], rows.groups[pool], rows.grouped[pool])
    components = Components(of_row=of_row, keys=keys, labels=rows.labels[pool], times=rows.times[pool])
    return divide(components, config.method, valid, test)[of_row]


def find_components(hashes: Hashes, groups: Hashes, grouped: npt.NDArray[np.bool_]) -> tuple[Codes, Hashes]:
    """-> component of each row, key of each component. Rows that share a hash or a group are connected."""
    sequences, of_row = np.unique(hashes, return_inverse=True)
    if not grouped.any():
        return of_row, sequences
    names, group_of = np.unique(groups[grouped], return_inverse=True)
    nodes = len(sequences) + len(names)
    edges = (np.ones(len(group_of), np.int8), (of_row[grouped], len(sequences) + group_of))
    count, component = connected_components(coo_array(edges, shape=(nodes, nodes)), directed=False)
    largest = np.uint64(2**64 - 1)
    by_group, by_sequence = np.full(count, largest), np.full(count, largest)
    np.minimum.at(by_group, component[len(sequences) :], names)
    np.minimum.at(by_sequence, component[: len(sequences)], sequences)
    has_group = np.zeros(count, bool)
    has_group[component[len(sequences) :]] = True
    return component[: len(sequences)][of_row].astype(np.int64), np.where(has_group, by_group, by_sequence)


def _check_training(codes: Codes, checked: Ref) -> None:
    if not (codes == TRAIN).any():
        raise DataRefused(
            f"no training row among {len(codes)} rows",
            where=checked.path,
            expected="rows in all of [split]",
            next_step='add rows, lower split.valid and split.test, or use method = "stratified"',
        )


def _as_names(codes: Codes) -> pa.Array:
    indices = pa.array(codes.astype(np.int8), mask=codes == LEFT_OUT)
    return pa.DictionaryArray.from_arrays(indices, pa.array(SPLITS))


def _counts(codes: Codes, rows: _Rows) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for code, name in enumerate(SPLITS):
        per_class = np.bincount(rows.labels[(codes == code) & (rows.labels >= 0)], minlength=len(rows.classes))
        counts[name] = {label: int(per_class[rows.classes.index(label)]) for label in sorted(rows.classes)}
    return counts


def _warnings(codes: Codes, rows: _Rows, config: SplitConfig) -> list[str]:
    present = {code: set(np.unique(rows.labels[codes == code]).tolist()) for code in (TRAIN, VALID, TEST)}
    unseen = sorted(rows.classes[code] for code in (present[VALID] | present[TEST]) - present[TRAIN] if code >= 0)
    found = [f"class {name!r} stands in valid or test without a training row" for name in unseen]
    for code, share in ((VALID, config.valid), (TEST, config.test)):
        if share and not present[code]:
            found.append(f"the {SPLITS[code]} split is empty: too few rows that may be parted for a share of {share:g}")
    return found
