"""Every remedy that a message names for a damaged artefact is carried out, and helps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqcls.store.manifest import MANIFEST
from tests.reliability.damaging import flip
from tests.reliability.invariants import Books, count_final
from tests.reliability.processes import Nursery

Copy = Callable[[Path], Path]


def damage(config: Path, kind: str, name: str = "") -> None:
    """One artefact of a kind, in its largest file or the one named."""
    folder = next(iter(sorted((config.parent / "store" / "artefacts" / kind).iterdir())))
    files = sorted((path for path in folder.rglob(name or "*") if path.is_file()), key=lambda path: path.stat().st_size)
    flip(files[-1])


def sick(config: Path, nursery: Nursery) -> str:
    done = nursery.run("doctor", config)
    assert done.status == 3, done.text
    assert "Traceback" not in done.text
    (line,) = [line for line in done.text.splitlines() if line.startswith("  NO ")]
    return line


@pytest.mark.fault(
    "N03",
    tried="one artefact of each kind damaged; the command that doctor names for it",
    outcome="doctor finds nothing afterwards",
)
@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("table", "train"), ("checked", "train"), ("splits", "train"), ("encoded", "train"), ("model", "train"),
        ("evaluation", "train"), ("alias_move", "score"), ("scores", "doctor --repair"),
    ],
)  # fmt: skip
def test_the_remedy_of_each_kind_helps(
    kind: str, command: str, scored: Path, trained: Path, nursery: Nursery, copy: Copy
) -> None:
    config = copy(scored if kind == "scores" else trained)
    damage(config, kind)
    verb, *options = command.split()
    assert f"Next: `seqcls {verb} CONFIG{' ' if options else ''}{' '.join(options)}`" in sick(config, nursery)
    done = nursery.run(verb, config, *options)
    assert done.status == 0, done.text
    healed = nursery.run("doctor", config)
    assert healed.status == 0, healed.text


def test_a_damaged_champion_is_rolled_back_from(promoted: Path, nursery: Nursery, copy: Copy) -> None:
    """What doctor says to do until the training is run again."""
    config = copy(promoted)
    weights = sorted((config.parent / "store" / "artefacts" / "model").rglob("weights.safetensors"), key=written)[-1]
    flip(weights)
    assert "until then `seqcls rollback CONFIG` if it is the champion" in sick(config, nursery)
    assert nursery.run("score", config).status == 0, "nothing new: no model is opened"
    done = nursery.run("rollback", config)
    assert done.status == 0, done.text
    assert "is now pairs@v1" in done.text


def written(path: Path) -> int:
    return path.stat().st_mtime_ns


def test_rows_of_a_night_that_nothing_needs_are_set_aside(scored: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(scored)
    for folder in (config.parent / "store" / "artefacts" / "checked").iterdir():
        if "incoming" in (folder / MANIFEST).read_text():
            flip(folder / "rows" / "part-00000.parquet")
    assert "of a stage that need not run again" in sick(config, nursery)
    done = nursery.run("doctor", config, "--repair")
    assert done.status == 0, done.text
    assert "was damaged: set aside" in done.text
    assert nursery.run("score", config, "--rescore", "--dry-run").status == 0
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N21",
    tried="a file, a folder and a link of other names in artefacts/ and in artefacts/KIND; doctor, its --repair, gc",
    outcome="doctor names the first one among its findings and looks at all else; --repair and gc go on",
)
def test_stray_files_among_the_artefacts_stop_nothing(scored: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(scored)
    artefacts = config.parent / "store" / "artefacts"
    (artefacts / "notes.txt").write_text("keep the scores of May\n")
    (artefacts / "scores" / "copy of it").mkdir()
    (artefacts / "model" / ("f" * 64)).write_text("named as an artefact, and none\n")
    (artefacts / "table" / "loop").symlink_to(artefacts / "table" / "loop")
    line = sick(config, nursery)
    assert line.startswith("  NO  stray files: 4 among the artefacts: ")
    assert "move them elsewhere" in line
    assert nursery.run("doctor", config, "--repair").status == 3, "repaired, and still not tidy"
    done = nursery.run("gc", config, "--age", "0")
    assert done.status == 0, done.text
    assert "deleted: " in done.text
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()
