"""`seqcls check`: what training would do. Reads and validates every row, trains nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqcls.config import Pipeline
from seqcls.errors import one_line
from seqcls.messages import checks_text, plural
from seqcls.stages import ENCODE, run_until
from seqcls.store.artefacts import Ref, read_manifest, read_meta
from seqcls.store.memory import enough_memory
from seqcls.store.parquet import iterate, shards
from seqcls.store.records import EncodedMeta
from seqcls.table import SPLITS
from seqcls.validation.checks import read_checks
from seqcls.validation.reasons import reason_lines
from seqcls.workspace import Workspace

if TYPE_CHECKING:
    from seqcls.encoders import Encoder

SHOWN_CHARACTERS = 100
FILES, CLASSES, POINTS = 10, 10, 5


def preview(workspace: Workspace, rows: int, config: str) -> str:
    """Text: files, first rows, checks, splits, encoding, the network's size, the next step."""
    pipeline = workspace.pipeline
    table, checked, splits, encoded = (result.ref for result in run_until(workspace, ENCODE))
    meta = read_manifest(table)["meta"]
    lines = [
        f"{pipeline.name}: {pipeline.kind}, {plural(len(meta['files']), 'file')}, {meta['rows_in']} rows, "
        f"{meta['rejected']} unreadable",
        "files:",
    ]
    files = meta["files"]
    lines += [
        f"  {one_line(file['name'])}: {file['rows_in']} rows, {file['rejected']} unreadable" for file in files[:FILES]
    ]
    lines += [f"  and {len(files) - FILES} more"] if len(files) > FILES else []
    lines += ["first rows:", *_first_rows(table, rows)]
    lines += ["checks (FILE and number of the record, a header not counted):", *_checks(checked)]
    lines += ["splits:", *_splits(read_manifest(splits)["meta"]["counts"])]
    lines += ["training:", *_network(workspace, encoded)]
    lines.append(f"Next: `seqcls train {config}`")
    return "\n".join(lines)


def _first_rows(table: Ref, rows: int) -> list[str]:
    head = next(iterate(shards(table.folder / "rows"))).slice(0, rows).to_pylist()
    named = [(one_line(row["id"]), one_line(row["label"])) for row in head]
    ids, labels = (max((len(pair[place]) for pair in named), default=0) for place in (0, 1))
    return [
        f"  {name:<{ids}}  {label:<{labels}}  {one_line(_shorten(row['sequence']))}"
        for (name, label), row in zip(named, head, strict=True)
    ]


def _shorten(sequence: object) -> str:
    """Text unchanged, tokens separated by blanks, a series as its size and the start of each channel."""
    if isinstance(sequence, list) and sequence and isinstance(sequence[0], list):
        size = f"{plural(len(sequence), 'channel')} of {plural(len(sequence[0]), 'point')}: "
        text = size + "; ".join(
            " ".join("?" if x is None else f"{x:.4g}" for x in channel[:POINTS]) + " ..." for channel in sequence
        )
    elif isinstance(sequence, list):
        text = " ".join(map(str, sequence))
    else:
        text = repr(sequence)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _splits(counts: dict[str, dict[str, int]]) -> list[str]:
    """One line per split, in the order in which they are used."""
    lines = []
    for name in (name for name in SPLITS if name in counts):
        classes = counts[name]
        shown = [f"{one_line(label)} {count}" for label, count in list(classes.items())[:CLASSES]]
        shown += [f"{len(classes) - CLASSES} more classes"] if len(classes) > CLASSES else []
        lines.append(f"  {name:<5} {sum(classes.values()):>6} rows: {', '.join(shown)}")
    return lines


def _checks(checked: Ref) -> list[str]:
    lines = checks_text(read_checks(checked))
    found = reason_lines(checked.folder / "rejects.parquet")
    reasons = ["rejected rows (`seqcls rejects` lists them all):", *(f"  {line}" for line in found)] if found else []
    return [*(f"  {line}" for line in lines), *reasons]


def _network(workspace: Workspace, encoded: Ref) -> list[str]:
    from seqcls.encoders import load_encoder
    from seqcls.encoders.encode import unit_hints

    encoder = load_encoder(encoded.folder)
    meta = read_meta(encoded, EncodedMeta)
    cut, share = sum(meta.truncated.values()), meta.unknown_share.get("valid", 0.0)
    unknown = "" if workspace.pipeline.kind == "series" else f"; unknown share of validation {share:.2%}"
    return [
        f"  encoded: at most {encoder.inputs.max_length} positions; {plural(cut, 'row')} cut{unknown}",
        *(f"  warning: {hint}" for hint in unit_hints(workspace.pipeline, meta)),
        *_training(workspace.pipeline, encoder),
    ]


def _training(pipeline: Pipeline, encoder: Encoder) -> list[str]:
    """What would be trained, or tried."""
    from seqcls.models.building import build_model

    classes = len(encoder.labels)
    if pipeline.model.trained == "search":
        from seqcls.search.presets import presets_for

        names = ", ".join(preset.name for preset in presets_for(pipeline))
        return [
            f"  network: auto, {classes} classes; would try {names}",
            f"  within {pipeline.train.budget}, then check the gate",
        ]
    with enough_memory("network", "choose a smaller network in [model]"):
        parameters = sum(p.numel() for p in build_model(pipeline.model, encoder.inputs, classes).parameters())
    epochs = f"train for at most {pipeline.train.epochs} epochs"
    training = "fit in one go" if pipeline.model.trained == "fit" else epochs
    return [
        f"  network: {pipeline.model.family}, {parameters:,} parameters, {classes} classes",
        f"  would {training}, then check the gate",
    ]
