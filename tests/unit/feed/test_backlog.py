"""What waits for a slow Redis."""

from __future__ import annotations

import numpy as np

from engine_server.feed.backlog import Backlog, newest
from tradewinds.ticks import TICK_DTYPE, TickArray


def ticks(*rows: tuple[int, int]) -> TickArray:
    """(token, price)."""
    made = np.zeros(len(rows), TICK_DTYPE)
    made["exchange_type"] = 1
    made["token"], made["last_price_e4"] = zip(*rows, strict=True)
    return made


def rows(array: TickArray) -> list[tuple[int, int]]:
    return [(int(row["token"]), int(row["last_price_e4"])) for row in array]


def test_everything_comes_out_in_order_while_there_is_room() -> None:
    backlog = Backlog(capacity=4)
    backlog.add(ticks((1, 10), (2, 20)))
    backlog.add(ticks((1, 11)))
    assert rows(backlog.take()) == [(1, 10), (2, 20), (1, 11)]
    assert (len(backlog), backlog.take_dropped(), len(backlog.take())) == (0, 0, 0)


def test_beyond_its_capacity_the_newest_of_each_instrument_stays() -> None:
    backlog = Backlog(capacity=3)
    backlog.add(ticks((1, 10), (2, 20), (1, 11)))
    backlog.add(ticks((1, 12)))
    assert rows(backlog.take()) == [(2, 20), (1, 12)]
    assert backlog.take_dropped() == 2


def test_it_never_holds_more_than_twice_the_instruments_or_its_capacity() -> None:
    backlog = Backlog(capacity=10)
    for price in range(1, 1_000):
        backlog.add(ticks((1, price), (2, price), (3, price)))
        assert len(backlog) <= 10
    assert rows(backlog.take())[-3:] == [(1, 999), (2, 999), (3, 999)]


def test_what_could_not_be_written_is_older_than_what_came_meanwhile() -> None:
    backlog = Backlog()
    backlog.add(ticks((1, 10), (1, 11), (2, 20)))
    failed = backlog.take()
    backlog.add(ticks((1, 12)))
    backlog.give_back(failed)
    assert rows(backlog.take()) == [(2, 20), (1, 12)]
    assert backlog.take_dropped() == 2


def test_the_newest_positions_are_in_order_of_arrival() -> None:
    assert newest(np.array([5, 3, 5, 9, 3])).tolist() == [2, 3, 4]
