"""The market clock follows the broker; the day is India's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tradewinds.clock import ClockReading, MarketClock, day_key


class FrozenClock:
    """A real clock that stands where it is put."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_without_a_reading_market_time_is_real_time() -> None:
    assert MarketClock(FrozenClock(NOON)).now() == NOON


def test_a_replay_runs_at_its_own_rate_from_its_own_moment() -> None:
    clock = FrozenClock(NOON)
    market = MarketClock(clock)
    opening = datetime(2021, 6, 8, 3, 45, tzinfo=UTC)
    market.set(ClockReading(milliseconds(opening), milliseconds(NOON), 60.0))
    clock.moment = NOON + timedelta(seconds=10)
    assert market.now() == opening + timedelta(minutes=10)
    assert market.rate == 60.0


def test_a_reading_from_the_future_does_not_turn_the_clock_back() -> None:
    reading = ClockReading(market_ms=1_000, real_ms=5_000, rate=2.0)
    assert reading.at(4_000) == 1_000


def test_what_time_it_was_a_moment_ago_is_told_by_the_reading_of_that_moment() -> None:
    clock = FrozenClock(NOON)
    market = MarketClock(clock)
    evening = datetime(2021, 6, 8, 10, 0, tzinfo=UTC)
    market.set(ClockReading(milliseconds(evening), milliseconds(NOON), 60.0))
    assert market.ago_ms(4.0) == milliseconds(evening), "of what was before the first reading nothing is known"
    clock.moment = NOON + timedelta(seconds=10)
    assert market.ago_ms(4.0) == milliseconds(evening + timedelta(minutes=6))
    morning = evening + timedelta(hours=17)
    leap = ClockReading(milliseconds(morning), milliseconds(clock.moment), 120.0)
    market.set(leap)
    market.set(leap)  # said again
    clock.moment += timedelta(seconds=1)
    assert market.now() == morning + timedelta(minutes=2)
    assert market.ago_ms(0.5) == milliseconds(morning + timedelta(minutes=1))
    assert market.ago_ms(1.5) == milliseconds(evening + timedelta(minutes=9.5))
    market.set(ClockReading(milliseconds(evening), milliseconds(clock.moment), 1.0))
    assert market.ago_ms(0.5) == milliseconds(evening), "it has leapt back"


def test_the_trading_day_begins_at_midnight_in_india() -> None:
    assert day_key(datetime(2026, 11, 21, 18, 29, tzinfo=UTC)) == "2026-11-21"
    assert day_key(datetime(2026, 11, 21, 18, 30, tzinfo=UTC)) == "2026-11-22"
