"""The margin batch (smartapi_protocol 3.13): what orders would block together, by the rates that the risk desk itself goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.orders import Side
from sandbox.risk import MARGIN_PERCENT
from sandbox.universe import Instrument, InstrumentKind


@dataclass(frozen=True, slots=True)
class MarginOrder:
    """One position of the batch; `price` in paise."""

    instrument: Instrument
    product: str
    side: Side
    quantity: int
    price: int

    @property
    def value(self) -> int:
        return self.quantity * self.price


def margin_of(orders: Iterable[MarginOrder]) -> dict[str, Any]:
    """The body: rupees. Bought and sold quantities of one contract and product are netted, as SPAN would."""
    together: dict[tuple[str, str, str], list[MarginOrder]] = {}
    for order in orders:
        together.setdefault((order.instrument.exchange, order.instrument.token, order.product), []).append(order)
    parts = dict.fromkeys(("netPremium", "spanMargin", "marginBenefit", "deliveryMargin", "nonNFOMargin"), 0)
    parts["totOptionsPremium"] = 0
    for lines in together.values():
        _add(parts, lines)
    total = parts["spanMargin"] + parts["deliveryMargin"] + parts["nonNFOMargin"] + max(0, parts["netPremium"])
    return {
        "totalMarginRequired": total / 100,
        "marginComponents": {name: paise / 100 for name, paise in parts.items()},
    }


def _add(parts: dict[str, int], lines: list[MarginOrder]) -> None:
    instrument, product = lines[0].instrument, lines[0].product
    bought = sum(line.value for line in lines if line.side is Side.BUY)
    sold = sum(line.value for line in lines if line.side is Side.SELL)
    net = abs(bought - sold) * MARGIN_PERCENT[product] // 100
    if instrument.kind is InstrumentKind.OPTION and bought >= sold:
        parts["netPremium"] += bought - sold
        parts["totOptionsPremium"] += bought
    elif instrument.is_derivative:
        parts["spanMargin"] += net
    elif product == "DELIVERY":
        parts["deliveryMargin"] += max(0, bought - sold)
    else:
        parts["nonNFOMargin"] += net
    parts["marginBenefit"] += (bought + sold) * MARGIN_PERCENT[product] // 100 - net
