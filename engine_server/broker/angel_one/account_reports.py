"""Trades, holdings, funds and margins as the broker gives them (protocol §2.5, 3.6, 3.9, 3.13), as typed reports. Pure."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Any

from engine_server.broker.angel_one.fields import Row, decimal, optional_decimal, record, required, rows, text, whole
from engine_server.broker.angel_one.reports import PRODUCTS
from engine_server.broker.port import FundsReport, HoldingReport, MarginReport, ProfileReport, TradeReport

_TIME_OF_DAY = re.compile(r"^(\d{2}):(\d{2}):(\d{2})$")


def trade_reports(data: Any) -> list[TradeReport]:
    """The trade book: None or rows, one a fill. Raises `ValueError` if one row cannot be read."""
    return [_trade_report(row) for row in rows(data)]


def holding_reports(data: Any) -> list[HoldingReport]:
    """The holdings: None, rows (getHolding), or the object around them (getAllHolding). Raises `ValueError`."""
    return [_holding_report(row) for row in rows(data["holdings"] if _is_whole_portfolio(data) else data)]


def profile_report(data: Any) -> ProfileReport:
    """getProfile. Raises `ValueError`."""
    row = record(data)
    listed = {name: row.get(name) or [] for name in ("exchanges", "products")}
    if not all(isinstance(values, list) for values in listed.values()):
        raise ValueError("exchanges, products: are no lists")
    return ProfileReport(text(row, "clientcode"), *(tuple(map(str, values)) for values in listed.values()))


def funds_report(data: Any) -> FundsReport:
    """getRMS. Strings with four decimals, several of them null. Raises `ValueError`."""
    row = record(data)
    if "net" not in row:
        raise ValueError("net: is missing")
    return FundsReport(
        net=optional_decimal(row, "net"),
        available_cash=optional_decimal(row, "availablecash"),
        collateral=optional_decimal(row, "collateral"),
        utilised=optional_decimal(row, "utiliseddebits"),
        realised_pnl=optional_decimal(row, "m2mrealized"),
        unrealised_pnl=optional_decimal(row, "m2munrealized"),
    )


def margin_report(data: Any) -> MarginReport:
    """The margin batch. Raises `ValueError`, also for an answer without a total: nothing is not zero."""
    row = record(data)
    total = optional_decimal(row, "totalMarginRequired")
    if total is None:
        raise ValueError("totalMarginRequired: is missing")
    components = record(row.get("marginComponents") or {})
    return MarginReport(total, {name: decimal(components, name) for name in components})


def charge_amounts(data: Any) -> list[Decimal]:
    """The total of each order of an estimate. Raises `ValueError`."""
    return [decimal(row, "total_charges") for row in rows(record(data).get("charges"))]


def _is_whole_portfolio(data: Any) -> bool:
    return isinstance(data, dict) and "holdings" in data


def _trade_report(row: Row) -> TradeReport:
    product, side = required(row, "producttype").upper(), required(row, "transactiontype").upper()
    if side not in ("BUY", "SELL"):
        raise ValueError(f"transactiontype: {side!r} is not BUY or SELL")
    quantity, price = whole(row, "fillsize"), decimal(row, "fillprice")
    if quantity <= 0 or price <= 0:
        raise ValueError(f"fillsize and fillprice: {quantity} at {price} is no trade")
    return TradeReport(
        broker_order_id=required(row, "orderid"),
        fill_id=required(row, "fillid"),
        exchange=required(row, "exchange"),
        symbol=required(row, "tradingsymbol"),
        side=side,
        product=PRODUCTS.get(product, product),
        quantity=quantity,
        price=price,
        filled_at=_time_of_day(text(row, "filltime")),
    )


def _holding_report(row: Row) -> HoldingReport:
    return HoldingReport(
        exchange=required(row, "exchange"),
        symbol=required(row, "tradingsymbol"),
        token=text(row, "symboltoken"),
        quantity=whole(row, "quantity"),
        t1_quantity=int(decimal(row, "t1quantity")),
        average_price=decimal(row, "averageprice"),
        last_price=optional_decimal(row, "ltp"),
    )


def _time_of_day(written: str) -> time | None:
    """Nothing is decided by it, so that a time that is none is no reason to lose the trade."""
    match = _TIME_OF_DAY.match(written)
    try:
        return time(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
