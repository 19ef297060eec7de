"""DNA and protein: letters and k-mers."""

from __future__ import annotations

import re
import time
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcls.config.encode import ResidueEncode
from seqcls.encoders import SequenceRefused
from seqcls.encoders.alphabets import DNA, PROTEIN
from tests.seqcls.encoder_cases import column, fit, real_data

RESIDUES = ResidueEncode(max_length=100)
few = settings(max_examples=50, deadline=None)
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "GC", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip


def test_letters_become_indices_in_the_order_of_the_alphabet() -> None:
    encoded = fit("dna", RESIDUES, ["ACGT"]).encode(column("dna", ["acgU", "TRN", "A"]))
    assert encoded.sequence.to_pylist() == [[1, 2, 3, 4], [4, 5, 15], [1]]
    assert encoded.sequence.type == pa.list_(pa.uint8())
    assert encoded.unknown.to_pylist() == [0, 2, 0]


@pytest.mark.slow
@few
@given(st.lists(st.text("ACGTRYSWKMBDHVN", min_size=1, max_size=30), min_size=1, max_size=6))
def test_dna_comes_back_exactly(rows: list[str]) -> None:
    encoder = fit("dna", RESIDUES, rows)
    encoded = encoder.encode(column("dna", rows))
    assert encoder.decode(encoded.sequence).to_pylist() == rows
    assert encoded.unknown.to_pylist() == [sum(letter not in "ACGT" for letter in row) for row in rows]


@pytest.mark.slow
@few
@given(st.lists(st.text("ACDEFGHIKLMNPQRSTVWYUOBZJXacdefghiklmnpqrstvwyuobzjx", min_size=1), min_size=1, max_size=6))
def test_protein_comes_back_in_upper_case(rows: list[str]) -> None:
    encoder = fit("protein", RESIDUES, rows)
    encoded = encoder.encode(column("protein", rows))
    assert encoder.decode(encoded.sequence).to_pylist() == [row[:100].upper() for row in rows]


def test_rna_decodes_as_dna() -> None:
    encoder = fit("dna", RESIDUES, ["ACGT"])
    assert encoder.decode(encoder.encode(column("dna", ["auGC"])).sequence).to_pylist() == ["ATGC"]


@pytest.mark.parametrize(("kind", "sequence", "letter", "place"), [
    ("dna", "ACGZ", "Z", 4), ("protein", "MK*", "*", 3), ("dna", "AéC", "é", 2), ("dna", "AC-", "-", 3),
])  # fmt: skip
def test_a_letter_outside_the_alphabet_is_refused_with_its_row(
    kind: str, sequence: str, letter: str, place: int
) -> None:
    encoder = fit(kind, RESIDUES, ["A"])  # type: ignore[arg-type]
    with pytest.raises(
        SequenceRefused, match=re.escape(f"row 2 of the batch: letter '{letter}' at position {place} of")
    ):
        encoder.encode(column(kind, ["A", sequence]))  # type: ignore[arg-type]


def test_a_missing_sequence_is_refused() -> None:
    with pytest.raises(SequenceRefused, match="row 2 of the batch: no sequence; expected a dna sequence"):
        fit("dna", RESIDUES, ["A"]).encode(column("dna", ["A", None]))


def test_the_composition_is_an_even_mixture_of_what_a_code_may_be() -> None:
    rows = DNA.composition()
    assert rows[0] == (0, 0, 0, 0)
    for letter, row in zip(DNA.letters, rows[1:], strict=True):
        assert row == tuple((base in IUPAC[letter]) / len(IUPAC[letter]) for base in "ACGT")
    protein = np.array(PROTEIN.composition())
    assert protein.shape == (27, 22)
    np.testing.assert_allclose(protein[1:].sum(axis=1), 1)
    for code, meant in {"B": "DN", "Z": "EQ", "J": "IL"}.items():
        assert {
            PROTEIN.plain[symbol]: protein[PROTEIN.index(code), symbol]
            for symbol in np.flatnonzero(protein[PROTEIN.index(code)])
        } == dict.fromkeys(meant, 0.5)
    np.testing.assert_array_equal(protein[PROTEIN.index("X")], [1 / 20] * 20 + [0, 0])


def test_the_complement_pairs_what_the_codes_may_be() -> None:
    both = fit("dna", ResidueEncode(strand="both"), ["ACGT"]).inputs.complement
    assert both is not None
    assert fit("dna", RESIDUES, ["ACGT"]).inputs.complement is None
    for letter in DNA.letters:
        partner = DNA.letters[both[DNA.index(letter)] - 1]
        assert set(IUPAC[partner]) == {"ACGT"["TGCA".index(base)] for base in IUPAC[letter]}


def slow_kmers(row: str, k: int, stride: int, vocabulary: list[str]) -> list[int]:
    kmers = [row[start : start + k] for start in range(0, len(row) - k + 1, stride)]
    return [vocabulary.index(kmer) + 2 if kmer in vocabulary else 1 for kmer in kmers] or [1]


@pytest.mark.slow
@few
@given(st.lists(st.text("ACGTN", max_size=12), min_size=1, max_size=5), st.integers(2, 4), st.integers(1, 5))
def test_dna_kmers_agree_with_a_slow_reference(rows: list[str], k: int, stride: int) -> None:
    every = ["".join(letters) for letters in product("ACGT", repeat=k)]
    encoder = fit("dna", ResidueEncode(unit="kmers", k=k, stride=stride), ["A" * 60])
    encoded = encoder.encode(column("dna", rows))
    expected = [slow_kmers(row, k, stride, every) for row in rows]
    assert encoded.sequence.to_pylist() == expected
    assert encoded.unknown.to_pylist() == [row.count(1) for row in expected]


@pytest.mark.slow
@few
@given(
    st.lists(st.text("ACDW", min_size=1, max_size=9), min_size=1, max_size=5), st.lists(st.text("ACDWX", max_size=9))
)
def test_protein_kmers_are_those_of_the_training_split(training: list[str], rows: list[str]) -> None:
    encoder = fit("protein", ResidueEncode(unit="kmers", k=2, max_length=20), training)
    seen = sorted({row[start : start + 2] for row in training for start in range(len(row) - 1)})
    assert encoder.to_json()["fitted"]["kmers"] == seen
    assert encoder.inputs.vocabulary == len(seen) + 2
    assert encoder.encode(column("protein", rows)).sequence.to_pylist() == [slow_kmers(row, 2, 1, seen) for row in rows]


@pytest.mark.slow
@few
@given(st.lists(st.text("ACGT", min_size=3, max_size=30), min_size=1, max_size=5), st.integers(1, 3))
def test_kmers_decode_to_the_letters_they_cover(rows: list[str], stride: int) -> None:
    encoder = fit("dna", ResidueEncode(unit="kmers", k=3, stride=stride), rows)
    covered = [row[: (len(row) - 3) // stride * stride + 3] for row in rows]
    assert encoder.decode(encoder.encode(column("dna", rows)).sequence).to_pylist() == covered


@few
@given(st.text("ACGT", min_size=4, max_size=20), st.sampled_from(["residues", "kmers"]))
def test_the_complement_read_backwards_is_the_code_of_the_other_strand(row: str, unit: str) -> None:
    encoder = fit("dna", ResidueEncode(unit=unit, k=4, strand="both"), [row])  # type: ignore[arg-type]
    other = row.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    codes, other_codes = encoder.encode(column("dna", [row, other])).sequence.to_pylist()
    assert encoder.inputs.complement is not None
    assert [encoder.inputs.complement[code] for code in reversed(codes)] == other_codes


def test_an_empty_sequence_is_one_unknown_position() -> None:
    for config, expected in ((RESIDUES, [15]), (ResidueEncode(unit="kmers"), [1])):
        encoded = fit("dna", config, ["ACGTACGT"]).encode(column("dna", ["ACG", ""]))
        assert encoded.sequence[1].as_py() == expected
        assert encoded.unknown.to_pylist() == [0, 1]


def test_a_slice_of_a_column_is_encoded_like_the_rows_themselves() -> None:
    rows = column("dna", ["ACGT", "GG", "TNA", "C"])
    encoder = fit("dna", RESIDUES, ["ACGT"])
    assert encoder.encode(rows.slice(1, 2)).sequence.to_pylist() == [[3, 3], [4, 15, 1]]
    assert encoder.encode(pa.chunked_array([rows.slice(2), rows.slice(0, 1)])).sequence.to_pylist() == [
        [4, 15, 1],
        [2],
        [1, 2, 3, 4],
    ]


@pytest.mark.slow
def test_fifteen_million_letters_take_no_loop_over_rows() -> None:
    letters = np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(0).integers(0, 4, 15_000_000)]
    offsets = pa.array(np.arange(100_001, dtype=np.int32) * 150)
    rows = pa.StringArray.from_buffers(100_000, offsets.buffers()[1], pa.py_buffer(letters))
    encoder = fit("dna", ResidueEncode(max_length=150), ["A"])
    started = time.process_time()
    encoded = encoder.encode(rows)
    assert time.process_time() - started < 1.0  # measured: 0.03 s; one Python call a row would take longer
    assert encoder.decode(encoded.sequence).equals(rows)


def test_real_splice_sites_come_back() -> None:
    lines = real_data("dna_splice/splice.data").read_text().splitlines()
    rows = [line.split(",")[2].strip() for line in lines if line]
    encoder = fit("dna", ResidueEncode(), rows)
    encoded = encoder.encode(column("dna", rows))
    assert encoder.inputs.max_length == 60
    assert encoder.decode(encoded.sequence).to_pylist() == rows
    assert sum(encoded.unknown.to_pylist()) == 56 + 2 + 1 + 1  # N, D, R, S by the notes on the data
    assert sum(count > 0 for count in encoded.unknown.to_pylist()) == 15
