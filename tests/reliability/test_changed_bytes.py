"""Changed bytes are never used: figures, test rows and manifests that decide something are verified before they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability.damaging import chunks_of, flip
from tests.reliability.invariants import Books, count_final
from tests.reliability.processes import Nursery
from tests.road_data import write_rows

Copy = Callable[[Path], Path]


@pytest.fixture(scope="module")
def abstaining(untrained: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion whose evaluation chose a threshold, so that metrics.json decides who gets a label."""
    import shutil

    config = Path(shutil.copytree(untrained, tmp_path_factory.mktemp("abstaining") / "project")) / "pairs.toml"
    config.write_text(config.read_text() + "abstain_precision = 0.5\n")
    assert nursery.run("train", config).status == 0
    done = nursery.run("promote", config, "--force", "--why", "for the tests")
    assert done.status == 0, done.text
    return config.parent


def one_message(text: str) -> None:
    assert "Traceback" not in text
    assert len([line for line in text.splitlines() if line.startswith("seqcls: ")]) == 1, text


@pytest.mark.fault(
    "N06",
    tried="another digit in the threshold of metrics.json, or metrics.json cut short; predict, score, score --rescore, "
    "promote",
    outcome="one message, exit code 5, that names the file and what makes it again; nothing is labelled, scored or "
    "promoted by it",
)
@pytest.mark.parametrize("how", ["other", "cut"])
def test_damaged_figures_decide_nothing(how: str, abstaining: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(abstaining)
    (metrics,) = (config.parent / "store" / "artefacts" / "evaluation").glob("*/metrics.json")
    text = metrics.read_text()
    assert '"threshold": 0.' in text
    metrics.write_text(text.replace('"threshold": 0.', '"threshold": 1.') if how == "other" else text[: len(text) // 2])
    for command in (("predict", config, "w1 first w2 second"), ("score", config), ("promote", config)):
        done = nursery.run(*command)
        assert done.status == 5, done.text
        one_message(done.text)
        assert f"{metrics}: SHA-256 is" in done.text
        assert "`seqcls train CONFIG` makes it again" in done.text
    assert not list((config.parent / "scores").rglob("*.parquet"))
    assert nursery.run("train", config).status == 0
    assert nursery.run("score", config).status == 0
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N06",
    tried="a bit flipped in the test rows, or in the splits, that challenger and champion are compared on",
    outcome="promote refuses with one message, exit code 5; the champion stays",
)
@pytest.mark.parametrize(("kind", "name"), [("checked", "rows/part-00000.parquet"), ("splits", "splits.parquet")])
def test_damaged_test_rows_compare_nothing(kind: str, name: str, promoted: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(promoted)
    for folder in (config.parent / "store" / "artefacts" / kind).iterdir():
        if "incoming" not in (folder / "manifest.json").read_text():
            flip(folder / name)
    done = nursery.run("promote", config, "--version", "1")
    assert done.status == 5, done.text
    one_message(done.text)
    assert "SHA-256 is" in done.text
    assert "v2" in nursery.run("models", config).text


@pytest.mark.fault(
    "N06",
    tried="the manifest of a chunk of scores changed (an input renamed, half of it gone, brackets 100,000 deep), "
    "then gc, lineage, rescore and doctor",
    outcome="no traceback; gc deletes nothing that is needed; lineage and doctor name the chunk, rescoring ends well",
)
@pytest.mark.parametrize("how", ["renamed", "half", "nested"])
def test_a_damaged_manifest_of_scores_is_one_message(how: str, promoted: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(promoted)
    manifest = chunks_of(config)[0].folder / "manifest.json"
    text = manifest.read_text()
    changed = {"renamed": text.replace('"inputs"', '"Inputs"'), "half": text[: len(text) // 2], "nested": "[" * 100_000}
    manifest.write_text(changed[how])
    cleaned = nursery.run("gc", config, "--age", "0")
    assert cleaned.status == 0, cleaned.text
    for command in (("lineage", config, "nobody"), ("doctor", config)):
        done = nursery.run(*command)
        assert done.status in (3, 5), done.text
        one_message(done.text)
        assert str(manifest.parent)[-60:] in done.text
    again = nursery.run("score", config, "--rescore")
    assert again.status == 0, again.text
    assert nursery.run("doctor", config, "--repair").status == 0
    write_rows(config.parent / "incoming" / "second.csv", 30, seed=2, labelled=False)
    last = nursery.run("score", config)
    assert last.status == 0, last.text
    assert count_final(config) == Books()


@pytest.mark.fault(
    "N06",
    tried="a bit flipped in the manifest of the training table; lineage",
    outcome="the row is found; its training files are said to be not known, and why",
)
def test_a_damaged_training_table_is_said_in_the_lineage(scored: Path, nursery: Nursery, copy: Copy) -> None:
    config = copy(scored)
    for table in (config.parent / "store" / "artefacts" / "table").iterdir():
        if "data/train.csv" in (table / "manifest.json").read_text():
            flip(table / "manifest.json")
    done = nursery.run("lineage", config, "night-3")
    assert done.status == 0, done.text
    assert "training files   not known: " in done.text
