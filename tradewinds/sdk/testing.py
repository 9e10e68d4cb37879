"""Runs a strategy in a test: scripted ticks, fills and market time; no processes, no waiting, the same result each time.

    harness = StrategyHarness(MyStrategy, {"symbols": ["RELIANCE"]})
    await harness.start()
    await harness.tick("RELIANCE", "1400.00")
    await harness.advance("5s")
    await harness.fill(harness.working()[0])

It drives the strategy with the same code as a worker process does. Orders go to a `ScriptedBroker`, which opens each and
leaves the rest to the test, or with `fills_marketable=True` fills what crosses the last quote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from tradewinds.clock import IST
from tradewinds.instruments import Instrument, resolve
from tradewinds.sdk.checkpoint import Checkpoint, decode
from tradewinds.sdk.commands import (
    CancelOrder,
    ChangeSubscription,
    Command,
    Notify,
    PlaceOrder,
    RecordMetric,
    SaveCheckpoint,
)
from tradewinds.sdk.driver import StrategyDriver
from tradewinds.sdk.market import Tick
from tradewinds.sdk.orders import OrderReport
from tradewinds.sdk.params import symbols_of, validate
from tradewinds.sdk.request_ids import RequestIds
from tradewinds.sdk.scripted_broker import ScriptedBroker
from tradewinds.sdk.strategy import BaseStrategy, Rupees
from tradewinds.sdk.timers import Interval, interval_ms
from tradewinds.sdk.vocabulary import OrderState, StopReason

_CONFIG_ID = "test"
_OPENING = datetime(2026, 11, 20, 9, 15, tzinfo=IST)


def equity(symbol: str, *, tick_size: str = "0.05", lot_size: int = 1) -> Instrument:
    """An NSE equity to test with."""
    return Instrument(
        key=f"NSE:{symbol}-EQ",
        exchange="NSE",
        symbol=f"{symbol}-EQ",
        token=str(sum(map(ord, symbol))),
        name=symbol,
        kind="EQ",
        lot_size=lot_size,
        tick_size=Decimal(tick_size),
    )


class StrategyHarness:
    """One strategy under test. Instruments are NSE equities of the names in the parameters unless given."""

    def __init__(
        self,
        strategy_class: type[BaseStrategy],
        params: Mapping[str, Any] | None = None,
        *,
        instruments: Iterable[Instrument] | None = None,
        start: datetime = _OPENING,
        fills_marketable: bool = False,
    ) -> None:
        self._class = strategy_class
        written = validate(strategy_class.Params, json.dumps(dict(params or {})))
        named = (equity(s.partition(":")[2].removesuffix("-EQ") or s) for s in symbols_of(written))
        self.instruments = {i.key: i for i in (instruments if instruments is not None else named)}
        self._params = _with_keys(written, self.instruments)
        self.market_ms = int(start.timestamp() * 1000)
        self.broker = ScriptedBroker(lambda: self.market_ms, fills_marketable=fills_marketable)
        self.notifications: list[Notify] = []
        self.metrics: list[RecordMetric] = []
        self.checkpoint = Checkpoint()
        self._processes = 0
        self._driver = self._new_driver()

    @property
    def strategy(self) -> Any:
        """The strategy itself."""
        return self._driver.strategy

    @property
    def now(self) -> datetime:
        """Market time."""
        return datetime.fromtimestamp(self.market_ms / 1000, IST)

    async def start(self) -> None:
        """Call `on_start`."""
        await self._driver.start()
        await self._settle()

    async def tick(
        self,
        symbol: str,
        last_price: Rupees,
        *,
        bid: Rupees | None = None,
        ask: Rupees | None = None,
        volume: int = 0,
    ) -> None:
        """A price now; bid and ask are one tick off the last price unless given."""
        instrument, last = resolve(symbol, self.instruments), Decimal(last_price)
        tick = Tick(
            symbol=instrument.key,
            last_price=last,
            bid=Decimal(bid) if bid is not None else last - instrument.tick_size,
            ask=Decimal(ask) if ask is not None else last + instrument.tick_size,
            volume=volume,
            exchange_time=self.now,
        )
        self.broker.take_tick(tick)
        await self._driver.take_tick(tick)
        await self._settle()

    async def advance(self, interval: Interval) -> None:
        """Let market time pass; timers fire at their times."""
        end_ms = self.market_ms + interval_ms(interval)
        while (due := self._driver.desk.timers.next_due_ms(self.market_ms)) is not None and due <= end_ms:
            self.market_ms = max(self.market_ms, due)
            await self._driver.fire_timers()
            await self._settle()
        self.market_ms = end_ms

    def placed(self) -> list[PlaceOrder]:
        """Every order that was placed, once each, in order."""
        return self.broker.placed()

    def working(self) -> list[OrderReport]:
        """The orders that work at the broker."""
        return self.broker.working()

    async def fill(self, order: OrderReport, quantity: int | None = None, price: Rupees | None = None) -> None:
        """Fill an order, whole and at its own price unless said otherwise."""
        self.broker.fill(order.request_id, quantity, Decimal(price) if price is not None else None)
        await self._settle()

    async def end(self, order: OrderReport, state: OrderState, reason: str = "", message: str = "") -> None:
        """Reject, cancel, expire or deny an order."""
        self.broker.end(order.request_id, state, reason, message)
        await self._settle()

    async def feed(self, *, is_stale: bool) -> None:
        """The prices stop coming, or come again."""
        await self._driver.take_feed_state(is_stale=is_stale)
        await self._settle()

    async def crash_and_restart(self, *, from_checkpoint: Checkpoint | None = None) -> None:
        """The process dies; a new one continues from the last checkpoint (or an older one) and is replayed what followed."""
        self.checkpoint = from_checkpoint or self.checkpoint
        self._driver = self._new_driver()
        await self._driver.start()
        for event in self.broker.events_after(self.checkpoint.last_event_sequence):
            await self._driver.take_order_event(event)
        await self._settle()

    async def stop(self, reason: StopReason = StopReason.STOP) -> None:
        """Call `on_stop`."""
        await self._driver.stop(reason)
        await self._settle()

    def _new_driver(self) -> StrategyDriver:
        self._processes += 1
        return StrategyDriver(
            self._class,
            self._params,
            request_ids=RequestIds(_CONFIG_ID, 1, str(self._processes)),
            instruments=self.instruments.values(),
            now_ms=lambda: self.market_ms,
            send=self._take,
            checkpoint=self.checkpoint,
        )

    def _take(self, command: Command) -> None:
        match command:
            case PlaceOrder():
                self.broker.place(command)
            case CancelOrder():
                self.broker.cancel(command.request_id)
            case Notify():
                self.notifications.append(command)
            case RecordMetric():
                self.metrics.append(command)
            case SaveCheckpoint():
                self.checkpoint = decode(command.state_json, command.last_event_sequence)
            case ChangeSubscription():
                pass  # every instrument of the harness is followed

    async def _settle(self) -> None:
        while event := self.broker.next_event():
            await self._driver.take_order_event(event)
        self._driver.save_if_changed()


def _with_keys(params: BaseModel, instruments: Mapping[str, Instrument]) -> BaseModel:
    """The parameters as the engine stores them: `symbols` and `symbol` are canonical keys."""
    keys = [resolve(symbol, instruments).key for symbol in symbols_of(params)]
    if not keys:
        return params
    return params.model_copy(update={"symbols": keys} if hasattr(params, "symbols") else {"symbol": keys[0]})
