"""Runs of tokens -> 64-bit keys, one a run, computed for all rows and places at once.

In: ids (B, T) and which of them may stand in a run. Out: keys (B, M), `NOTHING` where no run begins. Promise: equal
runs of one pattern have equal keys on every machine and device; different ones differ but for a chance of 2^-64 a
pair, so no table of buckets is shared by strangers. The hash is a polynomial in an odd base modulo 2^64 over mixed
ids (Karp and Rabin 1987); ids are mixed by the finisher of splitmix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor

NOTHING = 2**63 - 1
"""The key of no run; sorts last."""


def _signed(number: int) -> int:
    """A number modulo 2^64 as torch holds it: its integers wrap around, but have a sign."""
    return (number + 2**63) % 2**64 - 2**63


BASE = _signed(0x9E3779B97F4A7C15)
INVERSE = _signed(pow(0x9E3779B97F4A7C15, -1, 2**64))
_MULTIPLIERS = _signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB)


def mix(numbers: Tensor) -> Tensor:
    """Integers -> integers without pattern, one to one."""
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        numbers = (numbers ^ _shifted(numbers, shift)) * multiplier
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: Tensor, places: int) -> Tensor:
    """To the right, filled with zeros: torch fills with the sign, which would lose it."""
    shifted: Tensor = (numbers >> places) & (2 ** (64 - places) - 1)
    return shifted


def powers(base: int, count: int, device: torch.device) -> Tensor:
    """(count,): 1, base, base^2, ... modulo 2^64."""
    row = torch.full((count,), base, dtype=torch.int64, device=device)
    row[:1] = 1
    return row.cumprod(0)


def salted(pattern: str) -> int:
    """A number for a pattern's name, so that runs of different patterns never share a key."""
    number = 0
    for byte in pattern.encode():
        number = (number * 0x100000001B3 + byte + 1) % 2**64  # FNV's prime
    return _signed(number)


def keys_of(hashes: Tensor, usable: Tensor, pattern: str) -> Tensor:
    """Hashes of runs -> keys of a pattern; `NOTHING` where a run may not be used."""
    return torch.where(usable, hashes + salted(pattern), NOTHING)


def run_hashes(ids: Tensor, n: int) -> Tensor:
    """ids (B, T), each mixed -> hash of the n ids from each place on: (B, T - n + 1)."""
    count = max(ids.shape[1] - n + 1, 0)
    hashes = torch.zeros_like(ids[:, :count])
    for place in range(n):
        hashes = hashes * BASE + ids[:, place : place + count]
    return hashes


def all_within(marks: Tensor, n: int) -> Tensor:
    """marks (B, T) -> whether n of them in a row hold, from each place on: (B, T - n + 1)."""
    count = max(marks.shape[1] - n + 1, 0)
    whole = torch.ones_like(marks[:, :count])
    for place in range(n):
        whole = whole & marks[:, place : place + count]
    return whole
