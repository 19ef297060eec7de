"""`family = "auto"` on text without [encode]: the bag of n-grams reads characters, networks words, on the same rows."""

from __future__ import annotations

import csv
import json
import random
import string
from pathlib import Path

import pytest

from seqcls.cli import main
from seqcls.config.encode import TextEncode
from seqcls.config.loading import load_pipeline
from seqcls.data.encoded_split import read_inputs
from seqcls.evaluation.tried import read_search
from seqcls.registry.versions import champion
from seqcls.search.presets import encodings_beside
from seqcls.store.artefacts import Ref
from seqcls.workspace import open_workspace

CONFIG = """
name = "endings"
kind = "text"
[source]
format = "csv"
files = ["data/*.csv"]
id = "id"
[model]
family = "auto"
candidates = ["cnn"]
[train]
budget = "40m"
epochs = 2
threads = 1
[score]
files = ["incoming/*.csv"]
"""


def sentence(rng: random.Random, label: str) -> str:
    """No word comes twice; only the end of one of them says the class."""
    words = ["".join(rng.choices(string.ascii_lowercase, k=7)) for _ in range(rng.randint(3, 6))]
    words[rng.randrange(len(words))] += {"action": "ing", "quality": "ous"}[label]
    return " ".join(words)


def write_rows(path: Path, rows: int, *, labelled: bool) -> None:
    rng = random.Random(path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "sequence", "label"] if labelled else ["id", "sequence"])
        for number in range(rows):
            label = rng.choice(["action", "quality"])
            row = [f"{path.stem}-{number}", sentence(rng, label)]
            writer.writerow([*row, label] if labelled else row)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained and scored pipeline."""
    folder = tmp_path_factory.mktemp("endings")
    write_rows(folder / "data" / "train.csv", 400, labelled=True)
    write_rows(folder / "incoming" / "night.csv", 30, labelled=False)
    config = folder / "endings.toml"
    config.write_text(CONFIG)
    assert main(["train", str(config)]) == 0
    return config


def trained(config: Path) -> tuple[Ref, dict[str, float]]:
    """The champion's artefact and its figures on the test split."""
    with open_workspace(config) as workspace:
        version = champion(workspace)
        metrics = json.loads(
            (workspace.store.ref("evaluation", version.evaluation_digest).folder / "metrics.json").read_bytes()
        )
        model = workspace.store.ref("model", version.model_digest)
        assert version.inputs["encoded"] == made_of(model)
    return model, metrics["test"]


def made_of(model: Ref) -> str:
    digest: str = json.loads((model.folder / "manifest.json").read_bytes())["inputs"]["encoded"]
    return digest


@pytest.mark.slow
def test_the_bag_of_n_grams_sees_parts_of_words_that_no_vocabulary_holds(project: Path) -> None:
    model, figures = trained(project)
    found = read_search(model.folder)
    assert found is not None
    assert found.chosen == "ngrams"
    assert figures["accuracy"] > 0.9
    scores = {one.name: one.score or 0.0 for one in found.candidates}
    assert scores["cnn"] < 0.7, "words that come once teach a network of words nothing"
    assert read_inputs(model.folder)[0].max_length > 20, "characters, not words"


@pytest.mark.slow
def test_the_pinned_lines_give_the_same_weights(project: Path) -> None:
    model, _ = trained(project)
    found = read_search(model.folder)
    assert found is not None
    assert '[encode]\nunit = "characters"' in found.pin
    assert found.whole, "the chosen bag learns the validation rows too"
    assert "[split]\nvalid = 0.0" in found.pin
    head, _, tail = CONFIG.partition("[model]")
    pinned = project.with_name("pinned.toml")
    pinned.write_text(f"{head}{found.pin}\n[score]{tail.partition('[score]')[2]}")
    assert main(["train", str(pinned)]) == 0
    again, _ = trained(pinned)
    weights = [(ref.folder / "weights.safetensors").read_bytes() for ref in (model, again)]
    assert weights[0] == weights[1]
    assert made_of(again) == made_of(model)


@pytest.mark.slow
def test_the_model_scores_new_text(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(project)]) == 0
    assert "30 rows in = 30 scored" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("encode", ['unit = "words"', "max_length = 40"])
def test_an_encoding_that_somebody_chose_is_that_of_all_candidates(project: Path, encode: str) -> None:
    other = project.with_name("chosen.toml")
    other.write_text(f"{CONFIG}[encode]\n{encode}\n")
    assert encodings_beside(load_pipeline(other).pipeline) == []
    (beside,) = encodings_beside(load_pipeline(project).pipeline)
    assert beside.encode == TextEncode(unit="characters")
