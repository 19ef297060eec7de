"""A pretrained encoder that stays as it is, and one linear layer on what all its layers say of a row.

In: `Batch` of pieces. Out: logits (B, K). Each layer's vectors are averaged over the real positions of a row, the
averages of all layers stand side by side (B, L * D), and a logistic regression reads them. Promise: padding and
neighbours change nothing; the network is built from its configuration alone (no code, no file), its weights are in the
model's own weights file. Idea: probing all layers rather than the last (Peters et al. 2019, "To tune or not to tune?").
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seqcls.data.batch import Batch
from seqcls.data.encoded_split import EncodedSplit
from seqcls.encoders.spec import InputSpec
from seqcls.errors import ConfigRefused, DataRefused, first_line
from seqcls.listener import Progress
from seqcls.models.fitted import FitRecord, FitRows, FittedNetwork

BATCH = 32
STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverses of the L2 penalty that are tried, the strictest first."""
SHIFT = 1
"""Indices are those of the tokenizer plus 1."""
Features = npt.NDArray[np.float32]


class FrozenEncoder(FittedNetwork):
    """family = "encoder"."""

    def __init__(self, strength: float | None, inputs: InputSpec, classes: int) -> None:
        super().__init__()
        assert inputs.pretrained is not None, "the family suits no other inputs"
        self.strengths = STRENGTHS if strength is None else (strength,)
        self.body = make_body(inputs.pretrained)
        config = self.body.config
        width = config.hidden_size * (config.num_hidden_layers + 1)
        self.weight = nn.Parameter(torch.zeros(classes, width), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(classes), requires_grad=False)

    def forward(self, batch: Batch) -> Tensor:
        return self.features(batch) @ self.weight.T + self.bias

    def features(self, batch: Batch) -> Tensor:
        """(B, L * D), the mean of each layer over the real positions."""
        assert batch.tokens is not None
        real = torch.arange(batch.width, device=batch.tokens.device) < batch.lengths[:, None]  # (B, T)
        # A row without positions may see itself, or the softmax of its attention would be NaN.
        seen = real | (batch.lengths == 0)[:, None]
        indices = torch.where(real, batch.tokens - SHIFT, self.body.config.pad_token_id or 0)
        layers = self.body(input_ids=indices, attention_mask=seen.long(), output_hidden_states=True).hidden_states
        share = real / batch.lengths.clamp(min=1)[:, None]  # (B, T)
        return torch.cat([torch.einsum("btd,bt->bd", layer, share) for layer in layers], 1)

    def fit(self, given: FitRows) -> FitRecord:
        """Take the weights, look at each row once, then find the penalty that suits the validation rows."""
        assert given.pretrained is not None, "the encode stage keeps the weights"
        self.body.load_state_dict(read_weights(given.pretrained, self.body))
        self.eval()
        total = len(given.train) + len(given.valid)
        train = self.look(given, given.train, 0, total)
        valid = self.look(given, given.valid, len(given.train), total)
        mean, spread = train.mean(0), train.std(0) + 1e-6
        weight, bias = best_head((train - mean) / spread, (valid - mean) / spread, given, self.strengths)
        self.weight.copy_(torch.from_numpy((weight / spread).astype(np.float32)))
        self.bias.copy_(torch.from_numpy((bias - (weight / spread) @ mean).astype(np.float32)))
        logits = train @ self.weight.cpu().numpy().T + self.bias.cpu().numpy()
        return FitRecord(np.arange(len(given.train)), logits.astype(np.float32))

    def look(self, given: FitRows, split: EncodedSplit, done: int, total: int) -> Features:
        """(N, L * D) of a split, batches of rows of similar length."""
        found = np.zeros((len(split), self.weight.shape[1]), np.float32)
        order = np.argsort(split.lengths, kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            found[rows] = self.features(split.collate(rows, given.inputs).to(self.device)).cpu().numpy()
            given.listener.progress(Progress("fit", done + start + len(rows), total))
        return found


def best_head(
    train: Features, valid: Features, given: FitRows, strengths: tuple[float, ...]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(K, L * D) and (K,) of the logistic regression with the smallest loss of the validation rows."""
    from sklearn.linear_model import LogisticRegression

    truth, least, best = given.valid.labels, np.inf, None
    head = LogisticRegression(max_iter=300, warm_start=True)
    for strength in strengths:
        head.set_params(C=strength)
        head.fit(train, given.train.labels, sample_weight=given.weights)
        loss = -float(head.predict_log_proba(valid)[np.arange(len(truth)), truth].mean())
        if loss >= least:
            break
        least, best = loss, (head.coef_.astype(np.float64), head.intercept_.astype(np.float64))
    assert best is not None
    weight, bias = best
    if len(weight) == 1:  # of two classes, scikit-learn gives the second one's
        weight, bias = np.vstack([0 * weight, weight]), np.concatenate([0 * bias, bias])
    return weight, bias


def make_body(config_text: str) -> Any:
    """The network of a config.json with random weights; transformers' own architectures only."""
    AutoConfig, AutoModel = _transformers()
    told = json.loads(config_text)
    config = AutoConfig.for_model(told.pop("model_type"), **told)
    config.dtype = "float32"
    return AutoModel.from_config(config, trust_remote_code=False, **_without_pooler(config))


def read_weights(folder: Path, body: Any) -> dict[str, Tensor]:
    """The tensors of model.safetensors under the names that `body` has. Raises DataRefused where some are missing."""
    _, AutoModel = _transformers()
    try:
        found, info = AutoModel.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32,
            output_loading_info=True, **_without_pooler(body.config),
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_its_weights(first_line(error), folder) from error
    missing = [*_listed(info["missing_keys"]), *_listed(info["mismatched_keys"])]
    if missing:
        raise _not_its_weights(f"{len(missing)} tensors are missing: {', '.join(missing[:3])}", folder)
    tensors: dict[str, Tensor] = found.state_dict()
    return tensors


def _transformers() -> tuple[Any, Any]:
    """AutoConfig and AutoModel. Raises ConfigRefused where the package is not installed."""
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise ConfigRefused(
            f"the package transformers cannot be imported ({first_line(error)})", where="model.family",
            expected="transformers, which the family encoder needs", next_step="pip install 'seqcls[encoder]'",
        ) from error  # fmt: skip
    quiet: Any = logging
    quiet.disable_progress_bar()
    quiet.set_verbosity_error()  # what is missing is refused below; what is left over is of no interest
    return transformers.AutoConfig, transformers.AutoModel


def _listed(keys: Any) -> Iterator[str]:
    return (str(key) for key in sorted(keys, key=str))


def _without_pooler(config: Any) -> dict[str, bool]:
    """These architectures have a layer after the last that nothing here reads, and that many weights lack."""
    named = ("bert", "roberta", "xlm-roberta", "camembert", "esm")
    return {"add_pooling_layer": False} if config.model_type in named else {}


def _not_its_weights(found: str, folder: Path) -> DataRefused:
    return DataRefused(
        f"weights that do not fit config.json: {found}", where=str(folder / "model.safetensors"),
        expected="the weights of the network that config.json describes", next_step="copy the folder again",
    )  # fmt: skip
