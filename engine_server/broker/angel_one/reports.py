"""Rows of the broker's books and frames of its order stream, as typed reports (protocol §3.4–3.7, §3.18, §5). Pure.

Prices come as numbers or strings, quantities mostly as strings, times in IST without saying so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from engine_server.broker.angel_one.payloads import PRODUCT_TYPES
from engine_server.broker.port import OrderReport, PositionReport, ReportStatus
from tradewinds.clock import IST

# Every string that is not here is of an order that still works: an unknown word must never end an order.
_TERMINAL: Final = {
    "complete": ReportStatus.FILLED,
    "cancelled": ReportStatus.CANCELLED,
    "cancelled after market order": ReportStatus.CANCELLED,
    "rejected": ReportStatus.REJECTED,
}
_PRODUCTS: Final = {theirs: ours for ours, theirs in PRODUCT_TYPES.items()}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BOOK_TIME = re.compile(r"^(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2})$")


def order_reports(data: Any) -> list[OrderReport]:
    """The order book: None (no orders today) or rows. Raises `ValueError` if one row cannot be read: a book with a hole
    must not be taken for the whole truth.
    """
    return [order_report(row) for row in _rows(data)]


def position_reports(data: Any) -> list[PositionReport]:
    """The position book: None or rows; raises `ValueError`."""
    return [position_report(row) for row in _rows(data)]


def stream_report(frame: str) -> OrderReport | None:
    """The report in a text frame of the order stream; None for the greeting (AB00), whose order is empty.

    Stream frames have no unique order id. Raises `ValueError` for a frame that is no such thing.
    """
    content = json.loads(frame, parse_float=Decimal)
    row = content.get("orderData") if isinstance(content, dict) else None
    if not isinstance(row, dict):
        raise ValueError("the frame has no orderData")  # noqa: TRY004 - unreadable data is one kind of error here
    return order_report(row) if _text(row, "orderid") else None


def order_report(row: Mapping[str, Any]) -> OrderReport:
    """One row of the order book, the order details, or `orderData` of a frame. Raises `ValueError` naming the field."""
    raw_status = _text(row, "orderstatus") or _text(row, "status")
    report = OrderReport(
        broker_order_id=_required(row, "orderid"),
        unique_order_id=_text(row, "uniqueorderid"),
        tag=_text(row, "ordertag"),
        exchange=_required(row, "exchange"),
        token=_required(row, "symboltoken"),
        side=_required(row, "transactiontype").upper(),
        quantity=_whole(row, "quantity"),
        filled_quantity=_whole(row, "filledshares"),
        average_price=_decimal(row, "averageprice"),
        status=_TERMINAL.get(raw_status.lower(), ReportStatus.WORKING),
        raw_status=raw_status,
        text=_text(row, "text"),
        updated_at=book_time(_text(row, "updatetime")),
    )
    if report.side not in ("BUY", "SELL"):
        raise ValueError(f"transactiontype: {report.side!r} is not BUY or SELL")
    return report


def position_report(row: Mapping[str, Any]) -> PositionReport:
    """One row of the position book. Net includes what was carried forward; bought and sold, with their averages, are of
    today. A product that we do not trade keeps the broker's name. Raises `ValueError` naming the field.
    """
    product = _required(row, "producttype").upper()
    return PositionReport(
        exchange=_required(row, "exchange"),
        token=_required(row, "symboltoken"),
        product=_PRODUCTS.get(product, product),
        net_quantity=_whole(row, "netqty"),
        buy_quantity=_whole(row, "buyqty"),
        sell_quantity=_whole(row, "sellqty"),
        buy_average=_decimal(row, "buyavgprice"),
        sell_average=_decimal(row, "sellavgprice"),
        realised_pnl=_decimal(row, "realised"),
    )


def book_time(text: str) -> datetime | None:
    """`29-Dec-2023 09:01:02` in IST, as UTC; None where it is empty or something else, since nothing is decided by it."""
    match = _BOOK_TIME.match(text)
    if match is None or match[2].title() not in _MONTHS:
        return None
    month = _MONTHS.index(match[2].title()) + 1
    try:
        local = datetime(int(match[3]), month, int(match[1]), int(match[4]), int(match[5]), int(match[6]), tzinfo=IST)
    except ValueError:
        return None
    return local.astimezone(UTC)


def _rows(data: Any) -> list[Mapping[str, Any]]:
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise ValueError(f"data is neither null nor a list of rows but {type(data).__name__}")
    return data


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    return "" if value is None else str(value).strip()


def _required(row: Mapping[str, Any], field: str) -> str:
    if not (value := _text(row, field)):
        raise ValueError(f"{field}: is missing")
    return value


def _decimal(row: Mapping[str, Any], field: str) -> Decimal:
    # A space after the sign has been seen (protocol §3.7). Empty means zero, as in the greeting and in fresh rows.
    text = _text(row, field).replace(" ", "").replace(",", "")
    try:
        value = Decimal(text or "0")
    except InvalidOperation as e:
        raise ValueError(f"{field}: {text!r} is not a number") from e
    if not value.is_finite():
        raise ValueError(f"{field}: {text!r} is not a finite number")
    return value


def _whole(row: Mapping[str, Any], field: str) -> int:
    if field not in row:
        raise ValueError(f"{field}: is missing")
    value = _decimal(row, field)
    if value != value.to_integral_value():
        raise ValueError(f"{field}: {value} is not a whole number")
    return int(value)
