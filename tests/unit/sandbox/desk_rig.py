"""An order desk on a virtual clock, with a market that a test moves by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.auction_prints import AuctionPrints
from sandbox.clock import MarketClock, session_open_ms
from sandbox.faults.names import FaultName
from sandbox.faults.register import FaultRequest, Faults
from sandbox.latency import Latency
from sandbox.market import Quote, QuoteBoard
from sandbox.order_book import OrderNews
from sandbox.order_entry import read_modification, read_new_order
from sandbox.orders import Order
from sandbox.phases import TradingCalendar
from sandbox.recovery import History
from sandbox.ticks import Tick
from sandbox.trading import Surroundings, Trading
from sandbox.universe import DEFAULT_UNIVERSE, Universe

DAY = 20_000
SBIN = ("NSE", "3045")
_STEP_NS = 100_000_000  # more than the longest latency


def order_body(**changes: Any) -> dict[str, Any]:
    """A placement as a client writes it."""
    return {
        "variety": "NORMAL",
        "tradingsymbol": "SBIN-EQ",
        "symboltoken": "3045",
        "transactiontype": "BUY",
        "exchange": "NSE",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": "940.00",
        "quantity": "10",
        **changes,
    }


class MemoryTruth:
    """A truth log in memory, as records of the file's form."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.market_ms: Callable[[], int] = lambda: 0

    def append(self, kind: str, **fields: Any) -> int:
        record = {"seq": len(self.records) + 1, "kind": kind, "market_ms": self.market_ms(), **fields}
        self.records.append(json.loads(json.dumps(record)))
        return len(self.records)

    def of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["kind"] in kinds]


@dataclass
class DeskRig:
    """Prices in paise. `print_at` moves the market, `pass_latency` lets the exchange act, `pass_to` lets market time go on."""

    cash: int = 1_000_000_000
    start_ms: int = session_open_ms(DAY)
    universe: Universe = DEFAULT_UNIVERSE
    recorded: bool = False
    price: int = 94_000
    closing_average: int | None = None
    auction_prints: AuctionPrints = field(default_factory=AuctionPrints)
    news: list[OrderNews] = field(default_factory=list)
    truth: MemoryTruth = field(default_factory=MemoryTruth)
    history: History = field(default_factory=History)
    mono_ns: int = 0
    volume: int = 0

    def __post_init__(self) -> None:
        self.clock = MarketClock(self.start_ms, 1.0, monotonic_ns=lambda: 0)
        self.truth.market_ms = self.clock.now_ms
        self.board = QuoteBoard(self.universe, seed=1)
        self.faults = Faults(1)
        around = Surroundings(
            universe=self.universe,
            calendar=TradingCalendar(),
            clock=self.clock,
            board=self.board,
            truth=self.truth,
            faults=self.faults,
            seed=1,
            latency=Latency(50, 50),
            cash=self.cash,
            recorded=self.recorded,
            publish=self.board.apply,
            average_of_last_half_hour=lambda key, day: self.closing_average,
            auction_prints=self.auction_prints,
            on_order_news=self.news.append,
            monotonic_ns=lambda: self.mono_ns,
        )
        self.trading = Trading(around, self.history)
        self.book, self.desk, self.day = self.trading.book, self.trading.desk, self.trading.day
        self.quote_sbin(self.price)

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    def quote_sbin(self, ltp: int) -> Quote:
        """A price without a print of continuous trading: yesterday's close."""
        quote = self.board.apply(Tick(SBIN, self.now_ms, ltp, 0, self.volume))
        quote.bid, quote.ask, quote.bid_size, quote.ask_size = ltp - 10, ltp + 10, 100, 100
        return quote

    def fault(self, name: FaultName, **request: Any) -> None:
        self.faults.add(FaultRequest(name, **request))

    def pass_to(self, market_ms: int) -> None:
        """Market time goes on without a print; milestones on the way are carried out, and messages arrive."""
        self.day.pass_to(self.clock, market_ms)
        self.pass_latency()

    def print_at(
        self,
        ltp: int,
        traded: int = 0,
        bid: int | None = None,
        ask: int | None = None,
        bid_size: int = 100,
        ask_size: int = 100,
    ) -> Quote:
        """One print; the touch is one tick each side unless given."""
        self.clock.jump_to(self.now_ms + 100)
        self.volume += traded
        quote = self.board.apply(Tick(SBIN, self.now_ms, ltp, traded, self.volume))
        quote.bid, quote.ask = bid or ltp - 10, ask or ltp + 10
        quote.bid_size, quote.ask_size = bid_size, ask_size
        self.desk.on_quote(quote)
        return quote

    def place(self, **changes: Any) -> Order:
        """Place and let it reach the exchange."""
        order = self.desk.place(read_new_order(order_body(**changes), DEFAULT_UNIVERSE))
        self.pass_latency()
        return self.order(order)

    def modify(self, order: Order, **body: Any) -> Order:
        current = self.order(order)
        full = {"variety": current.variety, "price": current.price / 100, "quantity": current.quantity, **body}
        self.desk.request_modify(current, read_modification(full, current))
        self.pass_latency()
        return self.order(order)

    def cancel(self, order: Order) -> Order:
        self.desk.request_cancel(self.order(order))
        self.pass_latency()
        return self.order(order)

    def pass_latency(self) -> None:
        self.mono_ns += _STEP_NS
        self.desk.run_due()

    def order(self, order: Order) -> Order:
        current = self.book.get(order.order_id)
        assert current is not None
        return current

    def events(self, order: Order) -> list[str]:
        return [news.event.value for news in self.news if news.order.order_id == order.order_id]
