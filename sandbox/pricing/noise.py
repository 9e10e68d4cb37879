"""Seeded noise with random access: the value of any instant without walking there.

Random numbers sit on a lattice of instants and are joined smoothly; several lattices of different spacing make a path that
wanders over weeks and trembles over minutes (value noise, as in computer graphics).
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Waves: TypeAlias = tuple[tuple[float, float], ...]
"""(distance of lattice points, height) of each."""

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


def seed_of(*parts: object) -> int:
    """One 64-bit seed of any texts and numbers; stable over processes and versions of Python."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def uniform(seed: int, at: Ints) -> Floats:
    """A number of [0, 1) for every lattice point: splitmix64 of seed and point."""
    return _uniform(np.array(seed & _MASK, dtype=np.uint64), at)


def smooth(seed: int, at: Floats, spacing: float) -> Floats:
    """Between -1 and 1, joined smoothly over lattice points `spacing` apart; `at` in the same unit."""
    only: Floats = _layers(seed, at, np.array([[spacing]]))[0]
    return only


def wander(seed: int, at: Floats, waves: Waves) -> Floats:
    """The sum of smooth noises of several spacings, each between minus and plus its height."""
    layers = _layers(seed, at, np.array([[spacing] for spacing, _ in waves]))
    total: Floats = np.array([height for _, height in waves]) @ layers
    return total


def _layers(seed: int, at: Floats, spacings: Floats) -> Floats:
    place = at / spacings
    left = np.floor(place)
    part = place - left
    points = left.astype(np.int64)
    seeds = np.array([[(seed + n) & _MASK] for n in range(len(spacings))], dtype=np.uint64)
    before = _uniform(seeds, points)
    after = _uniform(seeds, points + 1)
    return 2.0 * (before + (after - before) * (part * part * (3.0 - 2.0 * part))) - 1.0


def _uniform(seeds: NDArray[np.uint64], at: Ints) -> Floats:
    with np.errstate(over="ignore"):
        mixed = at.astype(np.uint64) * np.uint64(_GOLDEN) + seeds
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed = mixed ^ (mixed >> np.uint64(31))
    numbers: Floats = (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return numbers
