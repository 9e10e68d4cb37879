"""A call auction: one price for all, and who trades at it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from sandbox.auction import Interest, market_interest, uncross
from sandbox.orders import Side
from sandbox.phases import Market, Phase, TradingCalendar
from sandbox.recovery import read_history
from tests.unit.sandbox.desk_rig import DeskRig

BUY, SELL = Side.BUY, Side.SELL


def test_the_price_is_where_most_can_trade() -> None:
    found = uncross(
        [Interest(BUY, 102, 50), Interest(BUY, 100, 100), Interest(SELL, 99, 80), Interest(SELL, 101, 60)], 100
    )
    assert (found.price, found.volume) == (100, 80)


def test_among_equals_least_is_left_over_and_then_the_reference_decides() -> None:
    one_each = [Interest(BUY, 105, 10), Interest(SELL, 95, 10)]
    assert uncross(one_each, 104).price == 105
    assert uncross(one_each, 96).price == 95
    assert uncross([*one_each, Interest(BUY, 96, 5)], 96).price == 105, (
        "at 95 and 96 five more are wanted than are there"
    )


def test_better_prices_trade_first_and_among_equals_who_was_there_first() -> None:
    ours = [Interest(BUY, 100, 30, "late", 3), Interest(BUY, 100, 30, "early", 2), Interest(BUY, 101, 30, "best", 4)]
    found = uncross([*ours, Interest(SELL, 100, 70)], 100)
    assert {e.order_id: e.quantity for e in found.executions} == {"best": 30, "early": 30, "late": 10}
    assert {e.price for e in found.executions} == {100}


def test_where_nobody_meets_nothing_trades() -> None:
    found = uncross([Interest(BUY, 99, 10, "x"), Interest(SELL, 101, 10)], 100)
    assert (found.volume, found.executions, found.price) == (0, (), 100)


@given(st.integers(1_000, 500_000), st.integers(0, 1_000))
def test_the_others_always_find_a_price_near_the_reference(reference: int, seed: int) -> None:
    found = uncross(market_interest(reference, 5, random.Random(seed)), reference)
    assert found.volume > 0
    assert found.price % 5 == 0
    assert abs(found.price - reference) <= max(0.02 * reference, 30 * 5)


def test_an_order_of_the_closing_auction_trades_at_its_one_price_and_the_print_says_so() -> None:
    calendar, day = TradingCalendar(), 20_782  # 25 November 2026
    market = Market("NSE", closing_auction=True)
    closing = next(w for w in calendar.windows(market, day) if w.phase is Phase.CLOSING_AUCTION)
    rig = DeskRig(start_ms=closing.begins_ms - 60_000)
    rig.pass_to(closing.begins_ms + 1_000)
    order = rig.place(price="960.00", producttype="DELIVERY")
    assert order.state.value == "open", "collected, not matched"
    rig.pass_to(closing.uncross_ms)
    done = rig.order(order)
    assert done.state.value == "complete"
    (record,) = rig.truth.of_kind("auction")
    assert (record["phase"], record["token"]) == ("CLOSING_AUCTION", "3045")
    assert done.fill_value == done.filled * record["price"]
    assert [(t.key, t.ltp) for t in read_history(rig.truth.records).auctions] == [(("NSE", "3045"), record["price"])]
    quote = rig.board.quote(("NSE", "3045"))
    assert quote is not None
    assert (quote.ltp, quote.last_quantity) == (record["price"], record["volume"])
