"""The founding document's three networks in the plainest PyTorch loop: what many would write by hand.

usage: python plain_torch.py CASE DATA BATCH EPOCHS THREADS [SEED]   (CASE: text | reviews | ecg | dna)
DATA is an .npz file with x (N, T) and y (N,). Prints one JSON line: rows a second in training and in scoring, and the
mean loss of each epoch. A SEED decides weights and order, leaves the warming up out, and asks for the mean loss on
x_held and y_held after each epoch. Needs torch and numpy alone.
"""

from __future__ import annotations

import json
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


def main() -> None:
    case, path, batch, epochs, threads = *sys.argv[1:3], *map(int, sys.argv[3:6])
    torch.set_num_threads(threads)
    data = np.load(path)
    x, y = torch.from_numpy(data["x"]), torch.from_numpy(data["y"])
    seeded = len(sys.argv) > 6
    x_held, y_held = (torch.from_numpy(data[name]) for name in (("x_held", "y_held") if seeded else ("x", "y")))
    if case == "ecg":
        x, x_held = x[:, None], x_held[:, None]  # (N, 1, T)
    torch.manual_seed(int(sys.argv[6]) if seeded else 0)
    model = network(case)
    adam = torch.optim.Adam(model.parameters())

    def epoch(count: int) -> float:
        order, total = torch.randperm(count), 0.0
        for start in range(0, count, batch):
            chosen = order[start : start + batch]
            adam.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            total += float(loss.detach()) * len(chosen)
        return total / count

    @torch.inference_mode()
    def held() -> float:
        return float(nn.functional.cross_entropy(model(x_held), y_held))

    rows = len(y)
    if not seeded:
        epoch(4 * batch)
    began = time.perf_counter()
    losses, held_losses = [], []
    for _ in range(epochs):
        losses.append(epoch(rows))
        if seeded:
            held_losses.append(held())
    trained = time.perf_counter() - began
    model.eval()
    with torch.inference_mode():
        model(x[:SCORE_BATCH])
        began = time.perf_counter()
        for start in range(0, rows, SCORE_BATCH):
            model(x[start : start + SCORE_BATCH])
        scored = time.perf_counter() - began
    print(json.dumps({"train": rows * epochs / trained, "score": rows / scored, "losses": losses,
                      "held_losses": held_losses}))  # fmt: skip


if __name__ == "__main__":
    main()
