"""Everything that an order can touch, put together: hours, desk, auctions, square-off, settlement, and the day's milestones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.auction_prints import AuctionPrints
from sandbox.auctions import Auctions
from sandbox.clock import MarketClock, ist_day, session_open_ms
from sandbox.day_plan import DayPlan
from sandbox.faults.names import FaultName
from sandbox.faults.register import Faults
from sandbox.gtt import GttDesk
from sandbox.latency import Latency
from sandbox.ledger import Ledger, corporate_action
from sandbox.market import Quote, QuoteBoard
from sandbox.market_day import MarketDay
from sandbox.order_book import OrderBook, OrderNews
from sandbox.order_desk import OrderDesk
from sandbox.orders import Origin
from sandbox.phases import Market, Phase, TradingCalendar
from sandbox.recovery import History
from sandbox.settlement import Settler
from sandbox.square_off import SquareOff
from sandbox.ticks import Tick
from sandbox.trading_hours import TradingHours, markets_of
from sandbox.truth import Truth
from sandbox.universe import Instrument, InstrumentKey, Universe

_BEHIND_EVERYTHING = 9


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What trading needs of the rest of the broker. `recorded`: prices are a replay's. `publish` shows a print to everybody."""

    universe: Universe
    calendar: TradingCalendar
    clock: MarketClock
    board: QuoteBoard
    truth: Truth
    faults: Faults
    seed: int
    latency: Latency
    cash: int
    recorded: bool
    publish: Callable[[Tick], Quote]
    average_of_last_half_hour: Callable[[InstrumentKey, int], int | None]
    on_order_news: Callable[[OrderNews], None]
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    auction_prints: AuctionPrints = field(default_factory=AuctionPrints)


class Trading:
    """Start-up is recovery: a fresh broker has an empty history."""

    def __init__(self, around: Surroundings, history: History) -> None:
        self._around = around
        clock, universe, truth = around.clock, around.universe, around.truth
        calendar = around.calendar
        now_ms = history.milestone[0] if history.milestone else clock.now_ms()
        self.hours = TradingHours(calendar, markets_of(universe), now_ms)
        self.hours.halted_until_ms = history.halted_until_ms
        ledger = Ledger(around.cash, lambda day: calendar.next_trading_day(day) + 1)
        self.book = OrderBook(ledger, clock.now_ms, self._order_news, self._entry)
        self.desk = OrderDesk(
            self.book,
            universe,
            self.hours,
            around.board.quote,
            around.faults,
            around.latency,
            around.seed,
            around.monotonic_ns,
        )
        self.auctions = Auctions(
            universe,
            self.hours,
            around.board,
            self.desk,
            truth,
            around.publish,
            around.auction_prints,
            clock.now_ms,
            around.seed,
            around.recorded,
        )
        self.day = MarketDay(
            DayPlan(calendar, self.hours.markets, history.milestone or (now_ms, _BEHIND_EVERYTHING, "")),
            self.hours,
            universe,
            self.book,
            self.desk,
            self.auctions,
            SquareOff(universe, around.board, self.book, self.desk),
            Settler(universe, self.book, self._closing_price),
            truth,
        )
        self.desk.recover(history.orders.values(), history.entries)
        self.gtt = GttDesk(
            universe,
            around.board.quote,
            clock.now_ms,
            lambda event, rule: truth.append("gtt", event=event, rule=rule),
            lambda new: self.desk.place(new, Origin.GTT),
        )
        self.gtt.recover(history.gtt_rules)

    def on_tick(self, tick: Tick, show: Callable[[Tick], Quote]) -> None:
        """A print of the price source. Outside continuous trading a recording is still shown, and nothing else prints."""
        instrument = self._around.universe.find(*tick.key)
        if instrument is None:
            return
        now_ms = self._around.clock.now_ms()
        self._befall(instrument, now_ms)
        trades = self.hours.trades_now(instrument, now_ms)
        if not trades and (not self._around.recorded or self.hours.is_halted(instrument, now_ms)):
            return
        quote = show(tick)
        self.auctions.on_recorded_print(quote)
        if trades:
            self.desk.on_quote(quote)
            self.gtt.on_quote(quote)

    def wanted(self) -> set[InstrumentKey]:
        """What must print although nobody listens: what an order or a rule waits in."""
        return {order.key for order in self.book.live()} | self.gtt.wanted

    def _befall(self, instrument: Instrument, now_ms: int) -> None:
        """Faults of the market itself: a halt of everything, a split or bonus of one share."""
        faults, name = self._around.faults, ":".join(instrument.key)
        if halt := faults.take(FaultName.INDEX_HALT, name):
            self.hours.halted_until_ms = now_ms + int(halt.delay_seconds * 1000)
            self._around.truth.append("halt", until_ms=self.hours.halted_until_ms)
        if action := faults.take(FaultName.CORPORATE_ACTION, name):
            self.book.post("corporate_action", corporate_action(instrument, action.details, now_ms))

    def idle_until(self, now_ms: int) -> int | None:
        """When the cash market's day is over: the beginning of its next one. None while there is something to wait for today."""
        calendar = self._around.calendar
        cash = [market for market in self.hours.markets if market.segment == "NSE"]
        if any(calendar.phase_at(market, now_ms) is not Phase.CLOSED for market in cash):
            return None
        begins_ms = min(calendar.next_window(market, now_ms).begins_ms for market in cash)
        return begins_ms if ist_day(begins_ms) > ist_day(now_ms) else None

    def _closing_price(self, key: InstrumentKey, day: int) -> int | None:
        """What contracts on an underlying expire at: its closing auction's price, or else the average of its last half hour.

        What did not print that day (a recording may hold another instrument's day) keeps its last price.
        """
        around = self._around
        found = around.auction_prints.price(key, day) or around.average_of_last_half_hour(key, day)
        quote = around.board.quote(key)
        return found or (quote.ltp if quote else None)

    def _order_news(self, news: OrderNews) -> None:
        """Truth first: what the client hears has been written down."""
        fields: dict[str, Any] = {"event": news.event.value, "reason": news.reason, "order": news.order.snapshot()}
        if news.fill is None:
            self._around.truth.append("order", **fields)
        else:
            self._around.truth.append("fill", **fields, fill=news.fill.snapshot())
        self._around.on_order_news(news)

    def _entry(self, kind: str, snapshot: dict[str, Any]) -> None:
        self._around.truth.append(kind, **snapshot)


def opening_ms(calendar: TradingCalendar, real_day: int, known_ms: int) -> int:
    """Where a market with generated prices begins: in continuous trading, so that a demo trades at any hour of any real day.

    Fresh (`known_ms` 0): the opening of `real_day`, or of the last trading day before it. After a restart: where it was, or the
    opening of a later real day; and out of auctions and closed hours on to the next opening.
    """
    market = Market("NSE", closing_auction=True)
    day = calendar.last_trading_day(real_day)
    opens = calendar.continuous(market, day)
    wanted = max(opens.begins_ms if opens else session_open_ms(day), known_ms)
    while calendar.phase_at(market, wanted) is not Phase.CONTINUOUS:
        wanted = calendar.next_window(market, wanted).begins_ms
    return wanted
