"""What the fleet needs from its neighbours in the engine: instruments, order events, books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from engine_server.fleet.domain.schedule import Day, Schedule
from engine_server.oms.records import OrderEventRecord, OrderRecord, PositionRecord
from tradewinds.instruments import Instrument, InstrumentKey


class Instruments(Protocol):
    """Today's scrip master."""

    @property
    def ready(self) -> bool:
        """Whether there is one yet."""
        ...

    @property
    def instruments(self) -> Mapping[InstrumentKey, Instrument]:
        """Every instrument by its canonical key."""
        ...

    def resolve(self, text: str) -> Instrument:
        """What `text` means; raises `UnknownInstrumentError` with what is near."""
        ...


class Books(Protocol):
    """What strategies hold and have working."""

    async def strategy_positions(self, config_id: str) -> Sequence[PositionRecord]:
        """The strategy's own book."""
        ...

    async def working_orders(self, config_id: str) -> Sequence[OrderRecord]:
        """Its orders that are not final."""
        ...


class TradingHours(Protocol):
    """The market's time, the calendar and the day's scrip master."""

    def now(self) -> datetime:
        """Market time."""
        ...

    def day(self, schedule: Schedule) -> Day:
        """The segment's day, in the schedule's phases."""
        ...

    def is_open(self, instrument: str) -> bool:
        """Whether an instrument is in continuous trading."""
        ...

    def not_in_because(self) -> str:
        """Why the day's scrip master is not in; empty when it is."""
        ...


class OrderEventSubscription(Protocol):
    """Committed order events as they happen, of every account of this engine."""

    async def next_batch(self) -> tuple[Sequence[OrderEventRecord], bool]:
        """Wait for events; the flag says that some were lost before them: read them from the log."""
        ...

    def close(self) -> None:
        """No more."""
        ...


class OrderEvents(Protocol):
    """The log of order events."""

    async def read_after(self, config_id: str, config_sequence: int, limit: int) -> Sequence[OrderEventRecord]:
        """At most `limit` events of one strategy after `config_sequence`, in sequence."""
        ...

    def subscribe(self) -> OrderEventSubscription:
        """Follow from now on."""
        ...
