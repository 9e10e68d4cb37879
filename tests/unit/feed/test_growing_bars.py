"""Which growing bars are told next."""

from __future__ import annotations

from engine_server.feed.growing_bars import AT_ONCE, GrowingBars


def test_those_that_have_waited_longest_come_first_and_every_one_comes() -> None:
    growing = GrowingBars()
    growing.changed(range(AT_ONCE + 100))
    first = growing.take()
    growing.changed([0, AT_ONCE + 1])  # 0 has been told and has changed again; the other one waits already
    assert first == list(range(AT_ONCE))
    assert growing.take() == [*range(AT_ONCE, AT_ONCE + 100), 0]
    assert growing.take() == []


def test_what_is_not_followed_any_more_is_not_told() -> None:
    growing = GrowingBars()
    growing.changed([1, 2, 3])
    growing.forget([2, 9])
    assert growing.take() == [1, 3]
