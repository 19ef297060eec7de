"""`seqcls check`: what would happen. Reads and validates every row for real, trains nothing."""

from __future__ import annotations

from seqcls.artefacts import Ref, read_manifest
from seqcls.messages import checks_text
from seqcls.parquet import iterate, shards
from seqcls.stages import encode_stage, ingest_stage, split_stage, validate_stage
from seqcls.validation.checks import read_checks
from seqcls.workspace import Workspace

SHOWN_CHARACTERS = 100


def preview(workspace: Workspace, rows: int) -> str:
    """Text: files, first rows, checks, splits, encoding, the network's size, the next step."""
    pipeline = workspace.pipeline
    table = ingest_stage(workspace).ref
    meta = read_manifest(table)["meta"]
    lines = [
        f"{pipeline.name}: {pipeline.kind}, {len(meta['files'])} files, {meta['rows_in']} rows, "
        f"{meta['rejected']} unreadable"
    ]
    lines += [f"  {file['name']}: {file['rows_in']} rows, {file['rejected']} unreadable" for file in meta["files"][:10]]
    lines += ["first rows:", *_first_rows(workspace, rows)]
    checked = validate_stage(workspace, table).ref
    lines += ["checks:", *_checks(checked)]
    splits = split_stage(workspace, checked).ref
    for name, classes in read_manifest(splits)["meta"]["counts"].items():
        lines.append(
            f"{name + ':':7} {sum(classes.values())} rows: "
            + ", ".join(f"{label} {count}" for label, count in classes.items())
        )
    encoded = encode_stage(workspace, checked, splits).ref
    lines += _network(workspace, encoded)
    lines.append(f"would train {pipeline.model.family} for at most {pipeline.train.epochs} epochs, then ask the gate.")
    lines.append(f"Next: `seqcls train {workspace.loaded.path}`")
    return "\n".join(lines)


def _first_rows(workspace: Workspace, rows: int) -> list[str]:
    table = ingest_stage(workspace).ref
    head = next(iterate(shards(table.folder / "rows"))).slice(0, rows)
    shown = []
    for row in head.to_pylist():
        text = repr(row["sequence"])
        cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
        shown.append(f"  {row['id']}  label={row['label']}  {cut}")
    return shown


def _checks(checked: Ref) -> list[str]:
    lines = checks_text(read_checks(checked))
    return [*(f"  {line}" for line in lines), f"  rejects: {checked.path}/rejects.parquet"]


def _network(workspace: Workspace, encoded: Ref) -> list[str]:
    from seqcls.encoders import load_encoder
    from seqcls.models import build_model

    encoder = load_encoder(encoded.folder)
    meta = read_manifest(encoded)["meta"]
    network = build_model(workspace.pipeline.model, encoder.inputs, len(encoder.labels))
    parameters = sum(p.numel() for p in network.parameters())
    share = meta["unknown_share"].get("valid", 0.0)
    return [
        f"encoded: at most {encoder.inputs.max_length} positions; {sum(meta['truncated'].values())} rows cut; "
        f"unknown share of validation {share:.2%}",
        f"network: {workspace.pipeline.model.family}, {parameters:,} parameters, {len(encoder.labels)} classes",
    ]
