"""Every pipeline file that is shipped loads, and the three worked examples hold the networks they name."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from examples.simulate import write_demo
from examples.simulate.dna import CLASSES as ARRANGEMENTS
from examples.simulate.ecg import CLASSES as RHYTHMS
from examples.simulate.reviews import CLASSES as SENTIMENTS
from seqcls.config import Pipeline, load_pipeline
from seqcls.config.encode import ResidueEncode, TextEncode
from seqcls.models.families.cnn import CnnModel
from seqcls.models.families.recurrent import RecurrentModel

FOLDER = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(FOLDER.rglob("*.toml"))
EXAMPLES = ("reviews", "ecg", "dna")
REAL_DATA = FOLDER.parents[1] / "shared" / "data"


def example(name: str) -> Pipeline:
    return load_pipeline(FOLDER / f"{name}.toml").pipeline


def test_the_configs_are_there() -> None:
    assert {path.stem for path in CONFIGS} >= {*EXAMPLES, "ecg5000", "sst3", "bacterial-promoters", "amp-scanner"}
    assert len(CONFIGS) >= 24


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_loads_and_is_named_as_its_file(path: Path) -> None:
    assert load_pipeline(path).pipeline.name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_says_what_it_is_and_names_no_place_of_one_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert '"/' not in text
    assert max(len(line) for line in text.splitlines()) <= 130


@pytest.mark.parametrize("path", sorted((FOLDER / "real").glob("*.toml")), ids=lambda path: path.stem)
def test_the_files_of_the_real_data_sets_are_where_their_configs_say(path: Path) -> None:
    if not REAL_DATA.is_dir():
        pytest.skip("the real data sets (../shared/data) are not on this machine")
    loaded = load_pipeline(path)
    source = loaded.pipeline.source
    for name in (*source.files, *source.train, *source.valid, *source.test, *source.label_files):
        assert (loaded.folder / name).is_file(), name


def test_reviews_are_an_lstm_of_128_over_100_words_of_10_000() -> None:
    pipeline = example("reviews")
    encode, model = pipeline.encode, pipeline.model
    assert isinstance(encode, TextEncode)
    assert (encode.unit, encode.max_length, encode.vocabulary) == ("words", 100, 10_000)
    assert isinstance(model, RecurrentModel)
    assert (model.family, model.embedding, model.width, model.depth, model.bidirectional) == (
        "lstm",
        128,
        128,
        1,
        False,
    )
    assert (model.pooling, model.dense) == ("last", 0)
    assert tuple(pipeline.rules.label_set) == SENTIMENTS


def test_ecg_is_a_cnn_of_32_and_64_filters_of_5_over_500_points() -> None:
    pipeline = example("ecg")
    model = pipeline.model
    assert isinstance(model, CnnModel)
    assert (model.filters, model.kernel, model.pool, model.pooling, model.dense) == ([32, 64], 5, 2, "flatten", 128)
    assert pipeline.encode.max_length == 500
    assert tuple(pipeline.rules.label_set) == RHYTHMS


def test_dna_is_a_gru_of_64_over_150_bases() -> None:
    pipeline = example("dna")
    encode, model = pipeline.encode, pipeline.model
    assert isinstance(encode, ResidueEncode)
    assert (encode.unit, encode.max_length) == ("residues", 150)
    assert isinstance(model, RecurrentModel)
    assert (model.family, model.embedding, model.width, model.depth, model.bidirectional) == ("gru", 32, 64, 1, False)
    assert (model.pooling, model.dense) == ("last", 0)
    assert tuple(pipeline.rules.label_set) == ARRANGEMENTS


@pytest.mark.slow
def test_the_examples_read_what_the_demo_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("examples.simulate.DEMO_ROWS", {"reviews": 40, "ecg": 40, "dna": 40})
    write_demo(tmp_path / "demo" / "data")
    for name in EXAMPLES:
        pipeline = example(name)
        for patterns, number in ((pipeline.source.files, 2), (pipeline.score.files, 4)):
            names = [f"../{path.relative_to(tmp_path)}" for path in tmp_path.rglob("*") if path.is_file()]
            found = [file for file in names if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)]
            assert len(found) == number, (name, patterns)
