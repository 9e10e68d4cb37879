"""What is left to cancel and to close, from the broker's own books alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from engine_server.broker.port import OrderReport, PositionReport, ReportStatus
from engine_server.oms.domain.protection import Quote, protection_price
from tradewinds.instruments import Instrument

DELIVERED: Final = "CNC"
# NSE's tick by price; a price on a coarser grid is on every finer one.
_TICKS: Final = (
    (Decimal(1000), Decimal("0.05")),
    (Decimal(5000), Decimal("0.10")),
    (Decimal(10_000), Decimal("0.50")),
    (Decimal(20_000), Decimal(1)),
)
_COARSEST: Final = Decimal(5)

IsOurs = Callable[[str], bool]
Line = tuple[str, str, str]  # exchange, token, product


@dataclass(frozen=True)
class Exit:
    """One closing order and the limit it is sent with."""

    instrument: Instrument
    product: str
    side: str
    quantity: int
    price: Decimal

    @property
    def line(self) -> Line:
        """What it closes."""
        return (self.instrument.exchange, self.instrument.token, self.product)


def to_cancel(book: Sequence[OrderReport], is_ours: IsOurs, *, everything: bool) -> list[OrderReport]:
    """Working orders: ours by their tag, or everybody's."""
    return [r for r in book if r.status is ReportStatus.WORKING and (everything or is_ours(r.tag))]


def to_close(
    positions: Sequence[PositionReport],
    book: Sequence[OrderReport],
    is_ours: IsOurs,
    waiting: Collection[Line],
    *,
    everything: bool,
    holdings: bool,
) -> list[Exit]:
    """Shorts as long as there are any, longs afterwards; what an exit is on its way for is left out."""
    open_lines = [p for p in positions if p.net_quantity and (holdings or p.product != DELIVERED)]
    ours = _traded_by_us(book, is_ours)
    exits = []
    for position in open_lines:
        line = (position.exchange, position.token, position.product)
        net = position.net_quantity if everything else _capped(ours.get(line, 0), position.net_quantity)
        if net:
            exits.append(_exit(position, net))
    shorts = [one for one in exits if one.side == "BUY"]
    return [one for one in shorts or exits if one.line not in waiting]


def _traded_by_us(book: Sequence[OrderReport], is_ours: IsOurs) -> dict[Line, int]:
    """Net of today's fills of orders with our tags: all that can be known without a database."""
    net: dict[Line, int] = {}
    for report in book:
        if is_ours(report.tag) and report.filled_quantity:
            line = (report.exchange, report.token, report.product)
            signed = report.filled_quantity if report.side == "BUY" else -report.filled_quantity
            net[line] = net.get(line, 0) + signed
    return net


def _capped(ours: int, theirs: int) -> int:
    """Never more than is open, and never in the other direction."""
    if ours * theirs <= 0:
        return 0
    return min(ours, theirs) if ours > 0 else max(ours, theirs)


def _exit(position: PositionReport, net: int) -> Exit:
    last = position.last_price or max(position.buy_average, position.sell_average)
    instrument = _instrument(position, last)
    side = "SELL" if net > 0 else "BUY"
    price = protection_price(instrument, side, Quote(last=last, bid=Decimal(0), ask=Decimal(0), age_seconds=0))
    return Exit(instrument, position.product, side, abs(net), price)


def _instrument(position: PositionReport, price: Decimal) -> Instrument:
    """As much of it as an order needs; there is no scrip master here."""
    tick = next((tick for below, tick in _TICKS if price < below), _COARSEST)
    return Instrument(
        key=f"{position.exchange}:{position.symbol}",
        exchange=position.exchange,
        symbol=position.symbol,
        token=position.token,
        name=position.symbol,
        kind=_kind(position),
        lot_size=1,
        tick_size=tick,
    )


def _kind(position: PositionReport) -> str:
    if position.exchange in ("NSE", "BSE"):
        return "EQ"
    return "OPT" if position.symbol.endswith(("CE", "PE")) else "FUT"
