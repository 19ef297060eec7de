"""The n-gram family: what is counted, what it weighs, how weights are found, the whole road on text and DNA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from seqcls.config.encode import ResidueEncode, TextEncode
from seqcls.config.loading import parse_pipeline
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders import Encoder, InputSpec, fit_encoder, load_encoder, save_encoder
from seqcls.errors import ConfigRefused
from seqcls.models.building import build_model
from seqcls.models.families.ngrams import NgramsModel
from seqcls.models.fitted import FitRecord, FitRows
from seqcls.models.network import BothStrands
from seqcls.models.ngrams import rows as ngram_rows
from seqcls.models.ngrams import solver
from seqcls.models.ngrams.bags import count, look_up
from seqcls.models.ngrams.descent import descend
from seqcls.models.ngrams.hashing import NOTHING, mix, run_hashes
from seqcls.models.ngrams.network import NgramNetwork
from seqcls.models.ngrams.rows import Design, KeyCounter, RowBlocks
from seqcls.models.ngrams.solver import Problem
from seqcls.models.ngrams.words import characters_within, words_of
from seqcls.models.package import load_model, predict_logits
from seqcls.store.artefacts import ArtefactStore
from seqcls.training.train import train
from tests.seqcls.encoded_examples import SPECS, write_encoded

TEXTS = [
    "A fine film, fine indeed!", "Don't go: it's a dull, dull film.", "fine acting and a fine plot", "dull acting",
    "A dull plot; don't", "The plot is fine.", "an indeed fine plot", "a film as dull as its plot",
]  # fmt: skip
LABELS = [1, 0, 1, 0, 0, 1, 1, 0]


def encoder_of(kind: str, texts: list[str], config: Any) -> Encoder:
    return fit_encoder(kind, config, lambda: iter([pa.array(texts)]), ["bad", "good"])  # type: ignore[arg-type]


def split_of(encoder: Encoder, texts: list[str], labels: list[int]) -> EncodedSplit:
    table = pa.table(
        {
            "id": [str(row) for row in range(len(texts))],
            "label": pa.array(labels, pa.int32()),
            "sequence": encoder.encode(pa.array(texts)).sequence,
        }
    )
    return EncodedSplit.from_arrow(table, encoder.inputs)


def fit(config: NgramsModel, split: EncodedSplit, spec: InputSpec, classes: int = 2) -> tuple[Any, FitRecord]:
    model = build_model(config, spec, classes)
    network = model.network if isinstance(model, BothStrands) else model
    assert isinstance(network, NgramNetwork)
    with torch.inference_mode():
        record = network.fit(FitRows(split, split, spec, np.ones(len(split)), 0))
    return model.eval(), record


def logits_of(model: Any, split: EncodedSplit, spec: InputSpec) -> np.ndarray[Any, Any]:
    with torch.inference_mode():
        found: np.ndarray[Any, Any] = model(split.collate(np.arange(len(split)), spec)).numpy()
    return found


def words_in(text: str) -> list[str]:
    """The words that the characters of a text make, told by their ids."""
    encoder = encoder_of("text", [text], TextEncode(unit="characters"))
    assert encoder.inputs.word_parts is not None
    split = split_of(encoder, [text], [0])
    tokens = split.collate(np.array([0]), encoder.inputs).tokens
    assert tokens is not None
    words = words_of(mix(tokens), torch.tensor(encoder.inputs.word_parts)[tokens])
    places = sorted(set(zip(words.first[0].tolist(), words.last[0].tolist(), strict=True)))
    written = encoder.decode(encoder.encode(pa.array([text])).sequence)[0].as_py()  # in canonical form
    spelt = [written[first : last + 1] for first, last in places if last >= 0]
    assert len(spelt) == int(words.counts[0])
    ids = words.ids[0].tolist()
    assert len(set(ids)) == len(set(spelt)), "equal words have equal ids, others have not"
    return spelt


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop, it's 3.14!", ["don't", "stop", ",", "it's", "3", ".", "14", "!"]),
        ("a  b\ta", ["a", "b", "a"]),
        ("'quoted' rock'n'roll", ["'", "quoted", "'", "rock'n'roll"]),
        ("東京 tower 😀😀", ["東", "京", "tower", "😀", "😀"]),
        ("cafe\u0301", ["café"]),
    ],
)
def test_characters_make_words(text: str, words: list[str]) -> None:
    assert words_in(text) == words


def test_a_word_has_the_same_id_wherever_it_stands() -> None:
    encoder = encoder_of("text", TEXTS, TextEncode(unit="characters"))
    split = split_of(encoder, ["fine", "so very fine", "fine!"], [0, 0, 0])
    tokens = split.collate(np.arange(3), encoder.inputs).tokens
    assert tokens is not None
    words = words_of(mix(tokens), torch.tensor(encoder.inputs.word_parts)[tokens])
    assert words.ids[0, 0] == words.ids[1, 2] == words.ids[2, 0] != words.ids[1, 0]


def test_the_characters_of_a_word_by_hand() -> None:
    # "the a": with its edges <the> has the runs <th, the, he> of three; <a> has one, the whole of it: the word itself.
    encoder = encoder_of("text", ["the a"], TextEncode(unit="characters"))
    split = split_of(encoder, ["the a"], [0])
    tokens = split.collate(np.array([0]), encoder.inputs).tokens
    assert tokens is not None
    words = words_of(mix(tokens), torch.tensor(encoder.inputs.word_parts)[tokens])
    (inner, any_place), (_, opening), (_, closing) = characters_within(mix(tokens), words, 3)
    assert any_place.tolist() == [[True, False, False]]
    assert opening.tolist() == [[True, False, False, False]]
    assert closing.tolist() == [[False, True, False, False]]
    assert inner[0, 0] == run_hashes(mix(tokens), 3)[0, 0]


def test_a_bag_by_hand() -> None:
    keys = torch.tensor([[7, 5, 7, NOTHING], [5, NOTHING, NOTHING, NOTHING], [NOTHING] * 4])
    bag = count(keys)
    assert list(zip(bag.rows.tolist(), bag.keys.tolist(), bag.counts.tolist(), strict=True)) == [
        (0, 5, 1), (0, 7, 2), (1, 5, 1),
    ]  # fmt: skip
    known = look_up(bag, torch.tensor([5, 6, 7]), rows=3)
    assert known.slots.tolist() == [0, 2, 0]
    twice = 1 + np.log(2)
    np.testing.assert_allclose(known.values, [1 / np.hypot(1, twice), twice / np.hypot(1, twice), 1.0], rtol=1e-6)
    assert look_up(bag, torch.tensor([6]), rows=3).rows.tolist() == []


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(1, 8), min_size=1, max_size=13), min_size=1, max_size=6), st.integers(0, 9))
def test_values_do_not_depend_on_padding_or_neighbours_and_each_pattern_has_length_one(
    rows: list[list[int]], padding: int
) -> None:
    model = build_model(NgramsModel(opening=2), SPECS["tokens"], 3)
    table = pa.table({"id": [str(n) for n in range(len(rows))], "sequence": pa.array(rows, pa.list_(pa.int32()))})
    split = EncodedSplit.from_arrow(table, SPECS["tokens"])
    batch = split.collate(np.arange(len(rows)), SPECS["tokens"])
    padded = list(model.patterns(batch.pad_to(batch.width + padding), False))
    assert len(padded) == 3, "words of 1 and 2, and the opening"
    for place, keys in enumerate(padded):
        bag = count(keys)
        known = look_up(bag, torch.unique(bag.keys), len(rows))
        for row in range(len(rows)):
            alone = list(model.patterns(split.collate(np.array([row]), SPECS["tokens"]), False))[place]
            assert count(alone).keys.tolist() == bag.keys[bag.rows == row].tolist()
            assert float(known.values[known.rows == row].square().sum()) == pytest.approx(1.0, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=12))
def test_keys_are_counted_once_a_row_and_in_any_order(rows: list[list[int]]) -> None:
    counter = KeyCounter()
    for row in rows:
        counter.add(np.unique(np.array(row, np.int64)))
    expected = {key: sum(key in row for row in rows) for row in rows for key in row}
    wanted = sorted(key for key, rows_with in expected.items() if rows_with >= 2) or sorted(expected)
    assert counter.frequent(2, 1000).tolist() == wanted
    best = sorted(wanted, key=lambda key: (-expected[key], key))[:3]
    assert counter.frequent(2, 3).tolist() == sorted(best)


def test_the_count_drops_the_rarest_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_rows, "MOST_COUNTED", 50)
    counter = KeyCounter()
    for start in range(0, 1000, 100):
        counter.add(np.concatenate([np.arange(10), np.arange(1000 + start, 1100 + start)]))
    assert counter.frequent(2, 1000).tolist() == list(range(10))


def test_descent_finds_the_minimum_of_a_crooked_valley() -> None:
    # sum of (a_i x_i - 1)^2 with a from 0.03 to 30: the minimum is at 1 / a.
    steepness = np.geomspace(0.03, 30.0, 7)

    def measure(at: np.ndarray[Any, Any]) -> tuple[float, np.ndarray[Any, Any]]:
        away = steepness * at - 1.0
        return float(away @ away), 2 * steepness * away

    np.testing.assert_allclose(descend(measure, np.zeros(7), 500, 1e-15), 1 / steepness, rtol=1e-3)


@pytest.mark.slow
def test_the_fit_agrees_with_scikit_learn() -> None:
    """TF-IDF without IDF on words and word pairs, each of length 1, and LogisticRegression of the same strength."""
    encoder = encoder_of("text", TEXTS, TextEncode(unit="characters"))
    split = split_of(encoder, TEXTS, LABELS)
    config = NgramsModel(words=2, characters=[0, 0], min_rows=1, weighting="even", strength=5.0)
    model, record = fit(config, split, encoder.inputs)

    def pairs(text: str) -> list[str]:
        words = ["<", *words_in(text), ">"]
        return [" ".join(words[place : place + 2]) for place in range(len(words) - 1)]

    settings = {"use_idf": False, "sublinear_tf": True, "lowercase": False, "token_pattern": None}
    blocks = [TfidfVectorizer(tokenizer=cut, **settings).fit_transform(TEXTS).toarray() for cut in (words_in, pairs)]
    theirs = LogisticRegression(C=5.0, tol=1e-10, max_iter=10_000).fit(np.hstack(blocks) / 2**0.5, LABELS)
    expected = theirs.decision_function(np.hstack(blocks) / 2**0.5)
    found = logits_of(model, split, encoder.inputs)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], expected, atol=1e-3)
    np.testing.assert_allclose(record.logits, found, atol=1e-5)


@pytest.mark.parametrize("even_out", [False, True])
def test_several_classes_weights_of_rows_and_scales_agree_with_scikit_learn(even_out: bool) -> None:
    random = np.random.default_rng(0)
    rows = [random.integers(1, 9, random.integers(3, 14)).tolist() for _ in range(60)]
    labels = random.integers(0, 3, 60)
    spec = SPECS["tokens"]
    table = pa.table(
        {"id": [str(n) for n in range(60)], "label": pa.array(labels, pa.int32()),
         "sequence": pa.array([row[:13] for row in rows], pa.list_(pa.int32()))}
    )  # fmt: skip
    split = EncodedSplit.from_arrow(table, spec)
    network = build_model(NgramsModel(words=1), spec, 3)
    blocks = RowBlocks(network.patterns, split, spec, by_place=False)
    design = Design(blocks, torch.from_numpy(blocks.frequent(1, 100)))
    importance = random.uniform(0.5, 2.0, 60)
    scale = random.uniform(0.5, 2.0, (design.width, 1)).astype(np.float32)
    problem = Problem(design, labels, importance, 3, scale.repeat(3, axis=1), even_out=even_out)
    found = problem.solve(4.0, lambda most: None)
    counts = np.array([[row[:13].count(word) for word in range(1, 9)] for row in rows])
    x = TfidfTransformer(use_idf=False, sublinear_tf=True).fit_transform(counts).toarray()
    columns = [np.unique(network.patterns.codes[word : word + 1].numpy())[0] for word in range(1, 9)]
    # a scale of a feature is a prior as wide: the same as scaling the feature
    by_word = scale[np.argsort(np.argsort(columns)), 0]
    theirs = LogisticRegression(C=4.0, tol=1e-10, max_iter=10_000).fit(x * by_word, labels, sample_weight=importance)
    expected = theirs.decision_function(x * by_word)
    ours = found.logits(design)
    np.testing.assert_allclose(ours - ours.mean(1, keepdims=True), expected, atol=2e-3)


@pytest.mark.slow
def test_blocks_that_are_made_again_give_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = encoder_of("text", TEXTS, TextEncode(unit="characters"))
    split = split_of(encoder, TEXTS, LABELS)
    _, kept = fit(NgramsModel(strength=3.0), split, encoder.inputs)
    monkeypatch.setattr(ngram_rows, "MOST_BYTES", 0)
    monkeypatch.setattr(ngram_rows, "POSITIONS_PER_BLOCK", 60)
    _, made_again = fit(NgramsModel(strength=3.0), split, encoder.inputs)
    np.testing.assert_allclose(made_again.logits, kept.logits, atol=1e-5)


def zipf_problem(monkeypatch: pytest.MonkeyPatch, even_out: bool) -> tuple[Problem, Design]:
    """Words as frequent as in texts, 400 rows in many blocks; the first word decides the class."""
    monkeypatch.setattr(ngram_rows, "POSITIONS_PER_BLOCK", 600)
    random, spec = np.random.default_rng(3), InputSpec(form="tokens", max_length=12, vocabulary=900)
    rows = np.minimum(random.zipf(1.3, (400, 12)), 898) + 1
    labels = (rows[:, 0] % 3).astype(np.int64)
    table = pa.table({"id": [str(n) for n in range(400)], "label": pa.array(labels, pa.int32()),
                      "sequence": pa.array(rows.tolist(), pa.list_(pa.int32()))})  # fmt: skip
    network = build_model(NgramsModel(words=2), spec, 3)
    blocks = RowBlocks(network.patterns, EncodedSplit.from_arrow(table, spec), spec, by_place=False)
    design = Design(blocks, torch.from_numpy(blocks.frequent(1, 10_000)))
    scale = np.ones((design.width, 3), np.float32)
    return Problem(design, labels, np.ones(400), 3, scale, even_out=even_out), design


def test_gathered_blocks_hold_the_same_rows_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_rows, "ENTRIES_PER_COLUMN", 1)
    _, design = zipf_problem(monkeypatch, even_out=True)
    before = list(design.blocks())
    design.gather()
    after = list(design.blocks())
    assert 1 < len(after) < len(before)
    assert np.concatenate([rows for rows, _ in after]).tolist() == np.concatenate([r for r, _ in before]).tolist()
    assert (vstack([block for _, block in after]) != vstack([block for _, block in before])).nnz == 0


def test_blocks_that_are_not_all_in_memory_are_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_rows, "MOST_BYTES", 5_000)
    _, design = zipf_problem(monkeypatch, even_out=True)
    before = [rows.tolist() for rows, _ in design.blocks()]
    design.gather()
    assert [rows.tolist() for rows, _ in design.blocks()] == before


def test_threads_change_no_bit_of_loss_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, design = zipf_problem(monkeypatch, even_out=True)
    at = np.random.default_rng(0).normal(size=problem.at.shape).astype(problem.at.dtype)
    found, threads = [], torch.get_num_threads()
    try:
        for count_of_threads in (1, 3):
            torch.set_num_threads(count_of_threads)
            found.append(problem.loss(at, 2.0))
    finally:
        torch.set_num_threads(threads)
    assert len(list(design.blocks())) > 3
    assert found[0][0] == found[1][0]
    assert np.array_equal(found[0][1], found[1][1])


@pytest.mark.slow
def test_evened_out_a_dozen_steps_come_nearer_to_the_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {}
    for even_out in (False, True):
        problem, _ = zipf_problem(monkeypatch, even_out)
        problem.solve(30.0, lambda most: None)
        least = problem.loss(problem.at, 30.0)[0]
        again, _ = zipf_problem(monkeypatch, even_out)
        again.effort = again.effort._replace(steps=solver.EVENED.steps)
        again.solve(30.0, lambda most: None)
        left[even_out] = again.loss(again.at, 30.0)[0] - least
    assert left[True] < 0.2 * left[False], "of the loss that is left to win"


def test_words_that_training_never_saw_are_judged_by_their_parts() -> None:
    texts = ["wonderful", "wonderfully done", "wonder", "dreadful", "dreadfully slow", "dread"] * 2
    encoder = encoder_of("text", texts, TextEncode(unit="characters"))
    model, _ = fit(NgramsModel(), split_of(encoder, texts, [1, 1, 1, 0, 0, 0] * 2), encoder.inputs)
    new = split_of(encoder, ["wondrously", "dreadlike", "zzz"], [0, 0, 0])
    logits = logits_of(model, new, encoder.inputs)
    margin = logits[:, 1] - logits[:, 0]
    assert margin[0] > 0.3
    assert margin[1] < -0.3
    assert logits[2].tolist() == model.bias.tolist(), "nothing is known of it"


def windows(rows: int, seed: int) -> tuple[list[str], list[int]]:
    """DNA of one length: class 1 has TATA in the middle, class 0 near the end."""
    random = np.random.default_rng(seed)
    letters = random.choice(list("ACGT"), (rows, 30))
    labels = [row % 2 for row in range(rows)]
    for row, label in enumerate(labels):
        place = 12 if label else 22
        letters[row, place : place + 4] = list("TATA")
    return ["".join(row) for row in letters], labels


@pytest.mark.slow
def test_places_are_looked_at_in_windows_of_one_length_only() -> None:
    train_rows, test_rows = windows(120, 0), windows(100, 1)
    encoder = encoder_of("dna", train_rows[0], ResidueEncode())
    accuracy = {}
    for by_place in (None, False):
        model, _ = fit(NgramsModel(by_place=by_place), split_of(encoder, *train_rows), encoder.inputs)
        assert bool(model.by_place) == (by_place is None)
        found = logits_of(model, split_of(encoder, *test_rows), encoder.inputs).argmax(1)
        accuracy[by_place] = (found == test_rows[1]).mean()
    assert accuracy[None] > 0.95
    assert accuracy[False] < 0.7
    shorter = [train_rows[0][0][:-1], *train_rows[0][1:]]
    model, _ = fit(NgramsModel(), split_of(encoder, shorter, train_rows[1]), encoder.inputs)
    assert not model.by_place


def test_both_strands_are_fitted_as_they_are_scored() -> None:
    sequences, labels = windows(60, 2)
    encoder = encoder_of("dna", sequences, ResidueEncode(strand="both"))
    split = split_of(encoder, sequences, labels)
    model, record = fit(NgramsModel(), split, encoder.inputs)
    assert isinstance(model, BothStrands)
    np.testing.assert_allclose(record.logits, logits_of(model, split, encoder.inputs), atol=1e-4)
    turned = [sequence[::-1].translate(str.maketrans("ACGT", "TGCA")) for sequence in sequences]
    other = logits_of(model, split_of(encoder, turned, labels), encoder.inputs)
    np.testing.assert_allclose(other, logits_of(model, split, encoder.inputs), atol=1e-5)


def test_an_ambiguous_letter_breaks_every_run_that_it_is_in() -> None:
    encoder = encoder_of("dna", ["ACGT" * 5], ResidueEncode())
    model = build_model(NgramsModel(letters=2, gaps=3), encoder.inputs, 2)
    batch = split_of(encoder, ["ACNGT"], [0]).collate(np.array([0]), encoder.inputs)
    runs = [int((keys != NOTHING).sum()) for keys in model.patterns(batch, True)]
    # letters: 4, by place 4; pairs of neighbours: AC, GT, by place 2; at distance 2: C.G; at 3: A..G and C..T
    assert runs == [4, 4, 2, 2, 1, 2]


def road(kind: str, model: dict[str, Any], **sections: Any) -> Any:
    document = {"name": "example", "kind": kind, "source": {"format": "csv", "files": ["rows.csv"]}, **sections}
    return parse_pipeline({**document, "model": {"family": "ngrams", **model}}, "example.toml")


def test_text_is_read_by_characters_unless_the_config_says_otherwise() -> None:
    assert road("text", {}).encode.unit == "characters"
    assert road("text", {}, encode={"max_length": 50}).encode.unit == "characters"
    assert road("text", {}, encode={"unit": "words"}).encode.unit == "words"


def test_series_are_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigRefused, match=r'model\.family = "ngrams" is for letters.*, not for series'):
        parse_pipeline(
            {"name": "example", "kind": "series", "source": {"format": "ucr", "files": ["a.tsv"]},
             "model": {"family": "ngrams"}},
            "example.toml",
        )  # fmt: skip
    with pytest.raises(ConfigRefused, match=r'model\.family = "ngrams" is for letters.*, not for series'):
        build_model(NgramsModel(), SPECS["values"], 2)


@pytest.mark.parametrize("wrong", [[6, 3], [0, 3], [1, 3]])
def test_runs_of_characters_out_of_order_are_refused(wrong: list[int]) -> None:
    with pytest.raises(ConfigRefused, match=r"such as \[3, 6\], from 2 on; \[0, 0\] for none"):
        road("text", {"characters": wrong})


@pytest.mark.slow
def test_the_model_that_is_loaded_scores_like_the_one_that_was_fitted(tmp_path: Path) -> None:
    encoder = encoder_of("text", TEXTS, TextEncode(unit="characters"))
    table = pa.table(
        {"id": [str(row) for row in range(8)], "label": pa.array(LABELS, pa.int32()),
         "sequence": encoder.encode(pa.array(TEXTS)).sequence, "truncated": [False] * 8,
         "unknown": pa.array([0] * 8, pa.int32())}
    )  # fmt: skip
    encoded = write_encoded(
        tmp_path, encoder.inputs, {"train": table, "valid": table, "test": table}, ["bad", "good"], shard=3
    )
    pipeline = road("text", {}, train={"threads": 1})
    digests = [train(encoded, pipeline, ArtefactStore(tmp_path)).ref for _ in range(2)]
    assert digests[0].digest == digests[1].digest, "no seed, no clock"
    logits = predict_logits(load_model(digests[0]), EncodedSplit.open(encoded, "test"), 3)
    assert (logits.argmax(1) == LABELS).all()
    [history] = json.loads((digests[0].folder / "history.json").read_text())
    assert history["accuracy"] == 1.0


def test_what_characters_are_to_words_is_kept_with_the_encoder_and_absent_from_older_ones(tmp_path: Path) -> None:
    encoder = encoder_of("text", TEXTS, TextEncode(unit="characters"))
    save_encoder(encoder, tmp_path)
    assert load_encoder(tmp_path).inputs.word_parts == encoder.inputs.word_parts is not None
    older = InputSpec(form="tokens", max_length=3, vocabulary=9)
    assert "word_parts" not in older.model_dump(), "the fingerprints of older encoders stay what they were"
    assert InputSpec.model_validate(older.model_dump()) == older
