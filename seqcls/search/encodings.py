"""The rows of a search, encoded in one or several ways: words for the networks, characters for the bag of n-grams.

In: `encoded` artefacts of the same `checked` and `splits`. Out: the one that a candidate reads. Promise: they hold the
same rows in the same order, so that candidates with different encodings are compared on the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from seqcls.config.encode import EncodeConfig
from seqcls.config.pipeline import content_key
from seqcls.store.artefacts import Ref
from seqcls.store.parquet import read_parquet, shards
from seqcls.table import Split


@dataclass(frozen=True)
class Encodings:
    """`own` is the encoding of [encode]; `beside` holds the encodings of presets, by key, if [encode] is left out."""

    own: Ref
    beside: Mapping[str, Ref] = field(default_factory=dict)

    def of(self, encode: EncodeConfig) -> Ref:
        """The artefact with this encoding."""
        return self.beside.get(content_key(encode), self.own)

    def __iter__(self) -> Iterator[tuple[str, Ref]]:
        """(digest of [encode], artefact), the pipeline's own first, under an empty name."""
        yield "", self.own
        yield from self.beside.items()


def same_rows(one: Ref, other: Ref, split: Split) -> bool:
    """Whether two artefacts hold the same rows of a split, in the same order, whatever the encoding."""
    first, second = (read_parquet(shards(ref.folder / split), ["id"])["id"].combine_chunks() for ref in (one, other))
    return bool(first.equals(second))
