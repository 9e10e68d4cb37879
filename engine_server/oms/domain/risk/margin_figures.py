"""What the broker said of margins, and what has happened since: enough to judge an entry without asking again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from engine_server.oms.domain.risk.activity import Intent
from engine_server.oms.records import ZERO

# A unit margin moves with the price and the exchange's own revisions during the day.
UNIT_SECONDS: Final = 60.0
FUNDS_SECONDS: Final = 180.0

UnitKey = tuple[str, str, str]  # instrument, side, product


@dataclass(frozen=True)
class UnitMargin:
    """Rupees that one unit blocks, and when that was asked (monotonic)."""

    amount: Decimal
    at: float


@dataclass(frozen=True)
class FundsFigure:
    """What the broker had left, asked at `at` (monotonic). `events` counts what had changed the funds by then."""

    available: Decimal
    at: float
    events: int


@dataclass
class MarginFigures:
    """The figures of one account. `committed` is what entries that were admitted since the last read will block; `events` counts fills and
    ended orders: each makes the last read of the funds one of yesterday."""

    units: dict[UnitKey, UnitMargin] = field(default_factory=dict)
    funds: FundsFigure | None = None
    committed: Decimal = ZERO
    events: int = 0

    def unit(self, key: UnitKey, now: float) -> Decimal | None:
        """Rupees for one unit; None where that is not known lately."""
        known = self.units.get(key)
        return known.amount if known is not None and now - known.at <= UNIT_SECONDS else None

    def is_current(self, now: float) -> bool:
        """Whether the last read of the funds still stands."""
        funds = self.funds
        return funds is not None and funds.events == self.events and now - funds.at <= FUNDS_SECONDS

    def left(self, batch: Iterable[Intent] = ()) -> Decimal | None:
        """Rupees at the last read, less what was admitted since, `batch` included."""
        if self.funds is None:
            return None
        return self.funds.available - self.committed - sum((self._of(intent) for intent in batch), ZERO)

    def available(self, now: float, batch: Iterable[Intent] = ()) -> Decimal | None:
        """What an entry is judged by; None where the figures do not stand: then the broker itself is the judge."""
        return self.left(batch) if self.is_current(now) else None

    def may_be_short(self, key: UnitKey, quantity: int, now: float) -> bool:
        """Whether it is worth asking the broker before this entry is judged: nothing is known of it, or it would not fit."""
        unit, left = self.unit(key, now), self.left()
        return unit is None or left is None or unit * quantity > left

    def is_ageing(self, key: UnitKey, now: float) -> bool:
        """Whether its figure should be asked for again, before it is too old."""
        known = self.units.get(key)
        return known is not None and now - known.at > UNIT_SECONDS / 2

    def commit(self, intent: Intent) -> None:
        """An entry was admitted."""
        self.committed += self._of(intent)

    def changed(self) -> None:
        """Something was filled, or an order ended: margin was freed, or used."""
        self.events += 1

    def take_funds(self, funds: FundsFigure, committed_before: Decimal) -> None:
        """The broker answered; what had been committed when it was asked is in its figure."""
        self.funds = funds
        self.committed = max(ZERO, self.committed - committed_before)

    def _of(self, intent: Intent) -> Decimal:
        known = self.units.get((intent.instrument, intent.side, intent.product))
        return known.amount * intent.quantity if known is not None and not intent.is_exit else ZERO
