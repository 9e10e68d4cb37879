"""Which lines of the broker's positions and holdings differ from our books."""

from __future__ import annotations

from decimal import Decimal

from engine_server.broker.port import HoldingReport, PositionReport
from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.books import Book, BookKey
from engine_server.oms.positions_check import PositionsCheck
from tests.unit.oms.orders import RELIANCE, position_record


def position(net: int, product: str) -> PositionReport:
    return PositionReport("NSE", "2885", product, net, max(net, 0), 0, Decimal(1400), Decimal(0), Decimal(0))


def check(state: AccountState, *positions: PositionReport, held: int = 0) -> list[tuple[str, str, int, int]]:
    holdings = [HoldingReport("NSE", "RELIANCE-EQ", "2885", held, 0, Decimal(1200), None)] if held else []
    found = PositionsCheck(lambda exchange, token: RELIANCE).differences(state, positions, holdings)
    return [(one.instrument, one.product, one.ours, one.broker) for one in found]


def books(net: int, product: str) -> AccountState:
    key = BookKey("", RELIANCE.key, product)
    line = Book(position_record(net, "1400", config_id="", product=product))
    return AccountState("ACC1", books={key: line})


def test_positions_and_holdings_of_delivery_are_one() -> None:
    assert check(books(10, "CNC"), position(4, "CNC"), held=6) == []
    assert check(books(10, "CNC"), position(-4, "CNC"), held=14) == []
    assert check(books(10, "CNC"), held=8) == [(RELIANCE.key, "CNC", 10, 8)]


def test_what_only_one_side_has_differs() -> None:
    assert check(AccountState("ACC1"), position(3, "MIS")) == [(RELIANCE.key, "MIS", 0, 3)]
    assert check(books(3, "MIS")) == [(RELIANCE.key, "MIS", 3, 0)]


def test_a_product_that_our_books_cannot_hold_is_left_out() -> None:
    assert check(AccountState("ACC1"), position(3, "MARGIN")) == []
