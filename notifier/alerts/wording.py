"""Alerts in words: what one waits for, and what its notification says. Numbers are shown as people write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from notifier.alerts.domain.vocabulary import CHANNEL, PERCENT, TRAILING, Condition, Measure
from notifier.alerts.domain.watch import Shape
from tradewinds.money import format_rupees, from_e4, grouped, in_rupees
from tradewinds.ticks import TICK_DTYPE

_SUBJECT: Final = {Measure.PRICE: "price", Measure.VOLUME: "volume", Measure.OPEN_INTEREST: "open interest"}
_VERB: Final = {
    Condition.ABOVE: "is at or above",
    Condition.BELOW: "is at or below",
    Condition.CROSSES_UP: "crosses up through",
    Condition.CROSSES_DOWN: "crosses down through",
    Condition.CROSSES: "crosses",
    Condition.RISES_PERCENT: "rises",
    Condition.FALLS_PERCENT: "falls",
    Condition.MOVES_PERCENT: "moves",
    Condition.FALLS_FROM_HIGH: "falls from its high by",
    Condition.RISES_FROM_LOW: "rises from its low by",
    Condition.ENTERS_CHANNEL: "enters",
    Condition.LEAVES_CHANNEL: "leaves",
}
# As many of a storm are named; the rest is a number.
_NAMED: Final = 10


def amount(value: int, measure: Measure) -> str:
    """`1400.05` for a price, `250000` for units."""
    return format_rupees(from_e4(value)) if measure is Measure.PRICE else str(value)


def shown(value: int, measure: Measure) -> str:
    """The same for people: `₹1,400.05`, `2,50,000`."""
    return in_rupees(from_e4(value)) if measure is Measure.PRICE else grouped(Decimal(value)).removesuffix(".00")


def percent(basis_points: int) -> str:
    """`2.5` of 250."""
    return f"{Decimal(basis_points).scaleb(-2).normalize():f}"


def describe(shape: Shape, measure: Measure, mark: int) -> str:
    """`price crosses up through ₹1,400.05`."""
    condition = Condition(shape.condition)
    start = f"{_SUBJECT[measure]} {_VERB[condition]}"
    if condition in TRAILING:
        away = shown(shape.distance, measure) if shape.distance else f"{percent(shape.basis_points)}%"
        return f"{start} {away} ({shown(mark, measure)})"
    if condition in PERCENT:
        return f"{start} {percent(shape.basis_points)}% from {shown(mark, measure)}"
    if condition in CHANNEL:
        return f"{start} {shown(shape.lower, measure)} to {shown(shape.upper, measure)}"
    return f"{start} {shown(shape.upper, measure)}"


def snapshot(tick: Sequence[int]) -> dict[str, Any]:
    """A tick record for people and programs."""
    values = dict(zip(TICK_DTYPE.names or (), tick, strict=True))
    return {
        "last_price": format_rupees(from_e4(values["last_price_e4"])),
        "bid": format_rupees(from_e4(values["bid_price_e4"])),
        "ask": format_rupees(from_e4(values["ask_price_e4"])),
        "close": format_rupees(from_e4(values["close_price_e4"])),
        "volume": values["volume"],
        "open_interest": values["open_interest"],
        "exchange_ms": values["exchange_ms"],
        "received_us": values["received_ns"] // 1_000,
    }


def title(fire: Mapping[str, Any]) -> str:
    """One line of one fire, as the table has it."""
    return f"{fire['instrument']}: {fire['description']}"[:200]


def message(fire: Mapping[str, Any]) -> str:
    """The text of one fire."""
    measure = Measure[fire["measure"]]
    before = f" (before: {shown(fire['previous'], measure)})" if fire["previous"] else ""
    late = " Nobody watched when it happened; this is the last quote." if fire["late"] else ""
    note = f" Your note: {fire['note']}" if fire["note"] else ""
    return f"It is {shown(fire['value'], measure)}{before}.{late}{note}"


def storm_title(fires: Sequence[Mapping[str, Any]]) -> str:
    """One line of many."""
    return f"{len(fires)} more price alerts" if len(fires) > 1 else "One more price alert"


def storm_message(fires: Sequence[Mapping[str, Any]]) -> str:
    """The first of them by name."""
    lines = [title(fire) for fire in fires[:_NAMED]]
    if more := len(fires) - _NAMED:
        lines += [f"… and {more} more: tradewinds alerts fires"] if more > 0 else []
    return "\n".join(lines)
