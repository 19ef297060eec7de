"""The founding document's three networks in the plainest PyTorch loop: what many would write by hand.

usage: python plain_torch.py CASE ROWS BATCH EPOCHS THREADS [bf16 | DATA SEED]   (CASE: text | reviews | ecg | dna)
Prints one JSON line: rows a second in training and in scoring, and the mean loss of the last epoch. With DATA, an .npz
file with x (N, T) and y (N,), it trains on these rows and prints the loss of every epoch instead. Needs torch alone.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn

SCORE_BATCH = 256


class Recurrent(nn.Module):
    def __init__(self, cell: type[nn.RNNBase], vocabulary: int, embedding: int, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.cell = cell(embedding, width, batch_first=True)  # type: ignore[call-arg,arg-type]
        self.classes = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.classes(self.cell(self.embedding(tokens))[0][:, -1])
        return logits


def network(case: str) -> nn.Module:
    if case in ("text", "reviews"):
        return Recurrent(nn.LSTM, 10_000, 128, 128, 3)
    if case == "dna":
        return Recurrent(nn.GRU, 5, 32, 64, 4)
    return nn.Sequential(
        nn.Conv1d(1, 32, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(32, 64, 5), nn.ReLU(), nn.MaxPool1d(2),
        nn.Flatten(), nn.Linear(64 * 122, 128), nn.ReLU(), nn.Linear(128, 5),
    )  # fmt: skip


def rows_of(case: str, rows: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    if case == "ecg":
        return torch.rand(rows, 1, 500), torch.randint(0, 5, (rows,))
    length, vocabulary, classes = (150, 5, 4) if case == "dna" else (100, 10_000, 3)
    words = torch.randint(1, vocabulary, (rows, length))
    if case == "reviews":  # padded to 100 on the left, so that the last state has read the last word
        lengths = torch.empty(rows).log_normal_(math.log(26), 0.65).long().clamp(1, length)
        words[torch.arange(length) < length - lengths[:, None]] = 0
    return words, torch.randint(0, classes, (rows,))


def main() -> None:
    case, rows, batch, epochs, threads = sys.argv[1], *map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    bf16 = "bf16" in sys.argv
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    x, y = rows_of(case, rows)
    on_data = len(sys.argv) > 7
    if on_data:
        data = np.load(sys.argv[6])
        x, y = torch.from_numpy(data["x"]).reshape(len(data["y"]), *x.shape[1:]), torch.from_numpy(data["y"])
        torch.manual_seed(int(sys.argv[7]))
    model = network(case)
    adam = torch.optim.Adam(model.parameters())

    def epoch(count: int) -> float:
        order, total = torch.randperm(count), 0.0
        for start in range(0, count, batch):
            chosen = order[start : start + batch]
            adam.zero_grad(set_to_none=True)
            with cast:
                loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            total += float(loss.detach()) * len(chosen)
        return total / count

    if on_data:
        print(json.dumps([epoch(len(y)) for _ in range(epochs)]))
        return
    epoch(4 * batch)
    began = time.perf_counter()
    losses = [epoch(rows) for _ in range(epochs)]
    trained = time.perf_counter() - began
    model.eval()
    with torch.inference_mode(), cast:
        model(x[:SCORE_BATCH])
        began = time.perf_counter()
        for start in range(0, rows, SCORE_BATCH):
            model(x[start : start + SCORE_BATCH])
        scored = time.perf_counter() - began
    print(json.dumps({"train": rows * epochs / trained, "score": rows / scored, "loss": losses[-1]}))


if __name__ == "__main__":
    main()
