"""An order desk on a virtual clock, with a market that a test moves by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.clock import session_open_ms
from sandbox.market import Quote, QuoteBoard
from sandbox.order_book import OrderBook, OrderNews
from sandbox.order_desk import OrderDesk
from sandbox.order_entry import read_modification, read_new_order
from sandbox.orders import Order
from sandbox.ticks import Tick
from sandbox.universe import DEFAULT_UNIVERSE

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


@dataclass
class DeskRig:
    """Prices in paise. `print_at` moves the market, `pass_latency` lets the exchange act."""

    cash: int = 1_000_000_000
    news: list[OrderNews] = field(default_factory=list)
    now_ms: int = session_open_ms(DAY)
    mono_ns: int = 0
    volume: int = 0

    def __post_init__(self) -> None:
        self.board = QuoteBoard(DEFAULT_UNIVERSE, seed=1)
        self.book = OrderBook(self.cash, lambda: self.now_ms, self.news.append)
        self.desk = OrderDesk(self.book, DEFAULT_UNIVERSE, 1, self.board.quote, lambda: self.mono_ns)
        self.desk.begin_day(DAY)
        self.print_at(94_000)

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
        self.now_ms += 100
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
