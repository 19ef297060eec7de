"""From a batch to vectors: the first layer of every network, and what training does to its input.

In: `Batch`. Out: (B, T, D). Promise: positions past a row's length are zero; outside training nothing is random.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.encoders.base import PADDING, UNKNOWN
from seqcls.encoders.spec import InputSpec
from seqcls.models.augmentation import Augmentation
from seqcls.shapes import Float

FEW_ENTRIES = 1024
"""Letters, characters, short k-mers: a vocabulary up to this size has hardly an entry that training seldom meets."""
RARE_START = 0.1
"""Deviation that the vectors of larger vocabularies start with."""


class InputLayer(nn.Module):
    """Batch -> vectors (B, T, D). Tokens are embedded; series pass, with what is observed as further channels.

    With a composition (V, S) the vectors are shares of S symbol vectors, so an ambiguous letter such as R stands
    half way between A and G. How large vectors start is a matter of how often training meets them (families.md):
    letters start with deviation 1, as in torch; starting at 1 / sqrt(D) left a GRU on the simulated DNA at 0.75 after
    ten epochs, where 1 reached 0.95. Words start near zero, as in Kim 2014 and in word2vec: most are rare, and a vector
    that no step ever changes is noise as large as it started.
    """

    def __init__(
        self, inputs: InputSpec, width: int, dropout: float, word_dropout: float, augmentation: Augmentation
    ) -> None:
        super().__init__()
        self.dropout, self.word_dropout, self.augmentation = dropout, word_dropout, augmentation
        self.is_values = inputs.form == "values"
        self.embedding: nn.Embedding | None = None
        self.symbols: nn.Parameter | None = None
        self.width = inputs.channels * (2 if inputs.missing else 1) if self.is_values else width
        if self.is_values:
            return
        if inputs.composition is None:
            self.embedding = nn.Embedding(inputs.vocabulary, width, padding_idx=0)
            if inputs.vocabulary > FEW_ENTRIES:
                self.embedding.weight.data.mul_(RARE_START)
        else:
            composition = torch.tensor(inputs.composition, dtype=torch.float32)  # (V, S)
            self.register_buffer("composition", composition, persistent=False)  # a fact of the encoder, not a weight
            self.symbols = nn.Parameter(torch.randn(composition.shape[1], width))

    def forward(self, batch: Batch) -> Float[Tensor, "B T D"]:
        x = self._vectors(batch)
        if self.training and self.dropout > 0:
            x = F.dropout(torch.ones_like(x[:, :, :1]), self.dropout) * x
        return x

    def _vectors(self, batch: Batch) -> Tensor:
        if self.is_values:
            assert batch.values is not None
            values, observed = batch.values, batch.observed
            if self.training and self.augmentation:
                values, observed = self.augmentation(values, observed, batch.lengths)
            return values if observed is None else torch.cat([values, observed.to(values.dtype)], dim=2)
        assert batch.tokens is not None
        tokens = batch.tokens if self.embedding is None else self._some_unknown(batch.tokens)
        return F.embedding(tokens, self.vectors(), padding_idx=0)

    def vectors(self) -> Tensor:
        """(V, D) of every token."""
        if self.embedding is not None:
            return self.embedding.weight
        assert self.symbols is not None
        assert isinstance(self.composition, Tensor)
        return self.composition @ self.symbols

    def _some_unknown(self, tokens: Tensor) -> Tensor:
        """In training some words become the unknown one, so that it gets a meaning and no word carries all of it.

        Iyyer et al. 2015 drop the word; here its place stays, so that order and length do too.
        """
        if not self.training or self.word_dropout == 0:
            return tokens
        dropped = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
        return tokens.masked_fill(dropped & (tokens != PADDING), UNKNOWN)
