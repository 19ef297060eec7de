"""[split], [train], [promote], [score]: what is done with the rows, and where scores go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seqcls.config.base import Count, Duration, LocalPath, Positive, Section, Share
from seqcls.config.source import SourceConfig

Number = Annotated[float, Field(strict=False)]
REMOVED = {
    (
        "train.threads",
        "auto",
    ): '"auto" was removed, since its trial showed no gain; leave train.threads out (all '
    "processors that this process may use) or set a number",
    ("train.precision", "auto"): '"auto" was removed; set "bfloat16", which is used where the processor or GPU has '
    "instructions for it, or leave it out",
}
"""Settings that earlier versions had: (place, value) -> what to write instead."""
EngineName = Literal["torch", "torch-folded", "torch-bf16", "openvino", "openvino-bf16"]


class SplitConfig(Section):
    """How rows are divided. Exact duplicates and rows of one group always land together."""

    method: Literal["hash", "stratified", "time"] = "stratified"
    """hash: fixed for ever by content; stratified: the same share of every class; time: the latest rows test."""
    valid: Share = 0.1
    """Share for validation (of the training files, where a test split is given); 0: none, given ones are trained on."""
    test: Share = 0.2
    """Share of the rows for the test."""
    leakage: Literal["report", "drop"] = "report"
    """Given splits: training rows that also stand in valid or test are reported, or dropped from training."""
    seed: Count = 0

    @model_validator(mode="after")
    def _something_to_train_on(self) -> SplitConfig:
        if self.valid + self.test >= 0.95:
            raise ValueError("valid + test leave less than 5 % of the rows for training")
        return self


class TrainConfig(Section):
    epochs: Positive = 30
    """Most passes over the training split."""
    batch_size: Positive = 32
    """Rows a step."""
    learning_rate: Annotated[float, Field(gt=0, le=10, strict=False)] = 1e-3
    """Largest step size, reached after the warm-up."""
    weight_decay: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.01
    """AdamW's decay; embeddings, biases and norms are left out."""
    warmup: Share = 0.05
    """Share of the steps in which the learning rate rises from zero."""
    schedule: Literal["cosine", "constant"] = "cosine"
    clip: Annotated[float, Field(ge=0, strict=False)] = 1.0
    """Largest gradient norm; 0: gradients are taken as they are."""
    patience: Positive = 5
    """Epochs without improvement on validation before stopping; the best weights are restored."""
    monitor: Literal["loss", "accuracy", "balanced_accuracy", "macro_f1"] = "loss"
    """Validation figure that early stopping watches."""
    balance: Literal["none", "weights", "sampling"] = "none"
    """Rare classes: weigh their loss, or draw them more often."""
    balance_power: Annotated[float, Field(ge=0, le=1, strict=False)] = 1.0
    """How far `balance` goes: 1 makes classes count equally, 0.5 is the square root (for classes of a few rows)."""
    loss: Literal["cross_entropy", "logit_adjusted", "class_balanced"] = "cross_entropy"
    """Rare classes by the loss: adjusted aims at balanced accuracy, class_balanced weighs by effective rows."""
    loss_tau: Annotated[float, Field(ge=0, le=10, strict=False)] = 1.0
    """How far `logit_adjusted` goes: 1 is the theory's value for balanced accuracy, 0 is cross_entropy."""
    loss_beta: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.999
    """`class_balanced`: 0 is cross_entropy, near 1 weighs by 1 / rows; 1 / (1 - beta) is the most effective rows."""
    calibrate: bool = False
    """Fit a temperature on the validation split, so that probabilities can be read as chances; labels stay."""
    label_smoothing: Share = 0.0
    average: Literal["none", "ema"] = "none"
    """ema: judge and keep an average of the weights over the last steps instead of the weights themselves."""
    average_half_life: Annotated[float, Field(gt=0, le=1000, strict=False)] = 1.0
    """`ema`: epochs after which weights count half in the average."""
    checkpoint_seconds: Annotated[float, Field(gt=0, strict=False)] = 60.0
    """Longest time between checkpoints within an epoch, seconds; each epoch's end makes one too."""
    budget: Duration = "5m"
    """`family = "auto"`: most time for trying and training, in h, m and s, such as "90s" or "1h30m"."""
    threads: Count = 0
    """Processor threads of a process; 0: all that it may use. Equal numbers repeat bit for bit."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: products in bfloat16, where the processor or GPU has instructions for it; faster for lstm and cnn."""
    processes: Positive = 1
    """Processes that share each batch; the result is that of one, up to rounding. With GPUs, one for each."""

    @model_validator(mode="after")
    def _corrected_once(self) -> TrainConfig:
        if self.loss != "cross_entropy" and self.balance != "none":
            raise ValueError(
                f'balance = "{self.balance}" and loss = "{self.loss}" both favour rare classes; use one of the two'
            )
        return self


class Floor(Section):
    metric: Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc"]
    at_least: Number


class PromoteConfig(Section):
    """The gate before a model becomes champion."""

    floors: list[Floor] = []
    """Figures that the test split must reach."""
    compare: Literal["accuracy", "balanced_accuracy", "macro_f1", "mcc"] = "balanced_accuracy"
    """Figure on which the challenger is compared with the champion, on the same test rows."""
    tolerance: Share = 0.0
    """How much worse than the champion is still accepted."""
    beat_baseline: bool = False
    """Refuse a model that is worse than the trivial baseline."""
    every_class_predicted: bool = True
    """Refuse a model that never answers one of the classes on the test split; off where a class is very rare."""
    automatic: bool = True
    """Promote at the end of training when the gate says so; otherwise wait for `seqcls promote`."""


class ScoreConfig(Section):
    """New data to score; columns are those of [source] unless `source` says otherwise."""

    files: list[Annotated[LocalPath, Field(min_length=1)]] = []
    """Files, folders or globs, relative to the config file."""
    source: SourceConfig | None = None
    """A [score.source] of its own, where new data is written differently."""
    output: LocalPath = "scores"
    """Folder of the score files, relative to the config file."""
    chunk_rows: Positive = 50_000
    """Rows committed together."""
    batch_size: Positive = 256
    engine: Literal["auto", EngineName] = "auto"
    """What computes: auto takes what the race at promotion found fastest on this machine with the answers of torch."""
    abstain_below: Share = 0.0
    """Rows whose largest probability is smaller get no label."""
    abstain_precision: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None
    """Rows get no label where needed so that the labels given are right at this share, as validation shows."""
    reject_budget: Share = 0.5
    """Largest share of a file's rows that may be rejected; more refuses the file."""
    unusable: Literal["fail", "set_aside"] = "fail"
    """A file that cannot be used fails each run until it is gone; or one run, and is named in a line later."""
    stable_seconds: Annotated[float, Field(ge=0, strict=False)] = 0.0
    """A file changed within so many seconds is left for the next run: for files that grow under their final name."""
    done_marker: Annotated[str, Field(min_length=1)] | None = None
    """An ending such as ".done": a file is taken only when one of its name and this ending lies beside it."""
