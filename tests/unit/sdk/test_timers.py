"""Timers in market time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tradewinds.clock import IST
from tradewinds.sdk.timers import Interval, Timers, interval_ms


def ms(hour: int, minute: int, second: float = 0) -> int:
    return int((datetime(2026, 11, 20, hour, minute, tzinfo=IST) + timedelta(seconds=second)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("5s", 5_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("250ms", 250),
        (5, 5_000),
        (0.5, 500),
        (timedelta(minutes=1), 60_000),
    ],
)
def test_intervals_may_be_texts_seconds_or_timedeltas(interval: Interval, expected: int) -> None:
    assert interval_ms(interval) == expected


@pytest.mark.parametrize("interval", ["5", "five", "", "-5s", 0, -1, "10ms"])
def test_an_interval_that_means_nothing_is_refused(interval: Interval) -> None:
    with pytest.raises(ValueError, match="every"):
        interval_ms(interval)


def test_a_timer_fires_on_whole_intervals_of_the_indian_day() -> None:
    timers = Timers()
    timers.add("5m", lambda: None, ms(9, 16, 10))
    assert timers.next_due_ms(ms(9, 16, 10)) == ms(9, 20)


def test_a_clock_that_jumps_fires_each_timer_once() -> None:
    timers = Timers()
    timers.add("5s", lambda: None, ms(15, 29))
    assert len(timers.take_due(ms(16, 40, 2))) == 1
    assert timers.next_due_ms(ms(16, 40, 2)) == ms(16, 40, 5)


def test_a_clock_that_goes_back_takes_the_timers_along() -> None:
    timers = Timers()
    timers.add("5s", lambda: None, ms(15, 0))
    assert timers.next_due_ms(ms(9, 15)) == ms(9, 15, 5)
    assert timers.take_due(ms(9, 15)) == []
    assert len(timers.take_due(ms(9, 15, 5))) == 1


def test_a_cancelled_timer_does_not_fire() -> None:
    timers = Timers()
    timers.add("5s", lambda: None, ms(9, 15)).cancel()
    assert timers.take_due(ms(9, 16)) == []
    assert timers.next_due_ms(ms(9, 16)) is None
