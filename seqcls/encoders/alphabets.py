"""The letters of DNA and protein: index, composition and complement.

Letters and ambiguity codes: IUPAC-IUB 1984 (Cornish-Bowden 1985, nucleotides) and IUPAC-IUB 1983 with U, O, J
(amino acids). Index 0 is padding, then `letters` in order; `plain` letters come first, ambiguity codes after.
An ambiguity code is an even mixture of what it may be: R = half A, half G.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

NOT_A_LETTER = 255


@dataclass(frozen=True)
class Alphabet:
    plain: str
    """Unambiguous letters: the symbols of the composition."""
    mixtures: dict[str, str]
    """Ambiguity code -> the letters that it may be."""
    synonyms: dict[str, str]
    """Other spellings of a letter."""
    anything: str
    """The code for any letter."""
    pairs: dict[str, str]
    """Complement of each letter."""

    @cached_property
    def letters(self) -> str:
        return self.plain + "".join(self.mixtures)

    @property
    def size(self) -> int:
        """V: indices, padding included."""
        return len(self.letters) + 1

    @property
    def first_ambiguous(self) -> int:
        return len(self.plain) + 1

    def index(self, letter: str) -> int:
        return self.letters.index(letter) + 1

    @cached_property
    def index_of_byte(self) -> npt.NDArray[np.uint8]:
        """(256,): ASCII byte -> index, upper and lower case alike; others NOT_A_LETTER."""
        table = np.full(256, NOT_A_LETTER, np.uint8)
        spelt = {letter: letter for letter in self.letters} | self.synonyms
        for spelling, letter in spelt.items():
            table[[ord(spelling), ord(spelling.lower())]] = self.index(letter)
        return table

    @cached_property
    def byte_of_index(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(b"-" + self.letters.encode(), np.uint8)

    def composition(self) -> tuple[tuple[float, ...], ...]:
        """(V, S): shares of the plain letters in each index; padding is all zeros."""
        rows = [(0.0,) * len(self.plain)]
        for letter in self.letters:
            meant = self.mixtures.get(letter, letter)
            rows.append(tuple(1.0 / len(meant) if symbol in meant else 0.0 for symbol in self.plain))
        return tuple(rows)

    def complement(self) -> tuple[int, ...]:
        """(V,): index of the complementary letter."""
        return (0, *(self.index(self.pairs[letter]) for letter in self.letters))


_STANDARD = "ACDEFGHIKLMNPQRSTVWY"

DNA = Alphabet(
    plain="ACGT",
    mixtures={
        "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
        "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
    },
    synonyms={"U": "T"},
    anything="N",
    pairs=dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True)),
)  # fmt: skip

PROTEIN = Alphabet(
    plain=_STANDARD + "UO",
    mixtures={"B": "DN", "Z": "EQ", "J": "IL", "X": _STANDARD},
    synonyms={},
    anything="X",
    pairs={},
)

ALPHABETS: dict[Literal["dna", "protein"], Alphabet] = {"dna": DNA, "protein": PROTEIN}
