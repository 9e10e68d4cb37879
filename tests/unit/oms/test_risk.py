"""Risk rules around capital and the market: they limit entries, never exits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine_server.oms.domain.commands import Denial
from engine_server.oms.domain.risk.exposure import Exposure, gross_exposure, net_exposure, open_order_value
from tests.unit.oms.orders import order_record, place_order, position_record
from tests.unit.oms.risk_views import denial_of, exposure_of

FLAT = exposure_of()
LONG_TEN = exposure_of([position_record(10, "1400")], ())


def working(side: str, quantity: int, price: str, filled: int = 0) -> Exposure:
    order = order_record(
        side=side,
        quantity=quantity,
        price=Decimal(price),
        filled_quantity=filled,
        config_id="momo",
        order_id=side + price,
    )
    return exposure_of((), [order])


def test_an_entry_within_capital_is_allowed() -> None:
    assert denial_of(place_order(capital=Decimal(14_000)), FLAT) is None


def test_an_entry_beyond_capital_is_denied_with_the_numbers() -> None:
    denial = denial_of(place_order(capital=Decimal(13_999)), FLAT)
    assert denial is not None
    assert denial.reason == "RISK_CAPITAL"
    assert "14000.00" in denial.message
    assert "13999.00" in denial.message


def test_without_an_allocation_there_is_no_limit() -> None:
    assert denial_of(place_order(capital=None, quantity=10**3), FLAT) is None


def test_working_orders_count() -> None:
    assert denial_of(place_order(capital=Decimal(20_000)), working("BUY", 10, "1400")) is not None
    assert denial_of(place_order(capital=Decimal(20_000)), working("BUY", 10, "1400", filled=8)) is None


def test_an_exit_passes_even_when_the_book_is_beyond_capital() -> None:
    assert denial_of(place_order(capital=Decimal(1), side="SELL"), LONG_TEN) is None


def test_an_exit_for_more_than_is_open_is_an_entry() -> None:
    assert denial_of(place_order(capital=Decimal(1), side="SELL", quantity=11), LONG_TEN) is not None


def test_an_exit_of_a_short_is_a_buy() -> None:
    short = exposure_of([position_record(-10, "1400")], ())
    assert denial_of(place_order(capital=Decimal(1), side="BUY"), short) is None


def test_another_product_is_another_position() -> None:
    assert denial_of(place_order(capital=Decimal(1), side="SELL", product="CNC"), LONG_TEN) is not None


@pytest.mark.parametrize(
    ("positions", "orders", "expected"),
    [
        ([], [], "0"),
        ([position_record(10, "100")], [], "1000"),
        ([position_record(-10, "100")], [], "1000"),
        ([], [("BUY", 5, "100"), ("SELL", 5, "110")], "550"),  # only one of them can be at stake
        ([position_record(10, "100")], [("SELL", 10, "120")], "1000"),  # closing adds nothing
        ([position_record(10, "100")], [("SELL", 40, "120")], "3600"),  # 30 short of them
        ([position_record(10, "100")], [("BUY", 10, "90")], "1900"),
        ([position_record(-10, "100")], [("BUY", 15, "90")], "1000"),  # 5 long are less than the short
    ],
)
def test_exposure_is_the_worst_that_can_become_of_each_line(
    positions: list[object], orders: list[tuple[str, int, str]], expected: str
) -> None:
    records = [
        order_record(side=side, quantity=quantity, price=Decimal(price), order_id=str(n))
        for n, (side, quantity, price) in enumerate(orders)
    ]
    assert gross_exposure(exposure_of(positions, records)) == Decimal(expected)  # type: ignore[arg-type]


def test_a_market_order_without_a_price_is_denied() -> None:
    command = place_order(order_type="MARKET", price=None)
    denial = denial_of(command, FLAT)
    assert denial is not None
    assert denial.reason == "QUOTE_NOT_FRESH"


CLOSED = Denial("MARKET_CLOSED", "NSE is closed until 09:00")


def test_an_entry_is_denied_while_its_market_takes_none() -> None:
    denial = denial_of(place_order(no_entry=CLOSED), FLAT)
    assert denial == CLOSED


def test_an_exit_passes_a_closed_market() -> None:
    assert denial_of(place_order(side="SELL", no_entry=CLOSED), LONG_TEN) is None


def test_net_exposure_is_the_worse_direction() -> None:
    exposure = exposure_of([position_record(10, "100")], [order_record(side="SELL", quantity=40, price=Decimal(120))])
    assert net_exposure(exposure) == Decimal(3800)  # 4,800 sold against 1,000 held


def test_open_order_value_is_what_may_still_be_filled() -> None:
    exposure = exposure_of((), [order_record(quantity=10, filled_quantity=4, price=Decimal(100))])
    assert open_order_value(exposure) == Decimal(600)
