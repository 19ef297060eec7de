"""The stages of a training run, in their order: `TRAINING` is the one place where it is written.

Each stage imports its work when it runs, so that a run whose stages are all found loads neither torch nor
Great Expectations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from seqcls.config import Pipeline
from seqcls.config.encode import TextEncode
from seqcls.config.families import package_of
from seqcls.listener import SILENT
from seqcls.sources.discover import source_files
from seqcls.stages.stage import Built, Input, Made, Stage, StageResult, artefacts, run, run_on
from seqcls.store.artefacts import ArtefactStore, Ref, read_manifest
from seqcls.store.space import enough_space
from seqcls.table import InputFile, Layout
from seqcls.workspace import Workspace


def run_in_order(run: Callable[[Stage, Made], StageResult], until: Stage | None = None) -> list[StageResult]:
    """Call `run` for each stage of training with what was made before it, up to `until` or the last."""
    made: dict[str, Ref] = {}
    results = []
    for stage in TRAINING:
        results.append(run(stage, dict(made)))
        made[stage.makes] = results[-1].ref
        if stage is until:
            break
    return results


def run_until(workspace: Workspace, until: Stage | None = None) -> list[StageResult]:
    """Run the stages of training in this process, up to `until` or the last."""
    return run_in_order(partial(run, workspace), until)


def made_of(store: ArtefactStore, ref: Ref, kind: str) -> Ref:
    """The artefact of this kind that `ref` was made of, by its manifest."""
    return store.ref(kind, read_manifest(ref)["inputs"][kind])


def _training_files(workspace: Workspace, _made: Made) -> tuple[Input, ...]:
    """All files of [source]; first of all, what killed runs left in the store goes."""
    workspace.store.remove_stale()
    return tuple(source_files(workspace.pipeline.source, workspace.folder))


def _ingest(workspace: Workspace, *files: InputFile) -> Built:
    from seqcls.sources.ingest import ingest

    pipeline, store = workspace.pipeline, workspace.store
    enough_space(store.root, files)
    table = ingest(list(files), pipeline.source, pipeline.kind, store, labelled=True, folder=workspace.folder)
    return Built(table, {})


def _ingest_new(workspace: Workspace, file: InputFile, layout: Layout | None = None) -> Built:
    """`layout`: that of the model which the file is read for."""
    from seqcls.sources.ingest import ingest
    from seqcls.sources.layout import FirstLayout

    pipeline, store = workspace.pipeline, workspace.store
    enough_space(store.root, [file])
    table = ingest(
        [file], pipeline.score_source, pipeline.kind, store, labelled=False, folder=workspace.folder,
        layout=FirstLayout(layout, is_kept=layout is not None),
    )  # fmt: skip
    return Built(table, {})


def _names_are_kept(pipeline: Pipeline) -> tuple[str, ...]:
    """Of formats with columns or channels that go by name; the key of others stays what it was."""
    return ("columns in the order of the file, by name",) if pipeline.source.format in ("wide", "long") else ()


def _validate(workspace: Workspace, table: Ref, *, labelled: bool) -> Built:
    """Rows that break a rule are rejected, with their reasons."""
    from seqcls.errors import DataRefused
    from seqcls.validation.checks import CONFIG
    from seqcls.validation.validate import validate

    pipeline = workspace.pipeline
    budget = pipeline.rules.reject_budget if labelled else pipeline.score.reject_budget
    try:
        return Built(validate(table, pipeline, workspace.store, labelled=labelled, budget=budget), {})
    except DataRefused as error:
        error.next_step = error.next_step.replace(f"rejects {CONFIG}`", f"rejects {workspace.loaded.path}`")
        raise


def _split(workspace: Workspace, checked: Ref) -> Built:
    from seqcls.splitting.split import split

    return Built(split(checked, workspace.pipeline, workspace.store), {})


def _rows_and_pretrained(workspace: Workspace, made: Made) -> tuple[Input, ...]:
    """The rows and their splits; of a pretrained encoder also its files, so that other weights are other rows."""
    rows = made["checked"], made["splits"]
    encode = workspace.pipeline.encode
    if not isinstance(encode, TextEncode) or encode.pretrained is None:
        return rows
    from seqcls.encoders.pretrained import FILES, open_folder

    folder = open_folder(workspace.folder / encode.pretrained)
    return *rows, *(_input_file(folder.path / name) for name in FILES)


def _input_file(path: Path) -> InputFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return InputFile(path, path.name, digest, path.stat().st_size)


def _encode(workspace: Workspace, checked: Ref, splits: Ref, *pretrained: InputFile) -> Built:
    from seqcls.encoders.encode import encode

    pipeline = workspace.pipeline
    if pretrained:
        settings = pipeline.encode.model_copy(update={"pretrained": str(pretrained[0].path.parent)})
        pipeline = pipeline.model_copy(update={"encode": settings})
    return Built(encode(checked, splits, pipeline, workspace.store), {})


def _reference(workspace: Workspace, checked: Ref, splits: Ref) -> Built:
    from seqcls.drift import make_reference

    return Built(make_reference(checked, splits, workspace.pipeline.kind, workspace.store), {})


def _train(workspace: Workspace, encoded: Ref) -> Built:
    """A training that was stopped goes on from its checkpoint."""
    from seqcls.search.search import train_best
    from seqcls.training.train import train

    pipeline, store = workspace.pipeline, workspace.store
    changes: dict[str, object] = {"changes.json": workspace.loaded.changes} if workspace.loaded.changes else {}
    if pipeline.model.trained == "search":
        encode_for = partial(_encode_for, workspace, made_of(store, encoded, "checked"))
        result = train_best(encoded, pipeline, store, encode_for, listener=workspace.listener, attached=changes)
    else:
        result = train(encoded, pipeline, store, listener=workspace.listener, attached=changes)
    return Built(result.ref, {"rows": result.rows, "rows_per_second": result.rows_per_second})


def _encode_for(workspace: Workspace, checked: Ref, pipeline: Pipeline) -> Ref:
    """`checked` as the [split] and [encode] of another pipeline say: a search has candidates that ask for it."""
    loaded = workspace.loaded.model_copy(update={"pipeline": pipeline})
    other = replace(workspace, loaded=loaded, listener=SILENT)
    return run(other, ENCODE, {"checked": checked, "splits": run_on(other, SPLIT, checked).ref}).ref


def _clear_checkpoints(workspace: Workspace, encoded: Ref) -> None:
    """Also those of a run that was killed after its model was recorded; torch is only loaded when there are some."""
    pipeline, store = workspace.pipeline, workspace.store
    if pipeline.model.trained == "search":
        if any((store.root / "search").glob("*")):
            from seqcls.search.search import clear as clear_search

            clear_search(encoded, pipeline, store)
    elif any((store.root / "checkpoints").glob("*")):
        from seqcls.training.checkpoints import clear

        clear(store, encoded, pipeline)


def _model_and_its_rows(workspace: Workspace, made: Made) -> tuple[Input, ...]:
    """The model with the rows that it was trained on: a search may have split and encoded them in another way."""
    encoded = made_of(workspace.store, made["model"], "encoded")
    return made["model"], encoded, made["checked"], made_of(workspace.store, encoded, "splits")


def _evaluate(workspace: Workspace, model: Ref, encoded: Ref, checked: Ref, splits: Ref) -> Built:
    """Figures on the test split, baselines, report, model card."""
    from seqcls.evaluation.evaluate import evaluate

    for ref in (encoded, splits):  # no stage of this run may have looked at them
        workspace.store.whole(ref.kind, ref.digest)
    return Built(evaluate(model, encoded, checked, splits, workspace.pipeline, workspace.store), {})


def _characters_are_canonical(pipeline: Pipeline) -> tuple[str, ...]:
    """Of text by characters; the key of other encoders stays what it was."""
    is_so = isinstance(pipeline.encode, TextEncode) and pipeline.encode.unit == "characters"
    return ("characters in canonical form",) if is_so else ()


def _read_for_some_models(pipeline: Pipeline) -> tuple[str, ...]:
    """A search compares by a metric; another release of a family's package may make another network."""
    if pipeline.model.trained == "search":
        return (pipeline.promote.compare,)
    package = str(package_of(pipeline.model.family))
    return (package,) if package else ()


INGEST = Stage(
    "ingest", version=5, reads=lambda pipeline: (pipeline.source, pipeline.kind, "True"),
    reads_also=_names_are_kept,
    inputs=_training_files, makes="table", make=_ingest,
)  # fmt: skip
VALIDATE = Stage(
    "validate", version=4,
    reads=lambda pipeline: (pipeline.rules, pipeline.kind, "True", str(pipeline.rules.reject_budget)),
    inputs=artefacts("table"), makes="checked", make=partial(_validate, labelled=True),
)  # fmt: skip
SPLIT = Stage(
    "split", version=2, reads=lambda pipeline: (pipeline.split, pipeline.kind),
    inputs=artefacts("checked"), makes="splits", make=_split,
)  # fmt: skip
ENCODE = Stage(
    "encode", version=6, reads=lambda pipeline: (pipeline.encode, pipeline.kind, pipeline.seed),
    reads_also=_characters_are_canonical, inputs=_rows_and_pretrained, makes="encoded", make=_encode,
    smaller="lower encode.max_length or encode.vocabulary",
)  # fmt: skip
TRAIN = Stage(
    "train", version=7, reads=lambda pipeline: (pipeline.model, pipeline.train, pipeline.name, pipeline.seed),
    reads_also=_read_for_some_models,
    inputs=artefacts("encoded"), makes="model", make=_train, finish=_clear_checkpoints,
    smaller="lower train.batch_size or encode.max_length",
)  # fmt: skip
EVALUATE = Stage(
    "evaluate", version=5,
    reads=lambda pipeline: (pipeline.name, pipeline.kind, repr(pipeline.score.abstain_precision)),
    inputs=_model_and_its_rows, makes="evaluation", make=_evaluate, smaller="lower encode.max_length",
)  # fmt: skip
REFERENCE = Stage(
    "reference", version=1, reads=lambda pipeline: (pipeline.kind,),
    inputs=artefacts("checked", "splits"), makes="reference", make=_reference,
)  # fmt: skip
"""What the training rows were like: made once the model is trained, for the rows that it will score."""
TRAINING = (INGEST, VALIDATE, SPLIT, ENCODE, TRAIN, EVALUATE)

# Of files to score, which have no labels.
INGEST_NEW = replace(
    INGEST, reads=lambda pipeline: (pipeline.score_source, pipeline.kind, "False"),
    reads_also=lambda _pipeline: (), make=_ingest_new,
)  # fmt: skip
VALIDATE_NEW = replace(
    VALIDATE, reads=lambda pipeline: (pipeline.rules, pipeline.kind, "False", str(pipeline.score.reject_budget)),
    make=partial(_validate, labelled=False),
)  # fmt: skip
