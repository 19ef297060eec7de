"""Several networks of one kind, trained side by side from weights of their own; their mean probability is the answer.

In: `Batch`. Out: in training the logits of every member (M, B, K), each with a loss of its own; otherwise the log of
the members' mean probability (B, K), which is as good as logits. Promise: a member learns nothing from the others.
Deep ensembles: Lakshminarayanan, Pritzel and Blundell 2017; for series InceptionTime (Fawaz et al. 2020) is five.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqcls.data.batch import Batch


class Ensemble(nn.Module):
    """`make` is called once a member, so that each draws its own weights."""

    def __init__(self, make: Callable[[], nn.Module], members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(make() for _ in range(members))

    def forward(self, batch: Batch) -> Tensor:
        logits = torch.stack([member(batch) for member in self.members])  # (M, B, K)
        if self.training:
            return logits
        return F.log_softmax(logits, dim=2).logsumexp(dim=0) - math.log(len(self.members))  # (B, K)
