"""What break-glass cancels and closes, decided from the broker's books alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine_server.break_glass.emptying import to_cancel, to_close
from engine_server.broker.port import OrderReport, PositionReport, ReportStatus

RELIANCE = ("NSE", "2885", "MIS")


def ours(tag: str) -> bool:
    return tag == "OURS"


def order(tag: str = "OURS", side: str = "BUY", filled: int = 0, **changes: Any) -> OrderReport:
    fields: dict[str, Any] = {
        "broker_order_id": f"{tag}-{side}-{filled}",
        "unique_order_id": "",
        "tag": tag,
        "exchange": "NSE",
        "token": "2885",
        "side": side,
        "quantity": 10,
        "filled_quantity": filled,
        "average_price": Decimal(1400),
        "status": ReportStatus.FILLED if filled else ReportStatus.WORKING,
        "raw_status": "",
        "text": "",
        "updated_at": None,
        "product": "MIS",
    }
    return OrderReport(**{**fields, **changes})


def position(net: int, number: str = "2885", product: str = "MIS", symbol: str = "RELIANCE-EQ") -> PositionReport:
    exchange = "NSE" if symbol.endswith("-EQ") else "NFO"
    return PositionReport(
        exchange, number, product, net, 0, 0, Decimal(0), Decimal(0), Decimal(0), symbol, Decimal("1400.05")
    )


def test_ours_alone_are_cancelled_unless_everything_is_asked_for() -> None:
    book = [order(), order("THEIRS"), order(filled=10)]
    assert [r.tag for r in to_cancel(book, ours, everything=False)] == ["OURS"]
    assert [r.tag for r in to_cancel(book, ours, everything=True)] == ["OURS", "THEIRS"]


@pytest.mark.parametrize(
    ("net", "bought", "sold", "closed"),
    [
        (10, 10, 0, [("SELL", 10)]),
        (30, 10, 0, [("SELL", 10)]),  # twenty are not ours
        (5, 10, 0, [("SELL", 5)]),  # somebody closed half of it
        (-5, 10, 0, []),  # somebody turned it: the short is not ours
        (-10, 0, 10, [("BUY", 10)]),
        (10, 10, 10, []),  # we are flat
    ],
)
def test_ours_is_what_our_orders_traded_and_never_more_than_is_open(
    net: int, bought: int, sold: int, closed: list[tuple[str, int]]
) -> None:
    book = [order(filled=bought), order(side="SELL", filled=sold)]
    exits = to_close([position(net)], book, ours, (), everything=False, holdings=False)
    assert [(one.side, one.quantity) for one in exits] == closed


def test_shorts_are_bought_back_before_longs_are_sold() -> None:
    positions = [position(10), position(-65, "61093", "NRML", "NIFTY24NOV26FUT")]
    first = to_close(positions, [], ours, (), everything=True, holdings=False)
    assert [(one.instrument.symbol, one.side) for one in first] == [("NIFTY24NOV26FUT", "BUY")]
    waiting = {first[0].line}
    assert to_close(positions, [], ours, waiting, everything=True, holdings=False) == []
    then = to_close([position(10)], [], ours, (), everything=True, holdings=False)
    assert [(one.instrument.symbol, one.side) for one in then] == [("RELIANCE-EQ", "SELL")]


def test_delivered_shares_stay_unless_they_are_asked_for() -> None:
    held = [position(10, product="CNC")]
    assert to_close(held, [], ours, (), everything=True, holdings=False) == []
    assert len(to_close(held, [], ours, (), everything=True, holdings=True)) == 1


def test_an_exit_is_priced_through_the_market_on_a_grid_that_every_price_has() -> None:
    (sell,) = to_close([position(10)], [], ours, (), everything=True, holdings=False)
    assert sell.price < Decimal("1400.05")
    assert sell.price % Decimal("0.10") == 0
