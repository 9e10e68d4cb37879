"""A slow strategy gets the latest price of each instrument, never an unbounded queue."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strategy_runner.tick_rows import TickRow
from strategy_runner.tick_window import TickWindow


def row(key: str, price: int) -> TickRow:
    return key, price, 0, 0, 0, 0, 0


def test_one_that_keeps_up_gets_every_price_in_order() -> None:
    window = TickWindow()
    for price in range(3):
        window.offer(row("A", price))
    assert [r[1] for r in window.take()] == [0, 1, 2]
    assert window.take() == []


def test_two_frames_may_be_unanswered() -> None:
    window = TickWindow()
    for price in (1, 2):
        window.offer(row("A", price))
        assert window.take()
    window.offer(row("A", 3))
    assert window.take() == []
    window.answered()
    assert window.take() == [row("A", 3)]


@given(st.lists(st.sampled_from("ABCDE"), max_size=2000))
def test_what_waits_is_bounded_and_ends_with_the_latest_of_each(keys: list[str]) -> None:
    window = TickWindow()
    rows = [row(key, price) for price, key in enumerate(keys)]
    for one in rows:
        window.offer(one)
    waiting = window.take()
    assert len(waiting) <= 256
    assert {r[0]: r for r in waiting} == {r[0]: r for r in rows}
    assert len(waiting) + window.coalesced == len(rows)


def test_more_instruments_than_the_bound_are_kept_once_each() -> None:
    window = TickWindow()
    for price in range(5):
        for number in range(1000):
            window.offer(row(str(number), price))
    waiting = window.take()
    assert len(waiting) <= 2000
    assert {r[0]: r[1] for r in waiting} == {str(number): 4 for number in range(1000)}
