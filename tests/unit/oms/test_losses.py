"""A loss acts by itself: REDUCE_ONLY at its limit, HALT beyond it; charges count, and so does what is open."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.books import Book
from engine_server.oms.domain.kill_switch import KillAction
from engine_server.oms.domain.risk.losses import DayResult, judged, near
from engine_server.oms.profit_watch import result_of
from engine_server.oms.records import PositionRecord
from tests.unit.oms.orders import NOON, RELIANCE, position_record

HUNDRED = Decimal(100)


@pytest.mark.parametrize(
    ("net", "best", "action"),
    [
        (-100, 0, None),
        (-101, 0, KillAction.REDUCE_ONLY),
        (-120, 0, KillAction.REDUCE_ONLY),
        (-121, 0, KillAction.HALT),
        (50, 150, None),
        (50, 151, KillAction.REDUCE_ONLY),
        (50, 171, KillAction.HALT),
        (-105, 20, KillAction.HALT),  # the worse of both
    ],
)
def test_the_worse_of_loss_and_drawdown_decides(net: int, best: int, action: KillAction | None) -> None:
    verdict = judged(DayResult(realised=Decimal(net), best=Decimal(best)), HUNDRED, HUNDRED)
    assert (verdict.action if verdict else None) == action
    assert verdict is None or "100.00" in verdict.reason


@pytest.mark.parametrize(
    ("net", "best", "names"),
    [
        (-79, 0, []),
        (-80, 0, ["max_daily_loss", "max_drawdown"]),
        (10, 90, ["max_drawdown"]),
        (10, 80, []),
        (0, 0, []),
    ],
)
def test_a_limit_is_near_when_four_fifths_of_it_are_used(net: int, best: int, names: list[str]) -> None:
    found = near(DayResult(realised=Decimal(net), best=Decimal(best)), HUNDRED, HUNDRED)
    assert [one.name for one in found] == names
    assert near(DayResult(realised=Decimal(net), best=Decimal(best)), None, None) == []


def test_without_a_limit_nothing_happens_by_itself() -> None:
    assert judged(DayResult(realised=Decimal(-(10**9))), None, None) is None


def test_charges_count_as_lost() -> None:
    assert DayResult(realised=Decimal(-90), charges=Decimal(15)).loss == 105


def book(net: int, average: str, hours_ago: int = 0, **legs: int) -> Book:
    return Book(position_record(net, average, **legs), NOON - timedelta(hours=hours_ago))


def test_what_is_open_counts_at_the_last_price_and_without_one_is_said() -> None:
    books = [
        book(10, "1400"),
        Book(PositionRecord(account_id="A", config_id="", instrument="X", product="MIS", net_quantity=1)),
    ]
    result = result_of(books, {RELIANCE.key: Decimal(1390)}, Decimal(5), Decimal(0), NOON)
    assert [result.unrealised, result.net, result.unpriced, result.best] == [-100, -105, 1, 0]


def test_what_was_realised_on_another_day_is_that_days() -> None:
    legs = {"buy_quantity": 10, "sell_quantity": 10, "buy_value": Decimal(1000), "sell_value": Decimal(1100)}
    today, yesterday = (
        Book(position_record(0, "0", **legs), NOON),
        Book(position_record(0, "0", **legs), NOON - timedelta(days=1)),
    )
    assert result_of([today], {}, Decimal(0), Decimal(0), NOON).realised == 100
    assert result_of([yesterday], {}, Decimal(0), Decimal(0), NOON).realised == 0


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=30))
def test_the_best_of_the_day_never_falls_and_the_drawdown_is_what_was_given_back(nets: list[int]) -> None:
    best = Decimal(0)
    for net in nets:
        legs = {"buy_quantity": 1, "sell_quantity": 1, "buy_value": Decimal(5000), "sell_value": Decimal(5000 + net)}
        result = result_of([Book(position_record(0, "0", **legs), NOON)], {}, Decimal(0), best, NOON)
        assert result.best >= best
        best = result.best
        assert result.drawdown == best - net
    assert best == max(0, *nets)
