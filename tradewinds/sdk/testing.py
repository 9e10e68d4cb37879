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
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from tradewinds.bars import INTERVAL_MINUTES
from tradewinds.bars import Bar as StoredBar
from tradewinds.clock import IST
from tradewinds.instruments import Instrument, resolve
from tradewinds.money import to_e4
from tradewinds.sdk.checkpoint import Checkpoint, decode
from tradewinds.sdk.commands import (
    CancelOrder,
    ChangeSubscription,
    Command,
    ModifyOrder,
    Notify,
    PlaceOrder,
    ProtectPosition,
    RecordMetric,
    SaveCheckpoint,
    SelectInstrument,
    WantBars,
)
from tradewinds.sdk.driver import StrategyDriver
from tradewinds.sdk.guards import Guard
from tradewinds.sdk.market import Tick
from tradewinds.sdk.order_verbs import Rupees
from tradewinds.sdk.orders import OrderReport
from tradewinds.sdk.params import symbols_of, validate
from tradewinds.sdk.phases import KnownDay, PhaseSpan
from tradewinds.sdk.request_ids import RequestIds
from tradewinds.sdk.scripted_broker import ScriptedBroker
from tradewinds.sdk.selectors import Selector
from tradewinds.sdk.signals import Signal
from tradewinds.sdk.strategy import BaseStrategy
from tradewinds.sdk.timers import Interval, interval_ms
from tradewinds.sdk.vocabulary import OrderState, StopReason

_CONFIG_ID = "test"
_DAY_MS = 24 * 3_600_000
_IST_OFFSET_MS = (5 * 60 + 30) * 60_000
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
        self.guards: list[ProtectPosition] = []
        self.checkpoint = Checkpoint()
        self._past_bars: list[StoredBar] = []
        self._meanings: dict[str, Instrument | None] = {}
        self._spans: list[PhaseSpan] = []
        self._processes = 0
        self._signals = 0
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
        if self._driver.want_bars():
            self._driver.desk.bars.put(self._past_bars)
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
        while (due := self._driver.next_due_ms()) is not None and due <= end_ms:
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

    async def bar(
        self,
        symbol: str,
        close: Rupees,
        *,
        interval: str = "1m",
        open: Rupees | None = None,  # noqa: A002 - as bars are spoken of
        high: Rupees | None = None,
        low: Rupees | None = None,
        volume: int = 0,
    ) -> None:
        """A bar closes now; open, high and low are the close unless given. Time does not pass by it: see `advance`."""
        step_ms = 60_000 * (INTERVAL_MINUTES[interval] or 24 * 60)
        bar = self._bar(symbol, interval, self.market_ms - step_ms, close, open, high, low, volume)
        await self._driver.take_bar(bar)
        await self._settle()

    def past_bars(self, symbol: str, interval: str, closes: Sequence[Rupees]) -> None:
        """Bars of the past, the last one ending now, for `history`: before `start`, as in a real warm-up."""
        step_ms = 60_000 * (INTERVAL_MINUTES[interval] or 24 * 60)
        first_ms = self.market_ms - step_ms * len(closes)
        self._past_bars += [
            self._bar(symbol, interval, first_ms + number * step_ms, close) for number, close in enumerate(closes)
        ]

    def means(self, selector: Selector, instrument: Instrument | None) -> None:
        """What a selector means from now on; None where there is no such contract."""
        self._meanings[selector.text] = instrument

    async def phase(self, name: str, segment: str = "NSE_CM") -> None:
        """A phase begins now, and lasts for the rest of the day."""
        midnight_ms = self.market_ms - (self.market_ms + _IST_OFFSET_MS) % _DAY_MS
        span = PhaseSpan(segment, "", name, self.market_ms, midnight_ms + _DAY_MS)
        self._spans = [*(s for s in self._spans if s.segment != segment or s.end_ms <= self.market_ms), span]
        self._driver.learn_phases(self._spans, [KnownDay(segment, midnight_ms, midnight_ms + _DAY_MS)])
        await self._driver.fire_timers()
        await self._settle()

    async def change_params(self, **changes: Any) -> None:
        """Change parameters that are declared with `live`."""
        config_json = json.dumps({**self._params.model_dump(mode="json"), **changes})
        self._params = validate(self._class.Params, config_json)
        await self._driver.take_params(config_json)
        await self._settle()

    async def reconciled(self) -> None:
        """The engine has compared its books with the broker's."""
        await self._driver.take_reconciled()
        await self._settle()

    async def signal(self, data: Mapping[str, Any], sender: str = "trader") -> None:
        """Somebody tells it something."""
        self._signals += 1
        await self._driver.take_signal(Signal(id=f"signal-{self._signals}", data=dict(data), sender=sender))
        await self._settle()

    async def guard(self, symbol: str, state: str, reason: str = "", message: str = "") -> None:
        """The engine answers `protect`: ACTIVE (its stop rests at the exchange then, as a working order), WAITING or REFUSED. What was
        asked is in `guards`."""
        key = resolve(symbol, self.instruments).key
        asked = next(guard for guard in reversed(self.guards) if guard.instrument == key)
        if state == "ACTIVE":
            self.broker.open_guard(asked, self.strategy.position(key, asked.product).net_quantity)
        await self._driver.take_guard(
            Guard(instrument=key, product=asked.product, state=state, reason=reason, message=message)
        )
        await self._settle()

    async def feed(self, *, is_stale: bool) -> None:
        """The prices stop coming, or come again."""
        await self._driver.take_feed_state(self.instruments if is_stale else ())
        await self._settle()

    async def crash_and_restart(self, *, from_checkpoint: Checkpoint | None = None) -> None:
        """The process dies; a new one continues from the last checkpoint (or an older one) and is replayed what followed."""
        self.checkpoint = from_checkpoint or self.checkpoint
        self._driver = self._new_driver()
        await self.start()
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
            case ModifyOrder():
                self.broker.modify(command)
            case ProtectPosition():
                self.guards.append(command)
            case Notify():
                self.notifications.append(command)
            case RecordMetric():
                self.metrics.append(command)
            case SaveCheckpoint():
                self.checkpoint = decode(command.state_json, command.last_event_sequence)
            case SelectInstrument():
                self._answer(command)
            case ChangeSubscription() | WantBars():
                pass  # every instrument of the harness is followed

    def _answer(self, asked: SelectInstrument) -> None:
        meant = self._meanings.get(asked.selector.text)
        instrument = self.instruments.get(asked.key) or meant
        if instrument is not None:
            self.instruments[instrument.key] = instrument
        error = "" if instrument is not None else f"{asked.selector.text}: tell the harness what it means, see `means`"
        self._driver.take_selected(asked.number, instrument, error)

    def _bar(
        self,
        symbol: str,
        interval: str,
        start_ms: int,
        close: Rupees,
        open_: Rupees | None = None,
        high: Rupees | None = None,
        low: Rupees | None = None,
        volume: int = 0,
    ) -> StoredBar:
        prices = [Decimal(close if price is None else price) for price in (open_, high, low, close)]
        open_e4, high_e4, low_e4, close_e4 = map(to_e4, prices)
        key = resolve(symbol, self.instruments).key
        return StoredBar(key, interval, start_ms, open_e4, high_e4, low_e4, close_e4, volume)

    async def _settle(self) -> None:
        while event := self.broker.next_event():
            await self._driver.take_order_event(event)
        self._driver.save_if_changed()


def _with_keys(params: BaseModel, instruments: Mapping[str, Instrument]) -> BaseModel:
    """The parameters as the engine stores them: `symbols`, `signal_symbols` and `symbol` are canonical keys."""
    update: dict[str, Any] = {}
    for name in ("symbols", "signal_symbols"):
        if symbols := getattr(params, name, None):
            update[name] = [resolve(symbol, instruments).key for symbol in symbols]
    if symbol := getattr(params, "symbol", None):
        update["symbol"] = resolve(symbol, instruments).key
    return params.model_copy(update=update)
