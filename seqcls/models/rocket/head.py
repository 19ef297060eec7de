"""A ridge classifier whose strength is chosen by leaving out one row at a time, at the price of one decomposition.

In: features (N, F), labels, a weight a row. Out: `Ridge`: weights, intercept, and each row's answer by a fit without
it. Targets are +1 for the right class, -1 for others. Leave-one-out errors are c_i / G^-1_ii with G = X X' + alpha
and c = G^-1 y (Rifkin and Lippert 2007, equations 9 and 10; where there are more rows than features, by the leverages
of X' X, equation 17); the intercept is not shrunk: in G^-1 its direction is projected out. Rows count by their weight.
In float64, since the smallest alpha meets eigenvalues of millions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ALPHAS = torch.logspace(-3, 3, 10, dtype=torch.float64, device="cpu")
"""Those of the authors' code. On the CPU also where this file is first imported under `torch.device("meta")`."""
BLOCK = 1024  # features turned into float64 at once
SMALLEST = 1e-12
Candidate = tuple[float, Tensor, Tensor, float]
"""Mean squared error, coefficients, errors, alpha."""


@dataclass(frozen=True)
class Ridge:
    """decision = x @ weights.T + intercept."""

    weights: Tensor
    """(K, F)"""
    intercept: Tensor
    """(K,)"""
    alpha: float
    held_out: Tensor
    """(N, K) decisions by a fit without the row."""


def fit_ridge(features: Tensor, labels: Tensor, classes: int, counts: Tensor) -> Ridge:
    """(N, F) standardised features, (N,) labels, (N,) how much each row counts."""
    targets = torch.full((len(labels), classes), -1.0, dtype=torch.float64, device=features.device)
    targets[torch.arange(len(labels), device=features.device), labels] = 1.0
    root = counts.sqrt()[:, None]  # (N, 1)
    mean = (targets * counts[:, None]).sum(0) / counts.sum()
    wanted = (targets - mean) * root
    centre = (features * counts[:, None].to(features.dtype)).sum(0) / counts.sum().to(features.dtype)
    solve = _by_rows if len(features) <= features.shape[1] else _by_features
    slopes, errors, alpha = solve((features - centre) * root.to(features.dtype), wanted, root / root.norm())
    return Ridge(slopes.T, mean - centre.double() @ slopes, alpha, targets - errors / root)


def _by_rows(x: Tensor, y: Tensor, root: Tensor) -> tuple[Tensor, Tensor, float]:
    """Slopes (F, K), leave-one-out errors (N, K), alpha: from X X', where rows are few. `root` has norm 1."""
    gram = x.new_zeros(len(x), len(x), dtype=torch.float64)
    for block in torch.split(x, BLOCK, dim=1):
        wide = block.double()
        gram.addmm_(wide, wide.T)
    # Exactly centred: `root` is then an eigenvector of eigenvalue 0, which stands for the intercept.
    gram -= root @ (root.T @ gram)
    gram -= (gram @ root) @ root.T
    values, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    turned, inverses = vectors.T @ y, _inverses(values)
    diagonals = _squares_times(vectors, inverses)
    best: Candidate | None = None
    for place, alpha in enumerate(ALPHAS.tolist()):
        duals = vectors @ (turned * inverses[:, place, None])  # (N, K)
        diagonal = diagonals[:, place] - root[:, 0].square() / alpha
        errors = duals / diagonal.clamp(min=SMALLEST)[:, None]
        best = _better(best, (float(errors.square().mean()), duals, errors, alpha))
    assert best is not None
    _, duals, errors, alpha = best
    slopes = torch.cat([block.double().T @ duals for block in torch.split(x, BLOCK, dim=1)])
    return slopes, errors, alpha


def _by_features(x: Tensor, y: Tensor, root: Tensor) -> tuple[Tensor, Tensor, float]:
    """The same from X' X, where rows are many."""
    wide = x.double()
    values, vectors = torch.linalg.eigh(wide.T @ wide)
    turned = wide @ vectors  # (N, F)
    right, inverses = turned.T @ y, _inverses(values)
    leverages = _squares_times(turned, inverses)
    best: Candidate | None = None
    for place, alpha in enumerate(ALPHAS.tolist()):
        slopes = right * inverses[:, place, None]
        leverage = leverages[:, place] + root[:, 0].square()
        errors = (y - turned @ slopes) / (1 - leverage).clamp(min=SMALLEST)[:, None]
        best = _better(best, (float(errors.square().mean()), slopes, errors, alpha))
    assert best is not None
    _, slopes, errors, alpha = best
    return vectors @ slopes, errors, alpha


def _inverses(values: Tensor) -> Tensor:
    """Eigenvalues -> (values, alphas): 1 / (value + alpha)."""
    return 1 / (values.clamp(min=0)[:, None] + ALPHAS.to(values.device))


def _squares_times(matrix: Tensor, inverses: Tensor) -> Tensor:
    """matrix ** 2 @ inverses, in blocks of rows: the squares are never held as a whole."""
    return torch.cat([block.square() @ inverses for block in torch.split(matrix, BLOCK)])


def _better(best: Candidate | None, new: Candidate) -> Candidate:
    """Strictly better: of equal ones the smaller alpha is kept."""
    return new if best is None or new[0] < best[0] else best
