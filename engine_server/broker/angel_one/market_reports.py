"""Quotes, candles and open interest as the broker answers them (protocol §3.10, 3.11), as typed reports. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine_server.broker.angel_one.fields import Row, decimal, optional_decimal, record, required, rows, text, whole
from engine_server.broker.angel_one.reports import book_time
from engine_server.broker.market_data import Candle, QuoteReport
from tradewinds.clock import IST
from tradewinds.telemetry import get_logger

log = get_logger("broker.market_data")


def quote_reports(data: Any, asked: Collection[tuple[str, str]]) -> list[QuoteReport]:
    """The `fetched` rows. One that was not asked for, has no price or cannot be read is left out and logged: the others are
    none the worse for it. Raises `ValueError` for what is no answer to a request for quotes.
    """
    answer = record(data)
    if "fetched" not in answer:
        raise ValueError("fetched: is missing")
    found = []
    for row in rows(answer["fetched"]):
        try:
            quote = _quote_report(row)
        except ValueError as e:
            log.warning_throttled("quote.unreadable", error=str(e))
            continue
        if (quote.exchange, quote.token) in asked and quote.last_price > 0:
            found.append(quote)
    return found


def candle_reports(data: Any) -> list[Candle]:
    """Rows `[time, open, high, low, close, volume]`; null is none. A candle whose prices cannot be (nothing or less, or
    outside of its own high and low) is left out and logged. Raises `ValueError` for what has another form.
    """
    found = []
    for row in _lists(data):
        candle = _candle(row)
        if 0 < candle.low <= min(candle.open, candle.close) and max(candle.open, candle.close) <= candle.high:
            found.append(candle)
        else:
            log.warning_throttled("candle.impossible", candle=str(candle))
    return found


def open_interest_reports(data: Any) -> list[tuple[datetime, int]]:
    """Rows `{"time", "oi"}`; null is none. Raises `ValueError`."""
    return [(_moment(required(row, "time")), whole(row, "oi")) for row in rows(data)]


def _quote_report(row: Row) -> QuoteReport:
    depth = row.get("depth")
    depth = depth if isinstance(depth, dict) else {}
    return QuoteReport(
        exchange=required(row, "exchange"),
        token=required(row, "symbolToken"),
        last_price=decimal(row, "ltp"),
        bid_price=_best(depth.get("buy")),
        ask_price=_best(depth.get("sell")),
        volume=int(decimal(row, "tradeVolume")),
        open_interest=int(decimal(row, "opnInterest")),
        close_price=_price(row, "close"),
        lower_circuit=_price(row, "lowerCircuit"),
        upper_circuit=_price(row, "upperCircuit"),
        traded_at=book_time(text(row, "exchTradeTime")) or book_time(text(row, "exchFeedTime")),
    )


def _best(levels: Any) -> Decimal | None:
    """The best price of one side; an empty level has no quantity."""
    best = next(iter(rows(levels)), None)
    if best is None or decimal(best, "quantity") <= 0:
        return None
    return _price(best, "price")


def _price(row: Row, field: str) -> Decimal | None:
    value = optional_decimal(row, field)
    return value if value is not None and value > 0 else None


def _lists(data: Any) -> list[list[Any]]:
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(row, list) and len(row) >= 6 for row in data):
        raise ValueError("data is neither null nor a list of candles")
    return data


def _candle(row: list[Any]) -> Candle:
    names = ("open", "high", "low", "close", "volume")
    fields = dict(zip(names, row[1:6], strict=True))
    opened, high, low, close = (decimal(fields, name) for name in names[:4])
    return Candle(_moment(str(row[0])), opened, high, low, close, int(decimal(fields, "volume")))


def _moment(written: str) -> datetime:
    """`2023-09-06T11:15:00+05:30`, as UTC; without an offset it is the clock in India. Raises `ValueError`."""
    moment = datetime.fromisoformat(written)
    return (moment if moment.tzinfo else moment.replace(tzinfo=IST)).astimezone(UTC)
