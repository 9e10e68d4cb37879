"""A limit on what is at stake is told of from 80 % on, before it denies anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engine_server.oms.domain.risk.activity import Intent
from engine_server.oms.domain.risk.exposure import Exposure
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.nearness import at_pace, at_stake, nearly_used
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.working_orders import WorkingOrders
from tests.unit.oms.orders import order_record, position_record


@pytest.mark.parametrize(
    ("used", "told"), [("79.99", []), ("80", ["max_gross_exposure"]), ("120", ["max_gross_exposure"])]
)
def test_from_four_fifths_on(used: str, told: list[str]) -> None:
    near = nearly_used({LimitName.MAX_GROSS_EXPOSURE: Decimal(used)}, {LimitName.MAX_GROSS_EXPOSURE: Decimal(100)}.get)
    assert [limit.name for limit in near] == told


def test_what_is_not_limited_or_not_used_is_not_told() -> None:
    used = {LimitName.MAX_OPEN_ORDERS: Decimal(5), LimitName.MAX_NET_EXPOSURE: Decimal(0)}
    assert nearly_used(used, {LimitName.MAX_NET_EXPOSURE: Decimal(0)}.get) == []


def test_a_book_and_its_working_orders_are_what_is_at_stake() -> None:
    working = WorkingOrders([order_record(state=OrderState.OPEN, quantity=5, price=Decimal(200), side="BUY")])
    used = at_stake(Exposure([position_record(10, "100")], working))
    assert used == {
        LimitName.MAX_OPEN_ORDERS: Decimal(1),
        LimitName.MAX_OPEN_ORDER_VALUE: Decimal(1000),
        LimitName.MAX_GROSS_EXPOSURE: Decimal(2000),
        LimitName.MAX_NET_EXPOSURE: Decimal(2000),
    }


def test_how_often_a_strategy_orders_is_counted_by_the_minute_and_entries_until_its_exit() -> None:
    now = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)

    def intent(seconds: float, config_id: str = "momo", *, is_exit: bool = False) -> Intent:
        at = now - timedelta(seconds=seconds)
        return Intent("o", at, config_id, "NSE:SBIN-EQ", "BUY", 1, "MIS", Decimal(900), is_exit)

    intents = [
        intent(700),
        intent(300),
        intent(200, is_exit=True),
        intent(100),
        intent(60),
        intent(5, "other"),
        intent(1),
    ]
    used = at_pace(intents, now)
    assert used.keys() == {"momo", "other"}
    assert used["momo"] == {
        LimitName.MAX_ORDERS_PER_MINUTE: Decimal(2),
        LimitName.MAX_REPEATED_ENTRIES: Decimal(3),
    }
