"""What a benchmark says: one JSON line per number."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """`target` is what the design asks for, as text (`< 2`, `>= 20`); `ceiling` is what the machine can do at best in this run,
    in the same unit. Both may be missing.
    """

    name: str
    value: float
    unit: str
    target: str | None = None
    ceiling: float | None = None

    @property
    def ratio(self) -> float | None:
        """Value over ceiling."""
        return self.value / self.ceiling if self.ceiling else None

    def line(self) -> str:
        """The JSON line, numbers to four digits."""
        numbers = {"value": self.value, "ceiling": self.ceiling, "ratio": self.ratio}
        return json.dumps({**asdict(self), **{name: _round(number) for name, number in numbers.items()}})


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` % of `values` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _round(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
