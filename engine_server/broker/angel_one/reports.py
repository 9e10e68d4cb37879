"""Rows of the broker's books and frames of its order stream, as typed reports (protocol §3.4–3.7, §3.18, §5). Pure.

Prices come as numbers or strings, quantities mostly as strings, times in IST without saying so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from engine_server.broker.angel_one.fields import decimal, optional_decimal, required, rows, text, whole
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
PRODUCTS: Final = {theirs: ours for ours, theirs in PRODUCT_TYPES.items()}
_ORDER_TYPES: Final = {"LIMIT": "LIMIT", "MARKET": "MARKET", "STOPLOSS_LIMIT": "SL", "STOPLOSS_MARKET": "SL"}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BOOK_TIME = re.compile(r"^(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2})$")


def order_reports(data: Any) -> list[OrderReport]:
    """The order book: None (no orders today) or rows. Raises `ValueError` if one row cannot be read: a book with a hole
    must not be taken for the whole truth.
    """
    return [order_report(row) for row in rows(data)]


def position_reports(data: Any) -> list[PositionReport]:
    """The position book: None or rows; raises `ValueError`."""
    return [position_report(row) for row in rows(data)]


def stream_report(frame: str) -> OrderReport | None:
    """The report in a text frame of the order stream; None for the greeting (AB00), whose order is empty.

    Stream frames have no unique order id. Raises `ValueError` for a frame that is no such thing.
    """
    content = json.loads(frame, parse_float=Decimal)
    row = content.get("orderData") if isinstance(content, dict) else None
    if not isinstance(row, dict):
        raise ValueError("the frame has no orderData")  # noqa: TRY004 - unreadable data is one kind of error here
    return order_report(row) if text(row, "orderid") else None


def order_report(row: Mapping[str, Any]) -> OrderReport:
    """One row of the order book, the order details, or `orderData` of a frame. Raises `ValueError` naming the field."""
    raw_status = text(row, "orderstatus") or text(row, "status")
    report = OrderReport(
        broker_order_id=required(row, "orderid"),
        unique_order_id=text(row, "uniqueorderid"),
        tag=text(row, "ordertag"),
        exchange=required(row, "exchange"),
        token=required(row, "symboltoken"),
        side=required(row, "transactiontype").upper(),
        quantity=whole(row, "quantity"),
        filled_quantity=whole(row, "filledshares"),
        average_price=decimal(row, "averageprice"),
        status=_TERMINAL.get(raw_status.lower(), ReportStatus.WORKING),
        raw_status=raw_status,
        text=text(row, "text"),
        updated_at=book_time(text(row, "updatetime")),
        price=optional_decimal(row, "price") or None,
        trigger_price=optional_decimal(row, "triggerprice") or None,
        order_type=_ORDER_TYPES.get(text(row, "ordertype").upper(), text(row, "ordertype").upper()),
        product=PRODUCTS.get(text(row, "producttype").upper(), text(row, "producttype").upper()),
    )
    if report.side not in ("BUY", "SELL"):
        raise ValueError(f"transactiontype: {report.side!r} is not BUY or SELL")
    return report


def position_report(row: Mapping[str, Any]) -> PositionReport:
    """One row of the position book. Net includes what was carried forward; bought and sold, with their averages, are of
    today. A product that we do not trade keeps the broker's name. Raises `ValueError` naming the field.
    """
    product = required(row, "producttype").upper()
    return PositionReport(
        exchange=required(row, "exchange"),
        token=required(row, "symboltoken"),
        product=PRODUCTS.get(product, product),
        net_quantity=whole(row, "netqty"),
        buy_quantity=whole(row, "buyqty"),
        sell_quantity=whole(row, "sellqty"),
        buy_average=decimal(row, "buyavgprice"),
        sell_average=decimal(row, "sellavgprice"),
        realised_pnl=decimal(row, "realised"),
        symbol=text(row, "tradingsymbol"),
        last_price=optional_decimal(row, "ltp"),
    )


def book_time(written: str) -> datetime | None:
    """`29-Dec-2023 09:01:02` in IST, as UTC; None where it is empty or something else, since nothing is decided by it."""
    match = _BOOK_TIME.match(written)
    if match is None or match[2].title() not in _MONTHS:
        return None
    month = _MONTHS.index(match[2].title()) + 1
    try:
        local = datetime(int(match[3]), month, int(match[1]), int(match[4]), int(match[5]), int(match[6]), tzinfo=IST)
    except ValueError:
        return None
    return local.astimezone(UTC)
