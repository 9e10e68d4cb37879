"""Trades sum to the cumulative fill; books equal the sum of trades, counted as the broker counts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.books import Book, BookKey, empty_book, keys_of
from engine_server.oms.domain.fills import average_price, next_trade
from engine_server.oms.records import TradeRecord
from tests.unit.oms.orders import NOON, order_record

PAISE = st.integers(min_value=1, max_value=500_000).map(lambda paise: Decimal(paise) / 100)
FILLS = st.lists(st.tuples(st.integers(min_value=1, max_value=5_000), PAISE), min_size=1, max_size=25)
TRADES = st.lists(
    st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(min_value=1, max_value=500), PAISE), max_size=40
)


def trade(side: str, quantity: int, price: Decimal | str, *, day: int = 0, config_id: str | None = None) -> TradeRecord:
    return TradeRecord(
        trade_id=f"{side}{quantity}{price}{day}",
        order_id="ord-1",
        account_id="ACC1",
        config_id=config_id,
        instrument="NSE:RELIANCE-EQ",
        product="MIS",
        side=side,
        quantity=quantity,
        price=Decimal(price),
        traded_at=NOON + timedelta(days=day),
    )


def book(*trades: TradeRecord) -> Book:
    line = empty_book("ACC1", BookKey("", "NSE:RELIANCE-EQ", "MIS"))
    for one in trades:
        line = line.with_trade(one)
    return line


@given(FILLS, st.data())
def test_trades_of_an_order_sum_to_its_cumulative_fill(fills: list[tuple[int, Decimal]], data: st.DataObject) -> None:
    """The broker merges fills and rounds averages; we see any subset of its reports."""
    order, booked, quantity, value = order_record(quantity=10**6), Decimal(0), 0, Fraction(0)
    trades: list[TradeRecord] = []
    for n, (filled, price) in enumerate(fills):
        quantity, value = quantity + filled, value + Fraction(price) * filled
        if n < len(fills) - 1 and data.draw(st.booleans()):
            continue  # the report of this fill was lost
        average = (Decimal(value.numerator) / Decimal(value.denominator) / quantity).quantize(Decimal("0.0001"))
        new = next_trade(order, booked, quantity, average, NOON)
        assert new is not None
        trades.append(new)
        booked += new.price * new.quantity
        order = msgspec.structs.replace(order, filled_quantity=quantity)
    assert sum(one.quantity for one in trades) == quantity
    assert len({one.trade_id for one in trades}) == len(trades)
    # Half of the last average's resolution on every unit, and of the last price's on the last trade's.
    bound = Fraction(quantity + trades[-1].quantity, 20_000)
    assert abs(Fraction(sum((t.price * t.quantity for t in trades), Decimal(0))) - value) <= bound


def test_the_same_watermark_makes_the_same_trade() -> None:
    order = order_record()
    first = next_trade(order, Decimal(0), 4, Decimal("1400.05"), NOON)
    assert first == next_trade(order, Decimal(0), 4, Decimal("1400.05"), NOON)
    assert first is not None
    assert (first.trade_id, first.quantity, first.price) == ("ord-1-4", 4, Decimal("1400.0500"))


def test_a_second_fill_has_its_own_price() -> None:
    order = order_record(filled_quantity=4)
    new = next_trade(order, Decimal(4 * 1400), 10, Decimal("1400.60"), NOON)
    assert new is not None
    assert (new.trade_id, new.quantity, new.price) == ("ord-1-10", 6, Decimal("1401.0000"))


def test_nothing_new_is_no_trade() -> None:
    assert next_trade(order_record(filled_quantity=4), Decimal(5600), 4, Decimal(1400), NOON) is None


def test_a_report_without_a_price_books_the_limit() -> None:
    new = next_trade(order_record(price=Decimal(1399)), Decimal(0), 4, Decimal(0), NOON)
    assert new is not None
    assert new.price == Decimal(1399)


@given(TRADES)
def test_a_day_of_trades_folds_to_the_brute_force_totals(trades: list[tuple[str, int, Decimal]]) -> None:
    position = book(*(trade(*one) for one in trades)).position
    bought, sold = ([(q, p) for s, q, p in trades if s == side] for side in ("BUY", "SELL"))
    buy_quantity, sell_quantity = (sum(q for q, _ in leg) for leg in (bought, sold))
    buy_value, sell_value = (sum((q * p for q, p in leg), Decimal(0)) for leg in (bought, sold))
    assert (position.buy_quantity, position.sell_quantity) == (buy_quantity, sell_quantity)
    assert (position.buy_value, position.sell_value) == (buy_value, sell_value)
    assert position.net_quantity == buy_quantity - sell_quantity
    open_side = (buy_value, buy_quantity) if position.net_quantity > 0 else (sell_value, sell_quantity)
    expected = average_price(*open_side) if position.net_quantity else None
    assert position.average_price == expected
    closed = min(buy_quantity, sell_quantity)
    realised = Fraction(0)
    if closed:
        realised = closed * (Fraction(sell_value) / sell_quantity - Fraction(buy_value) / buy_quantity)
    assert abs(Fraction(position.realised_pnl) - realised) <= Fraction(1, 10_000)


@given(TRADES, st.permutations(range(40)))
def test_the_order_of_a_days_trades_does_not_matter(trades: list[tuple[str, int, Decimal]], order: list[int]) -> None:
    shuffled = [trades[n] for n in order if n < len(trades)]
    one, other = book(*(trade(*t) for t in trades)).position, book(*(trade(*t) for t in shuffled)).position
    assert one == other


def test_a_new_day_carries_what_is_open_at_cost_and_keeps_the_profit() -> None:
    yesterday = book(trade("BUY", 20, "100"), trade("SELL", 10, "110"))
    assert yesterday.position.realised_pnl == Decimal(100)
    today = yesterday.with_trade(trade("BUY", 10, "130", day=1)).position
    assert (today.buy_quantity, today.sell_quantity, today.net_quantity) == (20, 0, 20)
    assert today.average_price == Decimal(115)
    assert today.realised_pnl == Decimal(100)


def test_a_carried_short_is_bought_back_at_a_profit() -> None:
    line = book(trade("SELL", 10, "100"), trade("BUY", 10, "90", day=1)).position
    assert (line.net_quantity, line.average_price, line.realised_pnl) == (0, None, Decimal(100))


def test_a_strategys_trade_changes_its_book_and_the_accounts_total() -> None:
    keys = keys_of(trade("BUY", 1, "100", config_id="momo"))
    assert [key.config_id for key in keys] == ["", "momo"]
    assert [key.config_id for key in keys_of(trade("BUY", 1, "100"))] == [""]
