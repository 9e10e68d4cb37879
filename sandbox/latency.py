"""How long messages are under way, in real time."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

_NINETY_PER_CENT = 2 * 1.6449
"""Standard deviations between the 5th and the 95th percentile."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Lognormal: nine in ten messages take from `low_ms` to `high_ms`. Equal bounds make it constant."""

    low_ms: float = 60.0
    high_ms: float = 200.0

    def draw_ns(self, rng: random.Random) -> int:
        """One message's time, never above five times `high_ms`."""
        mean = (math.log(self.low_ms) + math.log(self.high_ms)) / 2
        deviation = (math.log(self.high_ms) - math.log(self.low_ms)) / _NINETY_PER_CENT
        return int(min(rng.lognormvariate(mean, deviation), 5 * self.high_ms) * 1_000_000)


USUAL_LATENCY = Latency()
"""A retail order's way to the exchange over the internet."""
