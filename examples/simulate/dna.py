"""Simulated DNA: the arrangement of two elements, 40 to 100 bases apart, decides the class.

In: number of rows and a seed. Out: a table `id, sequence, label` of 150 letters a row, or gzipped FASTA.
Promise: the same seed gives the same rows; every class holds the same elements equally often on either strand,
so that counting words of k letters tells nearly nothing: only order and orientation do.

Two elements, after real ones: a purine-rich splicing enhancer (Blencowe 2000, "Exonic splicing enhancers", TIBS 25)
and a GU-rich element (Vlasova et al. 2008, "Conserved GU-rich elements mediate mRNA decay ...", Mol Cell 29).
Read along the enhancer's own strand, the four classes are

    same-after    enhancer > ..... rich >      the other element follows, on the same strand
    same-before   rich > ..... enhancer >      it comes before, on the same strand
    opposite-after    enhancer > ..... < rich      it follows, on the opposite strand
    opposite-before   < rich ..... enhancer >      it comes before, on the opposite strand

Half of the rows are written as their reverse complement; the class does not change by that.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

LENGTH: Final = 150
CLASSES: Final = ("opposite-after", "opposite-before", "same-after", "same-before")
ENHANCER: Final = "GAAGAARGAAGAAG"
GU_RICH: Final = "TGTTTGTKTGTTTG"
DISTANCE: Final = (40, 100)  # bases between the two elements, both ends included

_LETTERS: Final = np.frombuffer(b"ACGTNRY", dtype=np.uint8)
_A, _C, _G, _T, _N, _R, _Y = range(7)
_COMPLEMENT: Final = np.array([_T, _G, _C, _A, _N, _Y, _R], dtype=np.uint8)
_IUPAC: Final = {"A": [_A], "C": [_C], "G": [_G], "T": [_T], "R": [_A, _G], "K": [_G, _T]}

Codes = NDArray[np.uint8]


def generate(rows: int, seed: int, *, mutation: float = 0.04, prefix: str = "d") -> pa.Table:
    """`rows` labelled sequences; `mutation` is the share of an element's bases replaced by any other base."""
    rng = np.random.default_rng([seed, 3])
    labels = rng.integers(0, len(CLASSES), rows)
    codes = _background(rng, rows)
    codes = _plant_decoys(rng, codes)
    codes = _plant_pair(rng, codes, labels, mutation)
    flipped = rng.random(rows) < 0.5
    codes[flipped] = _reverse_complement(codes[flipped])
    codes = _blur(rng, codes)
    names = np.array(CLASSES)[labels]
    return pa.table(
        {
            "id": pa.array([f"{prefix}{row:07d}" for row in range(1, rows + 1)]),
            "sequence": pa.array(_spell(rng, codes)),
            "label": pa.array(names.tolist()),
        }
    )


def write(folder: Path, rows: int, seed: int) -> list[Path]:
    """Two gzipped FASTA files `train-N.fa.gz` with the class in the header, lines of 60 letters."""
    folder.mkdir(parents=True, exist_ok=True)
    table = generate(rows, seed)
    half = rows // 2
    paths = [folder / "train-1.fa.gz", folder / "train-2.fa.gz"]
    for path, part in zip(paths, (table.slice(0, half), table.slice(half)), strict=True):
        write_fasta(path, fasta_records(part))
    return paths


def fasta_records(table: pa.Table) -> list[bytes]:
    """One FASTA record a row; the class goes into the header where the table has one."""
    headers = table["id"].to_pylist()
    if "label" in table.column_names:
        headers = [f"{name} class={label}" for name, label in zip(headers, table["label"].to_pylist(), strict=True)]
    return [
        f">{header}\n{sequence[:60]}\n{sequence[60:120]}\n{sequence[120:]}\n".encode()
        for header, sequence in zip(headers, table["sequence"].to_pylist(), strict=True)
    ]


def write_fasta(path: Path, records: list[bytes]) -> None:
    """Gzip with time stamp zero: the same records are the same bytes."""
    path.write_bytes(gzip.compress(b"".join(records), compresslevel=6, mtime=0))


def _background(rng: np.random.Generator, rows: int) -> Codes:
    """A first-order Markov chain a row: each row has its own GC content, and bases tend to repeat."""
    gc = rng.beta(12, 14, rows).astype(np.float32)  # mean 0.46, deviation 0.1: between genes of one genome
    repeat = rng.uniform(0.0, 0.15, rows).astype(np.float32)  # CpG-poor, runs of one base: bases are not independent
    strong = rng.random((rows, LENGTH), dtype=np.float32) < gc[:, None]
    second = rng.random((rows, LENGTH), dtype=np.float32) < 0.5
    codes: Codes = np.where(strong, np.where(second, _C, _G), np.where(second, _A, _T)).astype(np.uint8)
    repeats = rng.random((rows, LENGTH), dtype=np.float32) < repeat[:, None]
    for position in range(1, LENGTH):
        codes[:, position] = np.where(repeats[:, position], codes[:, position - 1], codes[:, position])
    return codes


def _element(rng: np.random.Generator, consensus: str, rows: int, mutation: float) -> Codes:
    """(rows, len(consensus)): degenerate letters drawn, then single bases mutated."""
    drawn = np.stack([rng.choice(np.array(_IUPAC[letter], dtype=np.uint8), rows) for letter in consensus], axis=1)
    shift = rng.integers(1, 4, drawn.shape) * (rng.random(drawn.shape) < mutation)
    mutated: Codes = ((drawn + shift) % 4).astype(np.uint8)
    return mutated


def _plant_decoys(rng: np.random.Generator, codes: Codes) -> Codes:
    """One half of an element, either strand, anywhere: half an element must not decide."""
    rows = len(codes)
    size = 7
    halves = np.stack([_element(rng, text[:size], rows, 0.0) for text in (ENHANCER, GU_RICH)])
    piece = halves[rng.integers(0, 2, rows), np.arange(rows)]
    flipped = rng.random(rows) < 0.5
    piece[flipped] = _reverse_complement(piece[flipped])
    return _put(codes, rng.integers(0, LENGTH - size + 1, rows), piece)


def _plant_pair(rng: np.random.Generator, codes: Codes, labels: NDArray[np.int64], mutation: float) -> Codes:
    """Both elements once, enhancer on the written strand, as the class says."""
    rows = len(codes)
    enhancer = _element(rng, ENHANCER, rows, mutation)
    rich = _element(rng, GU_RICH, rows, mutation)
    opposite = labels < 2
    rich[opposite] = _reverse_complement(rich[opposite])
    distance = rng.integers(DISTANCE[0], DISTANCE[1] + 1, rows)
    span = len(ENHANCER) + distance + len(GU_RICH)
    first = rng.integers(0, LENGTH - span + 1)
    second = first + len(ENHANCER) + distance  # the two elements are equally long
    after = (labels % 2 == 0)[:, None]
    codes = _put(codes, first, np.where(after, enhancer, rich))
    return _put(codes, second, np.where(after, rich, enhancer))


def _put(codes: Codes, start: NDArray[np.int64], piece: Codes) -> Codes:
    """A copy of `codes` with one piece a row written over it."""
    written = codes.copy()
    written[np.arange(len(codes))[:, None], start[:, None] + np.arange(piece.shape[1])] = piece
    return written


def _reverse_complement(codes: Codes) -> Codes:
    reversed_codes: Codes = _COMPLEMENT[codes][:, ::-1]
    return reversed_codes


def _blur(rng: np.random.Generator, codes: Codes) -> Codes:
    """Bases that the sequencer could not call: N at 0.2 %, R or Y (right in kind, unsure in letter) at 0.05 % each."""
    chance = rng.random(codes.shape, dtype=np.float32)
    kind = np.where((codes == _A) | (codes == _G), _R, _Y)
    blurred: Codes = np.where(chance < 0.002, _N, np.where(chance < 0.003, kind, codes)).astype(np.uint8)
    return blurred


def _spell(rng: np.random.Generator, codes: Codes) -> list[str]:
    """Letters; in 5 % of the rows a stretch of 20 to 60 bases is lower case, as masked repeats are."""
    letters = _LETTERS[codes]
    rows = len(codes)
    length = rng.integers(20, 61, rows) * (rng.random(rows) < 0.05)
    start = rng.integers(0, LENGTH - length + 1)
    position = np.arange(LENGTH)
    masked = (position >= start[:, None]) & (position < (start + length)[:, None])
    letters = np.where(masked, letters + 32, letters).astype(np.uint8)
    text = letters.tobytes().decode("ascii")
    return [text[row * LENGTH : (row + 1) * LENGTH] for row in range(rows)]
