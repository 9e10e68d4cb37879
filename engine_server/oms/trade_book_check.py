"""Compares the broker's trade book with what our orders have filled: another book of the same truth, so that neither is believed alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from engine_server.broker.port import Broker, BrokerError, TradeReport
from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.draft import Draft
from engine_server.oms.gate import Gate
from engine_server.oms.records import OrderRecord
from engine_server.oms.writer import Writer
from tradewinds.clock import Clock, MarketClock, day_key
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("oms.trades")

_PASSING: tuple[type[Exception], ...] = (BrokerError, UnavailableError, *PASSING_FAULTS)


@dataclass(frozen=True)
class FillDifference:
    """One order on whose fills we do not agree."""

    order_id: str
    ours: int
    theirs: int


def differences(orders: Sequence[OrderRecord], trades: Sequence[TradeReport], day: str) -> list[FillDifference]:
    """Orders that the broker has had in hand on `day`, with other fills in its trade book than in ours."""
    fills = {(t.exchange, t.broker_order_id, t.fill_id): t.quantity for t in trades}
    theirs: dict[str, int] = {}
    for (_, broker_order_id, _), quantity in fills.items():
        theirs[broker_order_id] = theirs.get(broker_order_id, 0) + quantity
    return [
        FillDifference(order.order_id, order.filled_quantity, filled)
        for order in orders
        if order.broker_order_id and order.submitted_at is not None and day_key(order.submitted_at) == day
        if (filled := theirs.get(order.broker_order_id, 0)) != order.filled_quantity
    ]


class TradeBookCheck:
    """Run `run` as a watched task of the account. What differs has the order book read; what two reads in a row show is held."""

    def __init__(
        self,
        state: AccountState,
        broker: Broker,
        writer: Writer,
        gate: Gate,
        clock: Clock,
        market_clock: MarketClock,
        read_books: Callable[[], None],
        seconds: float,
    ) -> None:
        self._state = state
        self._broker = broker
        self._writer = writer
        self._gate = gate
        self._clock = clock
        self._market_clock = market_clock
        self._read_books = read_books
        self._seconds = seconds
        self._suspected: list[FillDifference] = []

    async def run(self) -> None:
        """For ever; a trade book that cannot be read says nothing."""
        while True:
            await asyncio.sleep(self._seconds)
            if not self._gate.is_open or not self._state.orders:
                continue
            try:
                await self._compare()
            except _PASSING as e:
                log.warning_throttled("unread", account_id=self._state.account_id, error=repr(e))

    async def _compare(self) -> None:
        trades = await self._broker.trades()
        found = differences(list(self._state.orders.values()), trades, day_key(self._market_clock.now()))
        self._state.vitals.trades_compared_at = self._clock.now()
        confirmed = [one for one in found if one in self._suspected]
        if len(confirmed) < len(found):
            self._read_books()  # a fill that the stream has lost, most likely
        self._suspected = found
        held = any(hold.kind is HoldKind.TRADE_DIFFERENCE for hold in self._state.holds.values())
        if confirmed or held:
            await self._writer.tell(partial(_judge, {one.order_id: one for one in confirmed}))


def _judge(confirmed: Mapping[str, FillDifference], draft: Draft) -> None:
    for order_id, one in confirmed.items():
        order = draft.order(order_id)
        if order is None or order.filled_quantity != one.ours:
            continue  # it has moved meanwhile
        message = f"{order_id} has filled {one.ours} by the broker's order book and {one.theirs} by its trade book"
        hold = Hold(
            account_id=order.account_id,
            instrument=order.instrument,
            kind=HoldKind.TRADE_DIFFERENCE,
            subject_id=order_id,
            message=message,
            held_at=draft.now,
        )
        if draft.hold(hold):
            log.error("differ", account_id=order.account_id, order_id=order_id, ours=one.ours, theirs=one.theirs)
    for hold in draft.every_hold():
        if hold.kind is HoldKind.TRADE_DIFFERENCE and hold.subject_id not in confirmed:
            draft.let_go(hold, "the broker's order book and its trade book agree again")
