"""Builders of what risk rules see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from engine_server.oms.domain import exits
from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.exits import OpenLine
from engine_server.oms.domain.kill_switch import KillAction, KillSwitch
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.risk.exposure import Exposure
from engine_server.oms.domain.risk.limits import LimitName, LimitsInForce, Scope
from engine_server.oms.domain.risk.rules import first_denial
from engine_server.oms.domain.risk.view import RiskView
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.records import OrderRecord, PositionRecord
from tests.unit.oms.orders import NOON

FRESH = Quote(last=Decimal(1400), bid=Decimal("1399.95"), ask=Decimal(1400), age_seconds=0.2)


def risk_view(book: Exposure | None = None, **changes: Any) -> RiskView:
    """A quiet market at noon; the account has what the book has unless it is given."""
    exposure = book or exposure_of()
    fields: dict[str, Any] = {
        "book": exposure,
        "account": exposure,
        "quote": FRESH,
        "now": NOON,
        "market_now": NOON,
    }
    return RiskView(**{**fields, **changes})


def exposure_of(positions: Sequence[PositionRecord] = (), orders: Iterable[OrderRecord] = ()) -> Exposure:
    """A book and its working orders."""
    return Exposure(positions, WorkingOrders(orders))


def denial_of(order: PlaceOrder, book: Exposure | None = None, **changes: Any) -> Denial | None:
    """With the order taken for an exit where it closes what is open, as admission does."""
    view = risk_view(book, **changes)
    line = (order.instrument.key, order.request.product)
    own = sum(p.net_quantity for p in view.book.positions if (p.instrument, p.product) == line)
    exiting = sum(o.remaining for o in view.book.working if o.side == order.request.side)
    is_exit = exits.is_exit(order, OpenLine(own, 0, exiting))
    return first_denial(order, replace(view, is_exit=is_exit))


def limits(scope: Scope = Scope.ACCOUNT, **values: object) -> LimitsInForce:
    """`limits(max_order_value=1000)`: set for one scope; the others have their defaults."""
    given = {LimitName(name): Decimal(str(value)) for name, value in values.items()}
    part = {Scope.ACCOUNT: "account", Scope.STRATEGY: "strategy", Scope.GLOBAL: "everybody"}[scope]
    return LimitsInForce(**{part: given})


def kill_switch(action: KillAction = KillAction.HALT, scope: Scope = Scope.ACCOUNT, **changes: Any) -> KillSwitch:
    subject = {Scope.GLOBAL: "", Scope.ACCOUNT: "ACC1", Scope.STRATEGY: "momo"}[scope]
    fields: dict[str, Any] = {
        "kill_id": "kill-1",
        "scope": scope,
        "subject_id": subject,
        "account_id": "" if scope is Scope.GLOBAL else "ACC1",
        "action": action,
        "include_holdings": False,
        "reason": "drill",
        "engaged_by": "asha",
        "engaged_at": NOON,
    }
    return KillSwitch(**{**fields, **changes})
