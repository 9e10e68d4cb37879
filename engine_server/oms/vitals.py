"""How an account's reading of its broker goes, noted as it happens: for people, and for the rule that holds entries meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Vitals:
    """Times are real. `reconciling` is why entries wait for a read of the books, '' when they do not; `known` is set then."""

    stream_connected: bool = False
    stream_problem: str = "it was not opened yet"
    stream_changed_at: datetime | None = None
    losses: int = 0
    reconciling: str = ""
    known: asyncio.Event = field(default_factory=_set)
    reconciled_at: datetime | None = None
    positions_compared_at: datetime | None = None
    trades_compared_at: datetime | None = None

    def stream_stands(self, now: datetime) -> None:
        """It tells again what happens."""
        self.stream_connected, self.stream_problem, self.stream_changed_at = True, "", now

    def stream_fell(self, now: datetime, why: str) -> None:
        """What happens from here on only the books tell, until it stands again."""
        self.stream_connected, self.stream_problem, self.stream_changed_at = False, why, now
        self.losses += 1
        self.reconciling = "the order stream was lost; the books are being read"
        self.known.clear()

    def books_read(self, now: datetime, losses: int) -> None:
        """One clean read was applied; `losses` had been seen when it began."""
        self.reconciled_at = now
        if losses == self.losses:
            self.reconciling = ""
            self.known.set()
