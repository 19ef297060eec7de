"""[split], [train], [score]: what is done with the rows, and where scores go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqcls.config.base import Count, Duration, LocalPath, Positive, Section, Share
from seqcls.config.source import ScoreSourceConfig

REMOVED = {
    "train.processes": "was removed; leave it out, and start the processes with "
    "`torchrun --nproc-per-node N -m seqcls train CONFIG`",
    'train.threads = "auto"': "was removed, since its trial showed no gain; leave train.threads out (all processors "
    "that this process may use) or set a number",
    'train.precision = "auto"': 'was removed; set "bfloat16", which is used where the processor or GPU has '
    "instructions for it, or leave train.precision out",
}
"""Settings and values that earlier versions had -> what to write instead."""
EngineName = Literal["torch", "torch-folded", "torch-bf16", "openvino", "openvino-bf16"]


class SplitConfig(Section):
    """How rows are divided. Exact duplicates and rows of one group always land together."""

    method: Literal["hash", "stratified", "time"] = "stratified"
    """hash: by content, the same for ever; stratified: equal shares of every class; time: the latest rows
    are the test."""
    valid: Share = 0.1
    """Share of the rows for validation (of the training files if a test split is given); 0: no validation split."""
    test: Share = 0.2
    """Share of the rows for the test split."""
    leakage: Literal["report", "drop"] = "report"
    """Given splits: report training rows that also occur in valid or test, or drop them from training."""
    seed: Count = 0
    """Seed of the division."""

    @model_validator(mode="after")
    def _something_to_train_on(self) -> SplitConfig:
        if self.valid + self.test >= 0.95:
            raise ValueError("valid + test leave less than 5 % of the rows for training")
        return self


class TrainConfig(Section):
    epochs: Positive = 30
    """Maximum number of passes over the training split."""
    batch_size: Positive = 32
    """Rows per step."""
    learning_rate: Annotated[float, Field(gt=0, le=10, strict=False)] = 1e-3
    """Maximum learning rate, reached at the end of the warm-up."""
    weight_decay: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.01
    """Weight decay of AdamW; embeddings, biases and normalisation layers are exempt."""
    warmup: Share = 0.05
    """Share of the steps in which the learning rate rises from zero."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the learning rate changes after the warm-up."""
    clip: Annotated[float, Field(ge=0, strict=False)] = 1.0
    """Maximum gradient norm; 0: no clipping."""
    patience: Positive = 5
    """Stop after this many epochs without improvement on validation; the best weights are kept."""
    monitor: Literal["loss", "accuracy", "balanced_accuracy", "macro_f1"] = "loss"
    """Validation metric that early stopping watches."""
    balance: Literal["none", "weights", "sampling"] = "none"
    """Rare classes: weight their loss, or draw their rows more often."""
    balance_power: Annotated[float, Field(ge=0, le=1, strict=False)] = 1.0
    """Strength of `balance`: 1 makes all classes count equally, 0.5 takes the square root (for classes of
    a few rows)."""
    loss: Literal["cross_entropy", "logit_adjusted", "class_balanced"] = "cross_entropy"
    """Rare classes: logit_adjusted aims at balanced accuracy; class_balanced weights by the effective
    number of rows."""
    loss_tau: Annotated[float, Field(ge=0, le=10, strict=False)] = 1.0
    """Strength of `logit_adjusted`: 1 is the value that theory gives for balanced accuracy, 0 is cross_entropy."""
    loss_beta: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.999
    """Strength of `class_balanced`: 0 is cross_entropy, near 1 weights by 1 / rows; 1 / (1 - beta) limits the effective
    rows."""
    calibrate: bool = False
    """Fit a temperature on the validation split (calibrated probabilities); predicted classes do not change."""
    label_smoothing: Share = 0.0
    """Share of the target that is spread evenly over all classes."""
    average: Literal["none", "ema"] = "none"
    """ema: evaluate and keep an exponential moving average of the weights."""
    average_half_life: Annotated[float, Field(gt=0, le=1000, strict=False)] = 1.0
    """ema: epochs after which a weight counts half in the average."""
    checkpoint_seconds: Annotated[float, Field(gt=0, strict=False)] = 60.0
    """Maximum time between checkpoints within an epoch, in seconds; every epoch ends with one."""
    budget: Duration = "5m"
    """family = "auto": maximum time for search and training, in h, m and s, such as "90s" or "1h30m"."""
    threads: Count = 0
    """CPU threads per process; 0: all that it may use. The same number gives the same result, bit for bit."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: matrix products in bfloat16, if the CPU or GPU has instructions for it; faster for lstm and cnn."""

    def key_text(self) -> str:
        """Keys of earlier versions held a setting more: what they made is found again."""
        return self.model_dump_json().removesuffix("}") + ',"processes":1}'

    @model_validator(mode="after")
    def _corrected_once(self) -> TrainConfig:
        if self.loss != "cross_entropy" and self.balance != "none":
            raise ValueError(
                f'balance = "{self.balance}" and loss = "{self.loss}" both favour rare classes; use one of the two'
            )
        return self


class ScoreConfig(Section):
    """New data to score; columns are those of [source] unless `source` says otherwise."""

    files: list[Annotated[LocalPath, Field(min_length=1)]] = []
    """Files, folders or globs to score, relative to the pipeline file."""
    source: ScoreSourceConfig | None = None
    """A [score.source] of its own, if new data has another format than the training data."""
    output: LocalPath = "scores"
    """Folder of the score files, relative to the pipeline file."""
    chunk_rows: Positive = 50_000
    """Rows per transaction."""
    batch_size: Positive = 256
    """Rows per forward pass."""
    engine: Literal["auto", EngineName] = "auto"
    """Inference engine; auto: the fastest one at promotion that gave the same answers as torch on this machine."""
    abstain_below: Share = 0.0
    """Rows whose largest probability is lower get no label."""
    abstain_precision: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None
    """Give labels only where they are right in this share of cases, as measured on validation."""
    reject_budget: Share = 0.5
    """Maximum share of rejected rows in a file; above it, the file is refused."""
    unusable: Literal["fail", "set_aside"] = "fail"
    """fail: a file that cannot be used fails every run until it is gone; set_aside: it fails one run, later runs list
    it."""
    stable_seconds: Annotated[float, Field(ge=0, strict=False)] = 0.0
    """Leave files changed less than this many seconds ago for the next run: for files written under their
    final name."""
    done_marker: Annotated[str, Field(min_length=1)] | None = None
    """A suffix such as ".done": a file is scored only if a file of its name plus this suffix is beside it."""
