"""What trading costs, as the broker estimates it (smartapi_protocol 3.14): brokerage, exchange, stamp duty, SEBI, STT, GST.

Rates are those published for 2026, simplified: the broker's own estimate is what a client must go by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.orders import Side
from sandbox.universe import Instrument, InstrumentKind

_PAISA = Decimal("0.01")
_BROKERAGE_CAP = Decimal(20)
_GST = Decimal("0.18")
_SEBI = Decimal("0.000001")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Parts of the traded value. `stamp` is for buys; taxes by side."""

    brokerage: Decimal
    exchange: Decimal
    stamp: Decimal
    tax_on_buy: Decimal
    tax_on_sell: Decimal


def _rates(brokerage: str, exchange: str, stamp: str, tax_on_buy: str, tax_on_sell: str) -> _Rates:
    return _Rates(*map(Decimal, (brokerage, exchange, stamp, tax_on_buy, tax_on_sell)))


_DELIVERY = _rates("0.001", "0.0000297", "0.00015", "0.001", "0.001")
_INTRADAY = _rates("0.0003", "0.0000297", "0.00003", "0", "0.00025")
_FUTURE = _rates("1", "0.0000173", "0.00002", "0", "0.0002")
_OPTION = _rates("1", "0.0003503", "0.00003", "0", "0.001")


@dataclass(frozen=True, slots=True)
class ChargedOrder:
    """One order of the request; `price` in rupees."""

    instrument: Instrument
    product: str
    side: Side
    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Charges:
    """Rupees, to the paisa."""

    trade_value: Decimal
    brokerage: Decimal
    exchange: Decimal
    stamp: Decimal
    sebi: Decimal
    tax: Decimal
    gst: Decimal

    @property
    def total(self) -> Decimal:
        return self.brokerage + self.exchange + self.stamp + self.sebi + self.tax + self.gst

    def plus(self, other: Charges) -> Charges:
        """Both together."""
        return Charges(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def node(self) -> dict[str, Any]:
        """As the broker breaks it up."""
        external = [
            _part("Exchange Transaction Charges", self.exchange),
            _part("Stamp Duty", self.stamp),
            _part("SEBI Fees", self.sebi),
        ]
        taxes = [_part("Security Transaction Tax", self.tax), _part("GST", self.gst)]
        return {
            "total_charges": float(self.total),
            "trade_value": float(self.trade_value),
            "breakup": [
                _part("Angel One Brokerage", self.brokerage),
                _part("External Charges", self.exchange + self.stamp + self.sebi, external),
                _part("Taxes", self.tax + self.gst, taxes),
            ],
        }


NOTHING = Charges(*([_ZERO] * 7))


def charges_of(order: ChargedOrder) -> Charges:
    """The estimate for one order."""
    value, rates = order.quantity * order.price, _rates_of(order)
    brokerage = min(_BROKERAGE_CAP, value * rates.brokerage)
    exchange, sebi = value * rates.exchange, value * _SEBI
    stamp = value * rates.stamp if order.side is Side.BUY else _ZERO
    tax = value * (rates.tax_on_buy if order.side is Side.BUY else rates.tax_on_sell)
    gst = (brokerage + exchange + sebi) * _GST
    return Charges(*map(_rounded, (value, brokerage, exchange, stamp, sebi, tax, gst)))


def estimate(orders: Iterable[ChargedOrder]) -> dict[str, Any]:
    """The body of estimateCharges: all together, and each."""
    each = [charges_of(order) for order in orders]
    together = NOTHING
    for one in each:
        together = together.plus(one)
    return {"summary": together.node(), "charges": [one.node() for one in each]}


def _rates_of(order: ChargedOrder) -> _Rates:
    if order.instrument.kind is InstrumentKind.OPTION:
        return _OPTION
    if order.instrument.is_derivative:
        return _FUTURE
    return _INTRADAY if order.product == "INTRADAY" else _DELIVERY


def _part(name: str, amount: Decimal, breakup: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"name": name, "amount": float(amount), "msg": "", "breakup": breakup or []}


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_PAISA, ROUND_HALF_UP)
