"""DNA and protein, letter by letter -> uint8 indices.

In: strings of IUPAC letters in any case (dna: U is read as T). Out: one byte per letter; ambiguity codes have an index
of their own and count as `unknown`; the composition says which letters they mix. `decode` gives the letters in upper
case. An empty sequence becomes one N (dna) or X (protein).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcls.config.encode import EncodeConfig, ResidueEncode
from seqcls.encoders.alphabets import ALPHABETS, NOT_A_LETTER, Alphabet
from seqcls.encoders.base import Batches, IndexEncoder, Saved, longest
from seqcls.encoders.columns import SequenceRefused, checked_sequences
from seqcls.encoders.ragged import Mask, Numbers, Ragged, from_lists, string_bytes, to_strings
from seqcls.encoders.spec import InputSpec
from seqcls.table import Kind


def alphabet_of(kind: Kind) -> Alphabet:
    assert kind == "dna" or kind == "protein"
    return ALPHABETS[kind]


def letter_indices(alphabet: Alphabet, sequences: pa.StringArray) -> Ragged:
    """Strings -> uint8 indices; raises for a letter outside the alphabet."""
    rows = string_bytes(sequences)
    # Not `index_of_byte[rows.values]`: NumPy would first convert each letter to an index of eight bytes.
    # And a bytearray: `bytes` of this size gets new pages from the system each time.
    indices = np.frombuffer(bytearray(rows.values).translate(alphabet.index_of_byte.tobytes()), np.uint8)
    if indices.size and indices.max() == NOT_A_LETTER:
        place = int(np.argmax(indices == NOT_A_LETTER))
        row = int(np.searchsorted(rows.offsets, place, side="right")) - 1
        text = bytes(rows.values[rows.offsets[row] : rows.offsets[row + 1]]).decode()
        strange = next(
            letter for letter in text if ord(letter) > 127 or alphabet.index_of_byte[ord(letter)] == NOT_A_LETTER
        )
        raise SequenceRefused(
            f"letter {strange!r} at position {text.index(strange) + 1} of the sequence", row=row,
            expected="letters among " + "".join(sorted(alphabet.letters + "".join(alphabet.synonyms))),
        )  # fmt: skip
    return Ragged(indices, rows.offsets)


@dataclass(frozen=True)
class ResidueEncoder(IndexEncoder):
    """dna / residues, protein / residues."""

    config: ResidueEncode
    config_class = ResidueEncode

    @classmethod
    def fit(cls, kind: Kind, unit: str, config: EncodeConfig, batches: Batches, labels: list[str]) -> Self:
        assert isinstance(config, ResidueEncode)
        alphabet = alphabet_of(kind)
        lengths = (pc.max(pc.binary_length(checked_sequences(kind, batch))).as_py() or 1 for batch in batches())
        inputs = InputSpec(
            form="tokens",
            max_length=longest(config, lengths),
            vocabulary=alphabet.size,
            composition=alphabet.composition(),
            complement=alphabet.complement() if config.strand == "both" else None,
        )
        return cls(kind, unit, config, labels, inputs)

    def fitted(self) -> dict[str, Any]:
        return {}

    @classmethod
    def restore(cls, saved: Saved) -> Self:
        return cls(*saved.shared)

    def _positions(self, sequences: pa.Array) -> Ragged:
        return letter_indices(alphabet_of(self.kind), sequences)

    def _is_unknown(self, indices: Numbers) -> Mask:
        return np.greater_equal(indices, alphabet_of(self.kind).first_ambiguous)

    def _empty_index(self) -> int:
        alphabet = alphabet_of(self.kind)
        return alphabet.index(alphabet.anything)

    def decode(self, sequence: pa.ListArray) -> pa.StringArray:
        indices, offsets = from_lists(sequence)
        return to_strings(Ragged(alphabet_of(self.kind).byte_of_index[indices.to_numpy()], offsets))
