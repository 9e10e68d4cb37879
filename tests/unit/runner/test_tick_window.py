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


def test_two_groups_of_four_small_frames_may_be_unanswered() -> None:
    window = TickWindow()
    ends = []
    for price in range(8):
        window.offer(row("A", price))
        assert window.take() == [row("A", price)]
        ends.append(window.ends_group())
    assert ends == [False, False, False, True] * 2
    window.offer(row("A", 8))
    assert window.take() == []
    window.answered()
    assert window.take() == [row("A", 8)]
    assert not window.ends_group()


def test_a_frame_of_many_prices_is_a_group_and_two_of_them_may_be_unanswered() -> None:
    window = TickWindow()
    for price in range(64):
        window.offer(row("A", price))
        if price in (31, 63):
            assert len(window.take()) == 32
            assert window.ends_group()
    window.offer(row("A", 64))
    assert window.take() == []


@given(st.lists(st.one_of(st.integers(1, 60), st.none()), max_size=60))
def test_one_that_is_handled_in_order_never_holds_more_than_two_groups(steps: list[int | None]) -> None:
    """A number offers so many prices, None lets the process handle the oldest group."""
    window, open_rows = TickWindow(), 0
    unanswered: list[int] = []
    for step in steps:
        if step is None:
            if unanswered:
                unanswered.pop(0)
                window.answered()
        else:
            for price in range(step):
                window.offer(row(str(price), price))
        if rows := window.take():
            open_rows += len(rows)
            if window.ends_group():
                unanswered.append(open_rows)
                open_rows = 0
        assert len(unanswered) <= 2
        assert open_rows < 32
    while unanswered:
        unanswered.pop()
        window.answered()
    window.offer(row("Z", 1))
    assert window.take()[-1] == row("Z", 1), "it never stands still"


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
