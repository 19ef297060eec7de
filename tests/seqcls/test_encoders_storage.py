"""Encoders as files, and what holds for every encoder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from seqcls.encoders import ENCODERS, Encoder, load_encoder, save_encoder
from seqcls.encoders.base import fingerprint_of
from seqcls.errors import Corrupted, DataRefused
from seqcls.store.artefacts import write_json
from tests.seqcls.encoder_cases import EVERY_ENCODER, column, fit


def example(name: str) -> tuple[Encoder, pa.Array]:
    kind, config, rows = EVERY_ENCODER[name]
    return fit(kind, config, rows), column(kind, rows)


def rewrite(folder: Path, signed: bool, **changes: Any) -> None:
    """Change keys of encoder.json; `signed`: with the fingerprint of the new content."""
    document = json.loads((folder / "encoder.json").read_text()) | changes
    if signed:
        document["fingerprint"] = fingerprint_of(document)
    write_json(folder / "encoder.json", document)


def test_the_examples_cover_every_encoder() -> None:
    covered = {f"{encoder.kind}/{encoder.unit}" for encoder, _ in map(example, EVERY_ENCODER)}
    assert covered | {"text/pretrained"} == set(ENCODERS)  # that one needs a folder: test_pretrained.py


@pytest.mark.parametrize("name", EVERY_ENCODER)
def test_what_is_loaded_encodes_like_what_was_saved(name: str, tmp_path: Path) -> None:
    encoder, rows = example(name)
    save_encoder(encoder, tmp_path)
    loaded = load_encoder(tmp_path)
    assert loaded.to_json() == encoder.to_json()
    assert (loaded.inputs, loaded.labels, loaded.config) == (encoder.inputs, encoder.labels, encoder.config)
    for new, old in zip(loaded.encode(rows), encoder.encode(rows), strict=True):
        # Bytes, not values: a NaN does not equal itself.
        assert [buffer and buffer.to_pybytes() for buffer in new.buffers()] == [
            buffer and buffer.to_pybytes() for buffer in old.buffers()
        ]


@pytest.mark.parametrize("name", EVERY_ENCODER)
def test_rows_are_encoded_alike_together_and_alone(name: str) -> None:
    encoder, rows = example(name)
    together = encoder.encode(rows)
    for row in range(len(rows)):
        for whole, part in zip(together, encoder.encode(rows.slice(row, 1)), strict=True):
            assert str(part[0]) == str(whole[row])
    assert [len(part) for part in encoder.encode(rows.slice(0, 0))] == [0, 0, 0]


@pytest.mark.parametrize("name", EVERY_ENCODER)
def test_every_row_has_a_position_within_the_spec(name: str) -> None:
    encoder, rows = example(name)
    spec, sequence = encoder.inputs, encoder.encode(rows).sequence
    width = spec.channels if spec.form == "values" else 1
    for row in sequence.to_pylist():
        assert width <= len(row) <= spec.max_length * width
        assert spec.form == "values" or 1 <= min(row) <= max(row) < spec.vocabulary
    for table in (spec.composition, spec.complement):
        assert table is None or len(table) == spec.vocabulary


# The mean and deviation of a channel are sums: another order changes their last bits (tested in test_encoders_series).
@pytest.mark.parametrize("name", [name for name in EVERY_ENCODER if name != "channel"])
def test_the_order_of_training_rows_changes_nothing(name: str) -> None:
    kind, config, rows = EVERY_ENCODER[name]
    assert fit(kind, config, rows[::-1]).fingerprint == fit(kind, config, rows[:1], rows[1:]).fingerprint


@pytest.mark.parametrize("name", ["words", "channel", "bpe"])
def test_a_tampered_encoder_is_refused(name: str, tmp_path: Path) -> None:
    save_encoder(example(name)[0], tmp_path)
    rewrite(tmp_path, signed=False, labels=["yes", "no"])
    with pytest.raises(Corrupted, match=r"encoder\.json: the content does not match its fingerprint"):
        load_encoder(tmp_path)


def test_a_tampered_or_missing_tokenizer_is_refused(tmp_path: Path) -> None:
    save_encoder(example("bpe")[0], tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace('"the"', '"teh"'))
    with pytest.raises(Corrupted, match=r"tokenizer\.json: SHA-256 is [0-9a-f]{16}; expected [0-9a-f]{16}"):
        load_encoder(tmp_path)
    path.unlink()
    with pytest.raises(Corrupted, match=r"tokenizer\.json: SHA-256 is no file"):
        load_encoder(tmp_path)


def test_other_formats_and_unknown_keys_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    save_encoder(example("dna")[0], tmp_path)
    rewrite(tmp_path, signed=True, format=2)
    with pytest.raises(DataRefused, match=r"format 2; expected format 1\. Next: use the seqcls version that wrote it"):
        load_encoder(tmp_path)
    rewrite(tmp_path, signed=True, format=1, colour="red")
    with pytest.raises(DataRefused, match=r"colour: Extra inputs are not permitted.*expected the keys format, kind"):
        load_encoder(tmp_path)


@pytest.mark.parametrize(("changes", "message"), [
    ({"unit": "codons"}, "dna/codons"),
    ({"inputs": {"form": "tokens", "max_length": 3, "depth": 1}}, "depth: Extra inputs are not permitted"),
    ({"config": {"unit": "residues", "speed": 1}}, "speed: Extra inputs are not permitted"),
])  # fmt: skip
def test_content_that_this_version_does_not_know_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    save_encoder(example("dna")[0], tmp_path)
    rewrite(tmp_path, signed=True, **changes)
    with pytest.raises(DataRefused, match=message):
        load_encoder(tmp_path)


@pytest.mark.fault(
    "N25",
    tried="encoder.json of 100,000 brackets, empty, cut short, in another encoding, or gone",
    outcome="one message that names the file",
)
@pytest.mark.parametrize(("content", "message"), [
    (None, "no such file"), ("{", "not JSON"), ("[" * 100_000, "not JSON"),
    ("[]", "not a JSON object"), ("\xff", "not JSON"),
])  # fmt: skip
def test_a_file_that_is_no_encoder_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "encoder.json").write_text(content, encoding="latin-1")
    with pytest.raises(Corrupted, match=message):
        load_encoder(tmp_path)


def forged(folder: Path, **parts: Any) -> None:
    """tokenizer.json with other parts, every digest made to fit; a part `model` is joined with that of the file."""
    save_encoder(example("bpe")[0], folder)
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text())
    parts["model"] = document["model"] | parts.get("model", {})
    fit_tokenizer(folder, json.dumps(document | parts))


def fit_tokenizer(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    rewrite(folder, signed=True, tokenizer=hashlib.sha256(text.encode()).hexdigest())


PADDING = {
    "strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
    "pad_type_id": 0, "pad_token": "x",
}  # fmt: skip
BOMB = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}
WORDS = {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}


@pytest.mark.fault(
    "N25",
    tried="tokenizer.json with digests that fit: padding to 10^12, a pattern that never ends, another model, a "
    "normaliser, a token of its own, indices that the network has not, merges of what is no entry",
    outcome="refused in one message before the library sees it, or as what the library says of it",
)
@pytest.mark.parametrize(("parts", "message"), [
    ({"padding": PADDING}, r"not a tokenizer that seqcls trains \(padding: "),
    ({"truncation": {"max_length": 1}}, r"\(truncation: "),
    ({"pre_tokenizer": BOMB}, r"\(pre_tokenizer: .*Regex"),
    ({"normalizer": {"type": "Lowercase"}}, r"\(normalizer: "),
    ({"added_tokens": [{"id": 5}]}, r"\(added_tokens: "),
    ({"model": WORDS}, r"\(model.type: \"WordLevel\""),
    ({"model": {"vocab": {"a": 2**31}}}, r"1 entries whose indices are not 0 to"),
    ({"model": {"vocab": None}}, "no vocabulary, or no merges"),
    ({"model": {"merges": [["never", "seen"]]}}, "the tokenizers library cannot read it"),
    ({"model": {"merges": [7]}}, "the tokenizers library cannot read it"),
])  # fmt: skip
def test_a_tokenizer_that_is_none_of_ours_is_refused(parts: dict[str, Any], message: str, tmp_path: Path) -> None:
    forged(tmp_path, **parts)
    with pytest.raises(DataRefused, match=rf"tokenizer\.json: .*{message}"):
        load_encoder(tmp_path)


@pytest.mark.fault(
    "N25",
    tried="tokenizer.json that is no JSON, a list, nothing, or 100,000 brackets, the digests made to fit",
    outcome="one message that names the file",
)
@pytest.mark.parametrize(("text", "message"), [
    ("", "not JSON"), ("[]", "no part `model`"), ("[" * 100_000, "not JSON"), ('{"model": []}', "no part `model`"),
    ("null", "no part `model`"), ('{"model": {}}', "no pre_tokenizer"),
])  # fmt: skip
def test_a_file_that_is_no_tokenizer_is_refused(text: str, message: str, tmp_path: Path) -> None:
    save_encoder(example("bpe")[0], tmp_path)
    fit_tokenizer(tmp_path, text)
    with pytest.raises(DataRefused, match=rf"tokenizer\.json: .*{message}"):
        load_encoder(tmp_path)


def test_a_tokenizer_of_an_earlier_library_is_read(tmp_path: Path) -> None:
    """It wrote merges as text, and not every key of now."""
    encoder, rows = example("bpe")
    save_encoder(encoder, tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text())
    document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
    del document["model"]["ignore_merges"]
    fit_tokenizer(tmp_path, json.dumps(document))
    assert load_encoder(tmp_path).encode(rows).sequence == encoder.encode(rows).sequence


def test_labels_become_their_place_in_the_sorted_classes() -> None:
    encoder, _ = example("words")
    assert encoder.encode_labels(pa.array(["yes", "no", None])).to_pylist() == [1, 0, None]
    assert encoder.encode_labels(pa.chunked_array([["no"], ["yes"]])).type == pa.int32()


def test_an_unknown_label_is_refused_with_its_row_and_the_known_classes() -> None:
    encoder, _ = example("words")
    with pytest.raises(
        DataRefused, match=r"row 3 of the batch: class 'maybe' is not among .*; expected one of no, yes"
    ):
        encoder.encode_labels(pa.array(["yes", None, "maybe"]))
