"""Minds what needs the market's prices, a look a moment while there is any: guards, chased MARKET orders, exits that go again."""

from __future__ import annotations

import asyncio
from functools import partial

from engine_server.broker.port import OrderChange
from engine_server.oms.account_state import AccountState
from engine_server.oms.admission import Admission
from engine_server.oms.domain.chasing import Chase, is_chased, next_price
from engine_server.oms.draft import Draft
from engine_server.oms.gate import Gate
from engine_server.oms.guards import MarketView, keep
from engine_server.oms.modifying import wish_change
from engine_server.oms.ports import Instruments, Quotes
from engine_server.oms.resending import send_again, waiting
from engine_server.oms.writer import Writer
from tradewinds.instruments import Instrument, UnknownInstrumentError


class Minder:
    """Run `run` as a watched task."""

    def __init__(
        self,
        state: AccountState,
        writer: Writer,
        admission: Admission,
        gate: Gate,
        instruments: Instruments,
        quotes: Quotes,
        seconds: float,
    ) -> None:
        self._state = state
        self._writer = writer
        self._admission = admission
        self._gate = gate
        self._instruments = instruments
        self._quotes = quotes
        self._seconds = seconds
        self._chases: dict[str, Chase] = {}

    async def run(self) -> None:
        """For ever; does nothing while the gate is closed."""
        while True:
            await asyncio.sleep(self._seconds)
            if not self._gate.is_open or not self._instruments.ready:
                continue
            keys = {guard.instrument for guard in self._state.guards.values()}
            chased = [order for order in self._state.working if is_chased(order)]
            keys |= {order.instrument for order in chased}
            keys |= {order.instrument for order in waiting(self._state)}
            self._chases = {order.order_id: self._chases.get(order.order_id) or Chase(0, 0.0) for order in chased}
            if keys:
                await self._look(keys)

    async def _look(self, keys: set[str]) -> None:
        instruments = {key: found for key in sorted(keys) if (found := self._resolved(key)) is not None}
        quotes = {key: await self._quotes.quote(key) for key in instruments}
        await self._writer.tell(partial(self._decide, MarketView(instruments, quotes)))

    def _resolved(self, key: str) -> Instrument | None:
        try:
            return self._instruments.resolve(key)
        except UnknownInstrumentError:
            return None

    def _decide(self, market: MarketView, draft: Draft) -> None:
        keep(self._admission, market, draft)
        send_again(self._admission, market.instruments, market.quotes, draft)
        for order_id, chase in self._chases.items():
            order = draft.order(order_id)
            instrument = market.instruments.get(order.instrument) if order is not None else None
            if order is None or instrument is None:
                continue
            price = next_price(order, chase, instrument, market.quotes.get(order.instrument), draft.monotonic)
            if price is None:
                continue
            change = OrderChange(
                broker_order_id=order.broker_order_id or "",
                instrument=instrument,
                order_type="LIMIT",
                product=order.product,
                quantity=order.quantity,
                price=price,
            )
            wish_change(draft, order, change)
            draft.then(partial(self._chases.__setitem__, order_id, Chase(chase.times + 1, draft.monotonic)))
