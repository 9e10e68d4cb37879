"""What no neighbour may feel: strategies that die, block, leak, or reach for what is not theirs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Literal

from tradewinds.sdk import BaseStrategy, Tick
from tradewinds.sdk import Params as BaseParams

Way = Literal["dies", "spins", "sleeps", "leaks", "forks", "opens"]
_FATAL_TICK = 3
_MANY = 10_000


class Rogue(BaseStrategy):
    """Behaves for two prices, and goes its way at the third: in every process, on every runner."""

    class Params(BaseParams):
        """One symbol, and what it does."""

        symbols: list[str]
        way: Way

    params: Params

    def on_start(self) -> None:
        """Counts anew in every process."""
        self.prices = 0

    def on_tick(self, tick: Tick) -> None:
        """Goes its way."""
        self.prices += 1
        if self.prices == _FATAL_TICK:
            _WAYS[self.params.way]()


def _spin() -> None:
    while True:
        pass


def _leak() -> None:
    kept = []
    while True:
        kept.append(bytearray(1 << 20))


def _open_many() -> None:
    kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(_MANY)]
    raise AssertionError(f"{len(kept)} files were opened")


_WAYS: dict[Way, Callable[[], object]] = {
    "dies": lambda: os._exit(9),
    "spins": _spin,
    "sleeps": lambda: time.sleep(600),
    "leaks": _leak,
    "forks": os.fork,
    "opens": _open_many,
}
