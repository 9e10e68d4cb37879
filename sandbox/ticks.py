"""Ticks, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sandbox.universe import InstrumentKey


class Tick(NamedTuple):
    """One trade print. `at_ms` is market time; `ltp` paise; `traded` this print's quantity, `volume` the day's."""

    key: InstrumentKey
    at_ms: int
    ltp: int
    traded: int
    volume: int


class TickSource(Protocol):
    """An endless or ending series of ticks in market-time order."""

    def next_ms(self) -> int | None:
        """When the next tick is due; None when there will be no more."""
        ...

    def take(self, until_ms: int, limit: int) -> Sequence[Tick]:
        """The ticks due up to and including `until_ms`, oldest first, at most `limit`."""
        ...

    def jump_target(self, now_ms: int) -> int | None:
        """Where market time should go at once because nothing happens before; None to let it run."""
        ...
