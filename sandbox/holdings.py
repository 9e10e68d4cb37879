"""Holdings: what was bought for DELIVERY on earlier days, in the T+1 quantity first, then realised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.market import Quote
from sandbox.universe import Instrument, InstrumentKey


@dataclass(slots=True)
class Holding:
    """Quantities in shares, `cost` (paise) of all of them. `arriving` are (quantity, day on which it is realised)."""

    exchange: str
    token: str
    symbol: str
    realised: int = 0
    arriving: list[tuple[int, int]] = field(default_factory=list)
    cost: int = 0

    @property
    def key(self) -> InstrumentKey:
        return (self.exchange, self.token)

    @property
    def t1(self) -> int:
        return sum(quantity for quantity, _ in self.arriving)

    @property
    def quantity(self) -> int:
        return self.realised + self.t1

    def take(self, quantity: int) -> int:
        """Deliver shares that were sold, realised ones first. Returns their cost in paise."""
        cost = self.cost * quantity // self.quantity
        self.cost -= cost
        from_realised = min(quantity, self.realised)
        self.realised -= from_realised
        left = quantity - from_realised
        while left:
            waiting, day = self.arriving[0]
            taken = min(left, waiting)
            left -= taken
            self.arriving = [(waiting - taken, day), *self.arriving[1:]] if taken < waiting else self.arriving[1:]
        return cost


class HoldingBook:
    """All holdings, by instrument."""

    def __init__(self) -> None:
        self._holdings: dict[InstrumentKey, Holding] = {}

    def __iter__(self) -> Iterator[Holding]:
        return iter(self._holdings.values())

    def quantity(self, key: InstrumentKey) -> int:
        """What may be delivered."""
        holding = self._holdings.get(key)
        return holding.quantity if holding else 0

    def receive(self, key: InstrumentKey, symbol: str, quantity: int, cost: int, realised_on: int) -> None:
        """Shares bought yesterday: T+1 until the day `realised_on`."""
        holding = self._holdings.setdefault(key, Holding(*key, symbol))
        holding.arriving.append((quantity, realised_on))
        holding.cost += cost

    def deliver(self, key: InstrumentKey, quantity: int) -> int:
        """Shares sold yesterday leave. Returns their cost in paise."""
        holding = self._holdings[key]
        cost = holding.take(quantity)
        if not holding.quantity:
            del self._holdings[key]
        return cost

    def begin_day(self, day: int) -> None:
        """What is due by `day` becomes realised."""
        for holding in self:
            holding.realised += sum(quantity for quantity, due in holding.arriving if due <= day)
            holding.arriving = [(quantity, due) for quantity, due in holding.arriving if due > day]

    def multiply(self, key: InstrumentKey, numerator: int, denominator: int) -> None:
        """A split or bonus: more shares at the same cost; fractions are paid out by nobody here, they are dropped."""
        holding = self._holdings.get(key)
        if holding is None:
            return
        holding.realised = holding.realised * numerator // denominator
        holding.arriving = [(q * numerator // denominator, due) for q, due in holding.arriving]
        if not holding.quantity:
            del self._holdings[key]


def holding_row(holding: Holding, instrument: Instrument | None, quote: Quote | None) -> dict[str, Any]:
    """One row of getHolding (smartapi_protocol 3.9): numbers, with the captured nulls."""
    ltp, close = (quote.ltp, quote.close) if quote else (0, 0)
    profit = holding.quantity * ltp - holding.cost if quote else 0
    return {
        "tradingsymbol": holding.symbol,
        "exchange": holding.exchange,
        "isin": instrument.isin if instrument else "",
        "t1quantity": holding.t1,
        "realisedquantity": holding.realised,
        "quantity": holding.quantity,
        "authorisedquantity": 0,
        "product": "DELIVERY",
        "collateralquantity": None,
        "collateraltype": None,
        "haircut": 0.0,
        "averageprice": round(holding.cost / holding.quantity / 100, 2),
        "ltp": ltp / 100,
        "symboltoken": holding.token,
        "close": close / 100,
        "profitandloss": round(profit / 100, 2),
        "pnlpercentage": round(100 * profit / holding.cost, 2) if holding.cost else 0.0,
    }


def total_of(rows: list[dict[str, Any]]) -> Mapping[str, float] | None:
    """`totalholding` of getAllHolding; null when there is nothing."""
    if not rows:
        return None
    value = sum(row["quantity"] * row["ltp"] for row in rows)
    profit = sum(row["profitandloss"] for row in rows)
    invested = sum(row["quantity"] * row["averageprice"] for row in rows)
    return {
        "totalholdingvalue": round(value, 2),
        "totalinvvalue": round(invested, 2),
        "totalprofitandloss": round(profit, 2),
        "totalpnlpercentage": round(100 * profit / invested, 2) if invested else 0.0,
    }
