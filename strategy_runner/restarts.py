"""When a crashed strategy starts again: at once the first time, then later and later, and never all of them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 60.0
HEALTHY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class RestartHistory:
    """How often a strategy has crashed since it was last healthy for a minute."""

    crashes: int = 0

    def after_crash(self, lived_seconds: float) -> RestartHistory:
        """One more crash, the first again after a minute of health."""
        return replace(self, crashes=1 if lived_seconds >= HEALTHY_SECONDS else self.crashes + 1)

    def delay_seconds(self, random: Callable[[], float]) -> float:
        """0 after the first crash, then 1, 2, 4 … 60 s, each within its upper half (`random` gives 0 to 1)."""
        if self.crashes <= 1:
            return 0.0
        longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * (1 << min(self.crashes - 2, 10)))
        return longest * (0.5 + random() / 2)
