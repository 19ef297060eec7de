"""What the linear baseline sees of a sequence: TF-IDF of words or k-mers, or a series' summary.

In: the training rows' sequences. Out: an object whose `transform` makes (N, D) features of any rows. Promise:
vocabulary, weights, grid and scaling come from the training rows alone.

text, tokens: words and word pairs (Wang & Manning 2012, "Baselines and Bigrams"); a run of letters and digits is a
word, any other sign and any Han character is one too. dna: k-mers of 1 to 5 letters, protein: of 1 to 3; where all
training rows have one length (windows around a site), also the letter at each position. series: per channel the
moments, extremes, slope and roughness, and the values on a grid of fixed length, missing ones interpolated between
their neighbours.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from seqcls.table import Kind

LETTERS = {"dna": "ACGT", "protein": "ACDEFGHIKLMNPQRSTVWY"}
"""In the order of their codes."""
LONGEST_GRAM: dict[Kind, int] = {"text": 2, "tokens": 2, "dna": 5, "protein": 3}
MAX_GRAMS = 60_000
"""Most words and word pairs, the most frequent: with K classes the fit needs about K * MAX_GRAMS * 160 bytes."""
MAX_WINDOW = 2_000
MAX_SERIES_FEATURES = 1_000
GRID_POINTS = (4, 100)
"""Fewest and most points of the grid that a channel is put on."""
Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class TextFeatures:
    """TF-IDF of words and word pairs."""

    regularisation = 3.0  # C of 1 to 10 gives the same accuracy on reviews, promoters, peptides; 3 is calibrated best

    def __init__(self, kind: Kind, train: pa.ChunkedArray) -> None:
        self.kind = kind
        self.grams = TfidfVectorizer(
            preprocessor=list, tokenizer=list, token_pattern=None, lowercase=False, sublinear_tf=True,
            ngram_range=(1, LONGEST_GRAM[kind]), max_features=MAX_GRAMS,
        ).fit(split_words(kind, train))  # fmt: skip

    def transform(self, sequences: pa.ChunkedArray) -> csr_matrix:
        """Sequences -> (N, D)."""
        return self.grams.transform(split_words(self.kind, sequences))


class ResidueFeatures:
    """TF-IDF of k-mers; in windows of one length also which letter stands at each position, as one-hot columns."""

    regularisation = TextFeatures.regularisation

    def __init__(self, kind: Kind, train: pa.ChunkedArray) -> None:
        self.kind, letters = kind, LETTERS[kind]
        lengths = pc.unique(pc.utf8_length(train)).to_pylist()
        self.window = lengths[0] if len(lengths) == 1 and lengths[0] <= MAX_WINDOW else 0
        # A fixed vocabulary leaves out k-mers with an ambiguous letter.
        kmers = ["".join(kmer) for n in range(1, LONGEST_GRAM[kind] + 1) for kmer in product(letters, repeat=n)]
        self.grams = TfidfVectorizer(
            analyzer="char", ngram_range=(1, LONGEST_GRAM[kind]), vocabulary=kmers, lowercase=False, sublinear_tf=True
        ).fit(upper_case(kind, train))
        codes = np.frombuffer(letters.encode(), np.uint8)
        self.positions = OneHotEncoder(categories=[codes] * self.window, handle_unknown="ignore")

    def transform(self, sequences: pa.ChunkedArray) -> csr_matrix:
        """Sequences -> (N, D)."""
        rows = upper_case(self.kind, sequences)
        grams = self.grams.transform(rows)
        if not self.window:
            return grams
        letters = np.array([row.encode("ascii", "replace") for row in rows], f"S{self.window}")
        codes = letters.view(np.uint8).reshape(len(rows), self.window)
        # The categories are fixed, so fitting learns nothing. Rows have length 1, as those of the k-mers; length 2 or 4
        # moves splice sites and promoters by a point.
        return hstack([grams, self.positions.fit_transform(codes) * self.window**-0.5], format="csr")


class SeriesFeatures:
    """Summary and grid of each channel, scaled to mean 0 and deviation 1 over the training rows."""

    regularisation = 1.0

    def __init__(self, train: pa.ChunkedArray) -> None:
        self.channels = int(pc.list_value_length(train)[0].as_py())
        longest = int(np.median(as_numbers(pc.list_value_length(pc.list_flatten(train)))))
        fitting = MAX_SERIES_FEATURES // max(self.channels, 1)
        self.points = int(np.clip(min(longest, fitting), *GRID_POINTS))
        self.scaler = StandardScaler().fit(self._measure(train))

    def transform(self, sequences: pa.ChunkedArray) -> Values:
        """Sequences -> (N, D)."""
        scaled: Values = self.scaler.transform(self._measure(sequences))
        return scaled

    def _measure(self, sequences: pa.ChunkedArray) -> Values:
        """Each channel of each row is one segment of the values laid end to end: (S, D / C) -> (N, D)."""
        segments = pc.list_flatten(sequences)
        lengths = as_numbers(pc.list_value_length(segments))
        values = pc.list_flatten(segments).combine_chunks().to_numpy(zero_copy_only=False).astype(np.float64)
        features = _summarise(values, lengths, self.points)
        return features.reshape(len(sequences), self.channels * features.shape[1])


def _summarise(values: Values, lengths: Indices, points: int) -> Values:
    """Values of all S segments, (S,) lengths -> (S, 8 + points); a segment without a finite value is all zeros."""
    place = np.flatnonzero(np.isfinite(values))  # of the observed values
    start = np.cumsum(lengths) - lengths
    segment = np.repeat(np.arange(len(lengths)), lengths)[place]
    count = np.bincount(segment, minlength=len(lengths))
    features = np.zeros((len(lengths), 8 + points))
    some = count > 0
    if some.any():
        moments = _moments(values[place], segment, place - start[segment], count)  # (S, 6)
        shares = np.stack([count / np.maximum(lengths, 1), lengths], axis=1)  # (S, 2)
        features[some, :8] = np.concatenate([moments, shares], axis=1)[some]
        features[some, 8:] = _resample(values[place], place, start[some], lengths[some], count[some], points)
    return features


def _moments(seen: Values, segment: Indices, position: Indices, count: Indices) -> Values:
    """Observed values with their segments and positions -> (S, 6): mean, deviation, low, high, slope, mean step."""
    segments = len(count)

    def average(of: Values) -> Values:
        return np.bincount(segment, weights=of, minlength=segments) / np.maximum(count, 1)

    time = position.astype(np.float64)
    mean, mean_time = average(seen), average(time)
    away, away_time = seen - mean[segment], time - mean_time[segment]
    slope = average(away * away_time) / np.maximum(average(away_time**2), 1e-12)  # least squares
    step = np.abs(np.diff(seen, prepend=0.0)) * (np.diff(segment, prepend=-1) == 0)
    low, high = np.full(segments, np.inf), np.full(segments, -np.inf)
    np.minimum.at(low, segment, seen)
    np.maximum.at(high, segment, seen)
    return np.stack([mean, np.sqrt(average(away**2)), low, high, slope, average(step)], axis=1)


def _resample(seen: Values, place: Indices, start: Indices, lengths: Indices, count: Indices, points: int) -> Values:
    """Linear interpolation at `points` even positions of each segment: (S, points).

    Between the first and the last observed value of a segment, interpolation never leaves the segment.
    """
    first = np.searchsorted(place, start)  # (S,) among the observed
    grid = start[:, None] + np.linspace(0, 1, points) * np.maximum(lengths - 1, 0)[:, None]  # (S, points)
    within = np.clip(grid, place[first][:, None], place[first + count - 1][:, None])
    resampled: Values = np.interp(within, place, seen)
    return resampled


def as_numbers(array: pa.ChunkedArray | pa.Array) -> Indices:
    """Arrow integers without nulls -> NumPy."""
    return np.asarray(array, dtype=np.int64)


def split_words(kind: Kind, sequences: pa.ChunkedArray) -> list[list[str]]:
    """The tokens of each row; text is cut into lower-case words and signs."""
    if kind == "text":
        spaced = pc.replace_substring_regex(pc.utf8_lower(sequences), r"(\p{Han}|[^\pL\pM\pN\s'])", r" \1 ")
        sequences = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(spaced))
    words: list[list[str]] = sequences.to_pylist()
    return words


def upper_case(kind: Kind, sequences: pa.ChunkedArray) -> list[str]:
    """Residues in upper case; RNA is read as DNA."""
    upper = pc.utf8_upper(sequences)
    rows: list[str] = (pc.replace_substring(upper, "U", "T") if kind == "dna" else upper).to_pylist()
    return rows
