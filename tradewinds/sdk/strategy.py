"""`BaseStrategy`: what every strategy derives from."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel

from tradewinds.sdk import params as parameters
from tradewinds.sdk.bars import Bar
from tradewinds.sdk.guards import Guard
from tradewinds.sdk.market import Tick
from tradewinds.sdk.market_reads import MarketReads
from tradewinds.sdk.order_verbs import OrderVerbs
from tradewinds.sdk.orders import OrderHandle, Trade
from tradewinds.sdk.phases import Phase
from tradewinds.sdk.positions import Position
from tradewinds.sdk.signals import Signal
from tradewinds.sdk.timers import Callback, Interval, Timer
from tradewinds.sdk.vocabulary import StopReason

Outcome = Awaitable[None] | None  # a callback is a plain or an async method


class BaseStrategy(OrderVerbs, MarketReads):
    """A strategy. Derive from it, declare `Params`, override the callbacks that matter; they run one at a time.

    Prices are Decimal rupees, quantities are units, times are the market's. An order verb returns a handle at once, and
    what becomes of the order is told in `on_order`. An exception in a callback stops this strategy only: the process
    ends, and a new one continues from the last checkpoint (`state`, the book, the order events taken).
    """

    Params: ClassVar[type[BaseModel]] = parameters.Params

    params: Any

    # --- callbacks ---

    def on_start(self) -> Outcome:
        """First of all. After a restart `state` and `position` are those of the checkpoint: order events that came since
        are replayed to `on_order` and `on_trade` before the first tick, so decide in those or later, not here."""

    def on_tick(self, tick: Tick) -> Outcome:
        """A price of an instrument that the strategy follows. A slow strategy gets the latest one of each, not all."""

    def bars(self) -> Mapping[str, int]:
        """Which bars `on_bar` is called for, and how many `history` keeps of each interval: `return {"5m": 50, "1d": 20}`.

        Asked once, before `on_start`, with the parameters there. So many bars of the past are there then, as far as there are any.
        """
        return {}

    def on_bar(self, bar: Bar) -> Outcome:
        """A bar of a followed instrument has closed, about a second after its end; `history` ends with it."""

    def on_order(self, order: OrderHandle) -> Outcome:
        """An order changed: its state, its fills, or why it came to nothing."""

    def on_trade(self, trade: Trade) -> Outcome:
        """A fill; the position has it already. Called after `on_order` of the same event."""

    def on_guard(self, guard: Guard) -> Outcome:
        """What became of `protect`: `guard.is_refused` says that the position is not guarded by it, `guard.message` why."""

    def on_signal(self, signal: Signal) -> Outcome:
        """A message from outside (`tradewinds strategies signal`, the API, SQL): once, or not at all where the process ends meanwhile."""

    def on_feed_stale(self) -> Outcome:
        """Prices of followed instruments are missing, though their market is open; `is_stale` says whose."""

    def on_feed_resumed(self) -> Outcome:
        """Prices of all of them come again."""

    def on_params(self, before: Any) -> Outcome:
        """Parameters declared with `live` have been changed: `self.params` has the new ones, `before` the old ones."""

    def on_reconciled(self, positions: list[Position]) -> Outcome:
        """The account's books have been set right by the broker's: after a start of the engine, a new session, a stream that was away.

        What was missed came to `on_order` and `on_trade` before; `positions` is what the strategy holds now.
        """

    def on_phase(self, phase: Phase) -> Outcome:
        """A segment's phase has changed, for instruments without a closing auction: `phase.segment`, `phase.name`."""

    def on_stop(self, reason: StopReason) -> Outcome:
        """Last of all. Orders are refused here unless `reason` is STOP."""

    # --- messages ---

    def notify(self, title: str, text: str = "", *, dedupe_key: str = "") -> None:
        """Tell the strategy's user; under the same `dedupe_key` once."""
        self._desk.notify(title, text, dedupe_key)

    def metric(self, name: str, value: float | Decimal) -> None:
        """Record a value, shown with the strategy's status."""
        self._desk.metric(name, float(value))

    # --- time ---

    def every(self, interval: Interval, callback: Callback) -> Timer:
        """Call `callback` at each whole interval of market time ("5s", "5m", a number of seconds)."""
        return self._desk.timers.add(interval, callback, self._desk.now_ms())

    def at(self, time_of_day: str, callback: Callback) -> Timer:
        """Call `callback` once a day at a market time ("09:20", "15:10:30"), from today on if that is still to come.

        A process that starts again within a quarter of an hour makes up for what fell into the time between.
        """
        return self._desk.timers.add_daily(time_of_day, callback, self._desk.now_ms())

    @property
    def now(self) -> datetime:
        """Market time, IST."""
        return self._desk.now()

    # --- what is known ---

    @property
    def state(self) -> dict[str, Any]:
        """What outlives the process: strings, numbers, lists and dicts. Saved after order events and when it changed."""
        return self._desk.state

    @state.setter
    def state(self, value: Mapping[str, Any]) -> None:
        self._desk.state = dict(value)
