"""Words, characters, byte pairs and tokens."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.encode import TextEncode, TokenEncode
from seqcls.encoders.base import Saved
from seqcls.encoders.characters import CharacterEncoder
from seqcls.encoders.spec import BLANK, CONNECTOR, PART, SIGN
from seqcls.encoders.words import split_words
from tests.seqcls.encoder_cases import column, fit, real_data

WORDS = TextEncode()
CHARACTERS = TextEncode(unit="characters", lowercase=False)
BPE = TextEncode(unit="bpe", vocabulary=400, lowercase=False)
few = settings(max_examples=50, deadline=None)
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=5)


def words_of(text: str, lowercase: bool = True) -> list[str]:
    return split_words(pa.array([text]), lowercase)[0].as_py()


def test_words_numbers_and_signs_are_told_apart() -> None:
    assert words_of("Don't pay 1,000 (3.14) now.") == ["don't", "pay", "1,000", "(", "3.14", ")", "now", "."]


def test_treebank_clitics_stay_whole() -> None:
    assert words_of("It 's `` fine '' , do n't") == ["it", "'s", "`", "`", "fine", "'", "'", ",", "do", "n't"]


def test_marks_stay_with_their_letter_and_composed_letters_are_one() -> None:
    assert words_of("Cafe\u0301 हिन्दी ❤️") == ["café", "हिन्दी", "❤️"]


def test_control_and_format_characters_divide_words() -> None:
    assert words_of("a\u200bb\x85c\u00a0d") == ["a", "b", "c", "d"]


def test_case_is_kept_when_asked() -> None:
    assert words_of("Rock 'S", lowercase=False) == ["Rock", "'S"]


@pytest.mark.slow
@few
@given(st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=40))
def test_splitting_the_joined_words_again_changes_nothing(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words


def slow_words(text: str) -> list[str]:
    """The rule of the docstring in plain Python, with `re` and character categories."""
    text = unicodedata.normalize("NFC", text.lower())
    spaced = "".join(" " if c.isspace() or unicodedata.category(c)[0] in "ZC" else c for c in text)
    word = r"\w+(?:['’]\w+)*"
    return re.findall(rf"\d+(?:[.,]\d+)+|{word}|['’](?:s|d|m|t|re|ve|ll)\b|[^ ]", spaced)


@pytest.mark.slow
@few
@given(st.text("abzé'’.,059 _-!ß\t\u200b", min_size=1, max_size=40))
def test_words_agree_with_a_slow_reference(text: str) -> None:
    assert words_of(text) == (slow_words(text) or [""])


def test_vocabulary_is_ordered_by_count_then_alphabet() -> None:
    encoder = fit("text", WORDS, ["b a c", "c b"], ["c d"])
    assert encoder.to_json()["fitted"]["entries"] == ["c", "b", "a", "d"]
    encoded = encoder.encode(column("text", ["d c zebra", "a"]))
    assert encoded.sequence.to_pylist() == [[5, 2, 1], [4]]
    assert encoded.unknown.to_pylist() == [1, 0]
    assert encoder.inputs.vocabulary == 6


def test_rare_words_and_words_beyond_the_size_are_unknown() -> None:
    rows = [" ".join(f"w{number:02d}" for number in range(20)), "w19 w19 once"]
    rare = fit("text", TextEncode(min_count=2), rows)
    assert rare.to_json()["fitted"]["entries"] == ["w19"]
    small = fit("text", TextEncode(vocabulary=10), rows)
    assert small.inputs.vocabulary == 10
    assert small.to_json()["fitted"]["entries"] == ["w19", "once", *(f"w{number:02d}" for number in range(6))]


def test_a_text_without_words_is_one_unknown() -> None:
    encoded = fit("text", WORDS, ["a b"]).encode(column("text", ["", " \u200b", "a"]))
    assert encoded.sequence.to_pylist() == [[1], [1], [2]]
    assert encoded.unknown.to_pylist() == [1, 1, 0]


@pytest.mark.parametrize(("keep", "kept"), [("head", "a b"), ("tail", "d e"), ("middle", "b c")])
def test_longer_texts_are_cut_where_asked_and_flagged(keep: str, kept: str) -> None:
    encoder = fit("text", TextEncode(max_length=2, keep=keep), ["a b c d e"])
    encoded = encoder.encode(column("text", ["a b c d e", "a b", "c"]))
    assert encoder.decode(encoded.sequence).to_pylist() == [kept, "a b", "c"]
    assert encoded.truncated.to_pylist() == [True, False, False]


def test_the_longest_training_text_is_the_limit() -> None:
    encoder = fit("text", WORDS, ["a b", "a"], ["a b c"])
    assert encoder.inputs.max_length == 3
    assert encoder.encode(column("text", ["a b c a"])).truncated.to_pylist() == [True]


def slow_canonical(text: str) -> str:
    seen = (character for character in text if unicodedata.category(character) not in ("Cf", "Co"))
    blank = (" " if unicodedata.category(character)[0] in "ZC" else character for character in seen)
    return unicodedata.normalize("NFC", re.sub(" +", " ", "".join(blank)).strip(" "))


@pytest.mark.slow
@few
@given(st.lists(st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs", "Cn"])), min_size=1, max_size=5))
def test_characters_come_back_in_canonical_form(rows: list[str]) -> None:
    rows = [row for row in rows if slow_canonical(row)] or ["a"]
    encoder = fit("text", CHARACTERS, rows)
    encoded = encoder.encode(column("text", rows))
    wanted = [slow_canonical(row) for row in rows]
    assert encoder.decode(encoded.sequence).to_pylist() == wanted
    assert encoded.unknown.to_pylist() == [0] * len(rows)
    assert encoded.sequence.to_pylist() == slow_characters(wanted)


def slow_characters(rows: list[str]) -> list[list[int]]:
    counts = Counter("".join(rows))
    order = sorted(counts, key=lambda character: (-counts[character], character))
    return [[order.index(character) + 5 for character in row] for row in rows]


@pytest.mark.parametrize(
    "written",
    [
        unicodedata.normalize("NFD", "größe\u00a0des cafés"),
        "größe\u3000des\tcafés",
        "größe\r\n   des\u2003cafés ",
        "gr\u00adöße des\u200b caf\u2060és",
        "\u202agröße des cafés\u202c\ufeff",
    ],
)
def test_spellings_that_look_alike_have_one_code(written: str) -> None:
    encoder = fit("text", TextEncode(unit="characters"), ["Größe des Cafés"])
    plain = encoder.encode(column("text", ["größe des cafés"]))
    assert encoder.encode(column("text", [written])).sequence == plain.sequence


def test_a_new_character_is_unknown_has_its_role_and_decodes_as_the_replacement_character() -> None:
    encoder = fit("text", TextEncode(unit="characters"), ["abc"])
    encoded = encoder.encode(column("text", ["AZ", "a-", "a b", "a'b"]))
    assert encoded.sequence.to_pylist() == [[5, 1], [5, 2], [5, 3, 6], [5, 4, 6]]
    assert encoded.unknown.to_pylist() == [1] * 4
    assert encoder.decode(encoded.sequence).to_pylist() == ["a\ufffd", "a\ufffd", "a\ufffdb", "a\ufffdb"]
    assert encoder.inputs.word_parts is not None
    assert encoder.inputs.word_parts[1:5] == (PART, SIGN, BLANK, CONNECTOR)


def test_an_encoder_of_an_earlier_release_keeps_its_codes() -> None:
    new = fit("text", TextEncode(unit="characters"), ["abcabc"])
    saved = Saved((new.kind, new.unit, new.config, new.labels, new.inputs), {"characters": ["a", "b"]}, Path())
    old = CharacterEncoder.restore(saved)
    assert old.encode(column("text", ["a\u00a0\u00adb\n"])).sequence.to_pylist() == [[2, 1, 1, 3, 1]]
    assert old.fitted() == {"characters": ["a", "b"]}


BPE_ENCODER = fit("text", BPE, ["the theme of the theatre", "then the thing", "über [PAD] [UNK]"] * 3)


@pytest.mark.slow
@few
@given(texts)
def test_byte_pairs_give_every_text_back(rows: list[str]) -> None:
    rows = [row for row in rows if row] or ["a"]
    encoder = fit("text", BPE.model_copy(update={"max_length": 1000}), ["the theme", "then"])
    encoded = encoder.encode(column("text", rows))
    assert encoder.decode(encoded.sequence).to_pylist() == rows
    assert encoded.unknown.to_pylist() == [0] * len(rows)


def test_byte_pairs_join_what_is_frequent() -> None:
    encoder = BPE_ENCODER
    lengths = [len(row) for row in encoder.encode(column("text", ["the", "xyz"])).sequence.to_pylist()]
    assert lengths == [1, 3]
    assert 258 < encoder.inputs.vocabulary <= 400


def test_names_of_special_tokens_are_plain_text_to_byte_pairs() -> None:
    encoded = BPE_ENCODER.encode(column("text", ["[PAD]<s>"])).sequence
    assert min(encoded[0].as_py()) >= 2
    assert BPE_ENCODER.decode(encoded).to_pylist() == ["[PAD]<s>"]


def test_byte_pairs_are_learned_alike_each_time() -> None:
    again = fit("text", BPE, ["the theme of the theatre", "then the thing", "über [PAD] [UNK]"] * 3)
    assert again.fingerprint == BPE_ENCODER.fingerprint


def test_byte_pairs_need_room_for_all_bytes() -> None:
    with pytest.raises(ValueError, match=r'unit = "bpe" needs vocabulary >= 300'):
        TextEncode(unit="bpe", vocabulary=256)


@pytest.mark.slow
@few
@given(st.lists(st.lists(st.text(min_size=1, max_size=3), min_size=1, max_size=6), min_size=1, max_size=5))
def test_tokens_come_back_exactly(rows: list[list[str]]) -> None:
    encoder = fit("tokens", TokenEncode(), rows)
    encoded = encoder.encode(column("tokens", rows))
    assert encoder.decode(encoded.sequence).to_pylist() == rows
    assert encoded.unknown.to_pylist() == [0] * len(rows)


def test_tokens_are_taken_as_they_stand() -> None:
    encoder = fit("tokens", TokenEncode(max_length=9), [["Buy", "buy", "add to cart"], ["buy"]])
    encoded = encoder.encode(column("tokens", [["buy", "BUY", None, "add to cart"], []]))
    assert encoded.sequence.to_pylist() == [[2, 1, 1, 4], [1]]
    assert encoded.unknown.to_pylist() == [2, 1]


def test_real_sentences_are_split_as_the_treebank_did() -> None:
    with real_data("text_sst/derived/sst5_test.tsv").open(encoding="utf-8", newline="") as file:
        rows = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    encoder = fit("text", WORDS, rows)
    encoded = encoder.encode(column("text", rows))
    assert len(rows) == 2210
    assert sum(encoded.unknown.to_pylist()) == 0
    simple = re.compile(r"(?:[A-Za-z]+|[.,!?:;]|'s|n't)(?: (?:[A-Za-z]+|[.,!?:;]|'s|n't))*")
    plain = [index for index, row in enumerate(rows) if simple.fullmatch(row)]
    decoded = encoder.decode(encoded.sequence)
    assert len(plain) > 800
    assert decoded.take(plain).to_pylist() == [rows[index].lower() for index in plain]
