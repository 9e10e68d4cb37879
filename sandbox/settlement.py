"""What happens to contracts on the day that they expire: closed at their underlying's closing price, shares delivered where they are due.

Index contracts are settled in cash. Contracts on shares are settled by delivery: futures at the underlying's close, options in
the money at their strike; who has too few shares to deliver is settled in cash for the rest, as a close-out is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sandbox.ledger import DELIVERY, Settlement
from sandbox.order_book import OrderBook
from sandbox.orders import Side
from sandbox.phases import Market
from sandbox.positions import Fill, Position
from sandbox.trading_hours import market_of
from sandbox.universe import Instrument, InstrumentKey, InstrumentKind, OptionType, Universe


class Settler:
    """`settlement_price` gives an underlying's closing price of a day (as `ist_day` counts) in paise, None when it has none."""

    def __init__(
        self, universe: Universe, book: OrderBook, settlement_price: Callable[[InstrumentKey, int], int | None]
    ) -> None:
        self._universe = universe
        self._book = book
        self._settlement_price = settlement_price

    def settle(self, market: Market, day: int) -> None:
        """Settle every open position of the market whose contract expires by `day` (as `ist_day` counts)."""
        today = datetime.fromtimestamp(day * 86_400, UTC).date()
        for position in list(self._book.positions):
            contract = self._universe.find(*position.key)
            if contract is None or not position.net or market_of(contract) != market:
                continue
            if contract.expiry is not None and contract.expiry <= today:
                self._settle(position, contract, day)

    def _settle(self, position: Position, contract: Instrument, day: int) -> None:
        underlying = self._universe.find(*contract.underlying) if contract.underlying else None
        price = self._settlement_price(contract.underlying or contract.key, day)
        if price is None:
            return
        now_ms = self._book.now_ms()
        if underlying is None or not underlying.tradable:
            value, delivery = settlement_value(contract, price), None
            reason = f"expired, settled in cash at {value / 100:.2f} (underlying {price / 100:.2f})"
        else:
            value, delivery = self._by_delivery(position, contract, underlying, price)
            reason = f"expired, settled at {value / 100:.2f} (underlying {price / 100:.2f})"
        fills = [_fill(contract, position.product, _closing_side(position), abs(position.net), value, now_ms)]
        if delivery is not None:
            side, quantity, at = delivery
            fills.append(_fill(underlying or contract, DELIVERY, side, quantity, at, now_ms))
        self._book.post("settlement", Settlement(reason, tuple(fills)))

    def _by_delivery(
        self, position: Position, contract: Instrument, underlying: Instrument, price: int
    ) -> tuple[int, tuple[Side, int, int] | None]:
        """(what the contract closes at, (side, quantity, price) of the shares). Delivered shares carry their own value."""
        value = settlement_value(contract, price)
        receives = (position.net > 0) != (contract.option_type is OptionType.PUT)
        is_option = contract.kind is InstrumentKind.OPTION
        if is_option and not value:
            return 0, None
        quantity = abs(position.net)
        if not receives and self._deliverable(underlying) < quantity:
            return value, None
        at = contract.strike if is_option else price
        return (0 if is_option else value), (Side.BUY if receives else Side.SELL, quantity, at)

    def _deliverable(self, underlying: Instrument) -> int:
        today = self._book.positions.by_key.get((*underlying.key, DELIVERY))
        return self._book.ledger.holdings.quantity(underlying.key) + (today.net if today else 0)


def settlement_value(contract: Instrument, underlying_price: int) -> int:
    """What one unit of the contract is worth at its expiry, paise."""
    if contract.kind is not InstrumentKind.OPTION:
        return underlying_price
    sign = 1 if contract.option_type is OptionType.CALL else -1
    return max(0, sign * (underlying_price - contract.strike))


def _closing_side(position: Position) -> Side:
    return Side.SELL if position.net > 0 else Side.BUY


def _fill(instrument: Instrument, product: str, side: Side, quantity: int, price: int, at_ms: int) -> Fill:
    return Fill("", "", instrument.exchange, instrument.token, instrument.symbol, product, side, quantity, price, at_ms)
