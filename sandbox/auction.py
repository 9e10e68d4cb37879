"""A call auction: orders are collected, then all trade at one price. Pure.

The price is the one at which most can trade; among equals the one that leaves least over, then the one nearest to the
reference, as NSE's call auction has it. The market's own interest is made up round the reference, seeded.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.matching import Execution, FillReason, WorkingOrder
from sandbox.orders import Side

_LEVELS = 20
_VALUE_PER_LEVEL_PAISE = (2_000_000, 40_000_000)
_GAP = 0.002
"""The others' opinion of a fair price lies this far (one standard deviation) from the reference."""


@dataclass(frozen=True, slots=True)
class Interest:
    """Quantity wanted at a limit price in paise. `order_id` is empty for the market's own."""

    side: Side
    limit: int
    quantity: int
    order_id: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Uncrossing:
    """The auction's price in paise, all that traded at it, and what of it was ours. Volume 0: it found no price."""

    price: int
    volume: int
    executions: tuple[Execution, ...]


def market_interest(reference: int, tick: int, rng: random.Random) -> list[Interest]:
    """What everybody else brings to the auction: both sides overlap round a price near the reference."""
    fair = max(tick * (_LEVELS + 1), round(reference * (1 + rng.gauss(0, _GAP)) / tick) * tick)
    low, high = _VALUE_PER_LEVEL_PAISE
    found = []
    for step in range(-_LEVELS // 4, _LEVELS):
        for side in Side:
            quantity = max(1, int(rng.uniform(low, high)) // reference)
            found.append(Interest(side, fair - side.sign * step * tick, quantity))
    return found


def own_interest(orders: Iterable[WorkingOrder]) -> list[Interest]:
    """Our collected orders; the market's orders were there first at their price."""
    return [Interest(o.side, o.limit, o.open_quantity, o.order_id, o.priority) for o in orders]


def uncross(interest: Sequence[Interest], reference: int) -> Uncrossing:
    """One price for all, and who trades at it: better prices first, then earlier ones."""
    price, volume = _equilibrium(interest, reference)
    executions: list[Execution] = []
    for side in Side:
        left = volume
        for one in sorted(_willing(interest, side, price), key=lambda i: (-i.side.sign * i.limit, i.priority)):
            quantity = min(one.quantity, left)
            left -= quantity
            if quantity and one.order_id:
                executions.append(Execution(one.order_id, quantity, price, FillReason.UNCROSSED))
    return Uncrossing(price, volume, tuple(executions))


def _equilibrium(interest: Sequence[Interest], reference: int) -> tuple[int, int]:
    best = (0, 0, 0)
    price_found = reference
    for price in sorted({one.limit for one in interest}):
        bought = sum(one.quantity for one in _willing(interest, Side.BUY, price))
        sold = sum(one.quantity for one in _willing(interest, Side.SELL, price))
        rank = (min(bought, sold), -abs(bought - sold), -abs(price - reference))
        if rank[0] and (best[0] == 0 or rank > best):
            best, price_found = rank, price
    return price_found, best[0]


def _willing(interest: Iterable[Interest], side: Side, price: int) -> Iterable[Interest]:
    return (one for one in interest if one.side is side and side.sign * one.limit >= side.sign * price)
