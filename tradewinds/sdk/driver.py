"""Drives one strategy: turns what happens into callbacks, one at a time, and keeps its book and checkpoint.

Without I/O and without a clock of its own: the worker process feeds it from its pipe, the test harness from a script.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from tradewinds.bars import Bar as StoredBar
from tradewinds.clock import IST
from tradewinds.instruments import Instrument
from tradewinds.sdk import params as parameters
from tradewinds.sdk.checkpoint import Checkpoint, encode
from tradewinds.sdk.commands import Command, SaveCheckpoint, WantBars
from tradewinds.sdk.desk import Desk
from tradewinds.sdk.guards import Guard
from tradewinds.sdk.market import Tick
from tradewinds.sdk.orders import FillReport, OrderEvent, OrderHandle, Trade
from tradewinds.sdk.phases import KnownDay, PhaseSpan, segments_of
from tradewinds.sdk.request_ids import RequestIds
from tradewinds.sdk.signals import Signal
from tradewinds.sdk.strategy import BaseStrategy
from tradewinds.sdk.timers import add_decorated
from tradewinds.sdk.vocabulary import OrderState, StopReason


class StrategyDriver:
    """One running strategy. Exceptions of its callbacks pass through; `callback` names the one that was running."""

    def __init__(
        self,
        strategy_class: type[BaseStrategy],
        params: BaseModel,
        *,
        request_ids: RequestIds,
        instruments: Iterable[Instrument],
        now_ms: Callable[[], int],
        send: Callable[[Command], None],
        checkpoint: Checkpoint,
    ) -> None:
        self.desk = Desk(
            request_ids=request_ids, instruments=instruments, now_ms=now_ms, send=send, checkpoint=checkpoint
        )
        self.callback = "__init__"
        self._send = send
        self._sequence = checkpoint.last_event_sequence
        self._touched = False
        self._phase_due_ms: int | None = None
        self._saved = self._encoded()
        # Before __init__, so that a strategy with a constructor of its own need not think of ours.
        self.strategy = strategy_class.__new__(strategy_class)
        self.strategy._desk = self.desk
        self.strategy.params = params
        strategy_class.__init__(self.strategy)

    def want_bars(self) -> bool:
        """Ask for the bars that the strategy wants; whether there are any, so that their past is to be waited for."""
        self.callback = "bars"
        self.desk.bars.want(self.strategy.bars())
        if self.desk.bars.wanted:
            self._send(WantBars(intervals=dict(self.desk.bars.wanted)))
        return bool(self.desk.bars.wanted)

    async def start(self) -> None:
        """Call `on_start`, and start the timers that methods were decorated with."""
        add_decorated(self.desk.timers, self.strategy, self.desk.now_ms())
        await self._call("on_start")

    async def take_params(self, config_json: str) -> None:
        """Parameters that may change while the process runs have changed; raises `ParamsError` (the engine has had them checked)."""
        before = self.strategy.params
        self.strategy.params = parameters.validate(type(before), config_json)
        await self._call("on_params", before)

    async def take_tick(self, tick: Tick) -> None:
        """A price."""
        self.desk.replace_quote(tick)
        await self._call("on_tick", tick)

    async def take_bar(self, closed: StoredBar) -> None:
        """A bar has closed; one that was told before is only corrected."""
        if (bar := self.desk.bars.take(closed)) is not None:
            await self._call("on_bar", bar)

    def take_selected(self, number: int, instrument: Instrument | None, error: str) -> None:
        """The answer to a `SelectInstrument`."""
        if instrument is not None:
            self.desk.learn([instrument])
        self.desk.selecting.answer(number, instrument, error)

    async def take_order_event(self, event: OrderEvent) -> None:
        """An order event; one that was taken before is dropped."""
        if event.sequence <= self._sequence:
            return
        handle = self.desk.orders.take(event.order)
        trade = self._book(handle, event.fill) if event.fill is not None else None
        with self.desk.request_ids.handling(event.sequence):
            await self._call("on_order", handle)
            if trade is not None:
                await self._call("on_trade", trade)
        self.desk.orders.forget_ended(handle)
        self._sequence = event.sequence

    def _book(self, handle: OrderHandle, fill: FillReport) -> Trade:
        price = Decimal(fill.price)
        self.desk.positions.apply(handle.instrument, handle.product, handle.side, fill.quantity, price)
        traded_at = datetime.fromtimestamp(fill.traded_ms / 1000, IST)
        return Trade(fill.trade_id, handle, handle.instrument, handle.side, fill.quantity, price, traded_at)

    def bind_order(self, request_id: str, order_id: str) -> None:
        """The engine has taken an order under this id."""
        handle = self.desk.orders.find(request_id)
        if handle is not None and not handle.id:
            handle.id = order_id

    async def take_place_failure(self, request_id: str, state: OrderState, reason: str, message: str) -> None:
        """An order was refused before it was stored, or nobody knows whether it was (UNKNOWN)."""
        handle = self.desk.orders.find(request_id)
        if handle is None or handle.has_event:
            return
        handle.state, handle.reason, handle.message = state, reason, message
        await self._call("on_order", handle)
        self.desk.orders.forget_ended(handle)

    async def take_cancel_failure(self, request_id: str, reason: str, message: str) -> None:
        """A cancel was not taken: the order works on."""
        handle = self.desk.orders.find(request_id)
        if handle is None or not handle.is_working:
            return
        handle.cancel_requested, handle.reason, handle.message = False, reason, message
        await self._call("on_order", handle)

    async def take_modify_failure(self, request_id: str, reason: str, message: str) -> None:
        """A change was not taken: the order works on as it was."""
        handle = self.desk.orders.find(request_id)
        if handle is None or not handle.is_working:
            return
        handle.modify_requested, handle.reason, handle.message = False, reason, message
        await self._call("on_order", handle)

    async def take_reconciled(self) -> None:
        """The account's books have been set right by the broker's."""
        await self._call("on_reconciled", self.desk.positions.open())

    async def take_signal(self, signal: Signal) -> None:
        """A message from outside."""
        await self._call("on_signal", signal)

    async def take_guard(self, guard: Guard) -> None:
        """What became of `protect`."""
        await self._call("on_guard", guard)

    async def fire_timers(self) -> None:
        """Call what is due, and tell of phases that have begun."""
        for timer in self.desk.timers.take_due(self.desk.now_ms()):
            if not timer.is_cancelled:
                await self._run(getattr(timer.callback, "__name__", "timer"), timer.callback)
        for phase in self.desk.phases.changes(segments_of(self.desk.instruments.values()), self.desk.now_ms()):
            await self._call("on_phase", phase)
        self._phase_due_ms = self.desk.phases.next_change_ms(self.desk.now_ms())

    def next_due_ms(self) -> int | None:
        """When `fire_timers` has something to do (market time)."""
        now_ms = self.desk.now_ms()
        moments = (self.desk.timers.next_due_ms(now_ms), self._phase_due_ms)
        return min((moment for moment in moments if moment is not None), default=None)

    def learn_phases(self, spans: Iterable[PhaseSpan], days: Iterable[KnownDay]) -> None:
        """The calendar of the days around now."""
        self.desk.phases.learn(spans, days)
        self._phase_due_ms = self.desk.now_ms()

    async def take_feed_state(self, stale: Iterable[str]) -> None:
        """Prices of these instruments are missing now, and of no others."""
        before, self.desk.stale = self.desk.stale, frozenset(stale)
        if bool(before) != bool(self.desk.stale):
            await self._call("on_feed_stale" if self.desk.stale else "on_feed_resumed")

    async def stop(self, reason: StopReason) -> None:
        """Call `on_stop`; from here on only what `reason` allows is sent."""
        self.desk.stopping = reason
        await self._call("on_stop", reason)

    @property
    def has_unsaved(self) -> bool:
        """Whether anything has run since the last look at what is to be saved."""
        return self._touched

    def save_if_changed(self) -> None:
        """Send a checkpoint when state, book or sequence differ from the last one sent."""
        if not self._touched:
            return
        self._touched = False
        current = self._encoded()
        if current != self._saved:
            self._saved = current
            self._send(SaveCheckpoint(last_event_sequence=current[0], state_json=current[1]))

    def _encoded(self) -> tuple[int, str]:
        # An order that no event has told of is left out: the events after the checkpoint will tell, or it never was.
        told = [handle.report() for handle in self.desk.orders.working() if handle.has_event]
        return self._sequence, encode(
            self.desk.state,
            self.desk.positions.all(),
            told,
            self.desk.timers.daily_due(),
            self.desk.selecting.selections,
        )

    async def _call(self, name: str, *arguments: Any) -> None:
        await self._run(name, getattr(self.strategy, name), *arguments)

    async def _run(self, name: str, function: Callable[..., Any], *arguments: Any) -> None:
        self.callback = name
        self._touched = True
        outcome = function(*arguments)
        if outcome is not None and inspect.isawaitable(outcome):
            await outcome
