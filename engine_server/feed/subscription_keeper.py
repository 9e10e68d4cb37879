"""Keeps the plan of what to subscribe to: from the table, on every notification, and every two seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from engine_server.feed.database_errors import DATABASE_ERRORS
from engine_server.feed.subscription_table import CHANNEL, SubscriptionTable
from engine_server.feed.subscriptions import SubscriptionPlan, Wish, plan
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.subscriptions")

_POLL_SECONDS = 2.0
_SHOWN = 10


class SubscriptionKeeper:
    """`plan` is what holds now; `on_change` is called with every new one. A database that is away changes nothing."""

    def __init__(
        self,
        table: SubscriptionTable,
        streamed: Callable[[], Set[InstrumentKey]],
        on_change: Callable[[SubscriptionPlan], None],
    ) -> None:
        """`streamed` says what is on a socket now: among equals it stays there."""
        self._table = table
        self._streamed = streamed
        self._on_change = on_change
        self._wishes: Sequence[Wish] = ()
        self._instruments: Mapping[InstrumentKey, Instrument] = {}
        self.plan = SubscriptionPlan({})

    async def follow(self, database: Database) -> None:
        """Keep, for ever."""
        await database.act_on(CHANNEL, self._read_again, poll_seconds=_POLL_SECONDS)

    def use(self, instruments: Mapping[InstrumentKey, Instrument]) -> None:
        """Another scrip master is in force."""
        self._instruments = instruments
        self._plan_again()

    async def _read_again(self) -> None:
        try:
            wishes = await self._table.wishes()
        except DATABASE_ERRORS as e:
            log.warning_throttled("unreadable", error=describe(e))
            return
        if wishes != self._wishes:  # planning takes time from the ticks
            self._wishes = wishes
            self._plan_again()

    def _plan_again(self) -> None:
        if not self._instruments:
            return  # nothing can be judged before the first scrip master
        new = plan(self._wishes, self._instruments, self._streamed())
        if new.unknown:
            log.warning_throttled(
                "unknown_instruments", seconds=60, instruments=new.unknown[:_SHOWN], count=len(new.unknown)
            )
        self.plan = new
        self._on_change(new)
