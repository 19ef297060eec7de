"""The average of the weights over the last steps, which is judged and kept instead of the weights themselves.

In: a network after each step. Out: `WeightAverage.network`, a second network that holds the average. Promise: the
step's number and the average are all that has to be kept for a resume. Averaging: Polyak and Juditsky 1992; with
shares that fall by half in a fixed time, as here: Tarvainen and Valpola 2017, section 2. So that the first steps
count no more than others, the average is corrected as Adam's moments are (Kingma and Ba 2015, section 3).
The statistics of batch normalisation are averaged like weights. Deviation: Izmailov et al. 2018 measure them anew,
which costs a pass over the training rows each epoch.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential average over steps: what is `half_life` steps old counts half."""

    def __init__(self, model: nn.Module, half_life: float) -> None:
        self.decay: float = 0.5 ** (1 / half_life)
        self.network = copy.deepcopy(model).requires_grad_(False)
        self.network.eval()
        self.steps = 0
        """Steps in the average so far."""

    def share(self, step: int) -> float:
        """How much of step 1, 2, ... goes into the average: 1 at first, then falling to 1 - decay."""
        present: float = (1 - self.decay) / (1 - self.decay**step)
        return present

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        """Take in the weights after one more step."""
        self.steps += 1
        pairs = list(zip(self.network.state_dict().values(), model.state_dict().values(), strict=True))
        torch._foreach_lerp_([here for here, _ in pairs], [there for _, there in pairs], self.share(self.steps))

    def tensors(self) -> dict[str, Tensor]:
        """The averaged weights by name."""
        return self.network.state_dict()

    def set_tensors(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Go on with an average of so many steps."""
        self.network.load_state_dict(tensors)
        self.steps = steps
