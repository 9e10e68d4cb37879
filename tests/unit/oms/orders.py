"""Builders of orders, instruments and commands for the OMS's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine_server.oms.domain.commands import Denial, OrderRequest, PlaceOrder
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord, PositionRecord
from tradewinds.instruments import Instrument

NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)  # 12:00 IST

RELIANCE = Instrument(
    key="NSE:RELIANCE-EQ",
    exchange="NSE",
    symbol="RELIANCE-EQ",
    token="2885",
    name="RELIANCE",
    kind="EQ",
    lot_size=1,
    tick_size=Decimal("0.05"),
)
NIFTY_FUTURE = Instrument(
    key="NFO:NIFTY24NOV26FUT",
    exchange="NFO",
    symbol="NIFTY24NOV26FUT",
    token="61093",
    name="NIFTY",
    kind="FUT",
    lot_size=65,
    tick_size=Decimal("0.10"),
    freeze_quantity=1_800,
)
NIFTY = Instrument(
    key="NSE:NIFTY 50",
    exchange="NSE",
    symbol="NIFTY 50",
    token="99926000",
    name="NIFTY",
    kind="INDEX",
    lot_size=1,
    tick_size=Decimal(0),
)


def order_record(**changes: Any) -> OrderRecord:
    fields: dict[str, Any] = {
        "order_id": "ord-1",
        "account_id": "ACC1",
        "user_id": "asha",
        "config_id": None,
        "epoch": None,
        "request_key": "user:asha/r1",
        "request_id": "r1",
        "body_sha256": "00",
        "instrument": RELIANCE.key,
        "side": "BUY",
        "quantity": 10,
        "order_type": "LIMIT",
        "product": "MIS",
        "price": Decimal(1400),
        "trigger_price": None,
        "state": OrderState.SUBMITTING,
        "tag": "T",
        "created_at": NOON,
        "updated_at": NOON,
    }
    return OrderRecord(**{**fields, **changes})


def order_request(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "request_id": "r1",
        "actor": "asha",
        "instrument": "RELIANCE",
        "side": "BUY",
        "quantity": 10,
        "order_type": "LIMIT",
        "product": "MIS",
        "price": Decimal(1400),
    }
    return OrderRequest(**{**fields, **changes})


def place_order(
    *,
    capital: Decimal | None = None,
    instrument: Instrument = RELIANCE,
    no_entry: Denial | None = None,
    **changes: Any,
) -> PlaceOrder:
    request = order_request(**changes)
    return PlaceOrder(
        request=request,
        account_id="ACC1",
        user_id="asha",
        instrument=instrument,
        price=request.price,
        capital=capital,
        no_entry=no_entry,
    )


def position_record(net: int, average: str, **changes: Any) -> PositionRecord:
    fields: dict[str, Any] = {
        "account_id": "ACC1",
        "config_id": "momo",
        "instrument": RELIANCE.key,
        "product": "MIS",
        "net_quantity": net,
        "average_price": Decimal(average),
    }
    return PositionRecord(**{**fields, **changes})
