"""Every condition, by example."""

from __future__ import annotations

import pytest

from notifier.alerts.domain.vocabulary import Condition, Frequency, Measure, Reference
from notifier.alerts.rows import Row
from tests.unit.alerts.alerts import DAY_MS, MIDNIGHT_MS, OPENING_MS, Judging, a_row, ticks

ABOVE, BELOW, UP, DOWN, BOTH = (
    Condition.ABOVE,
    Condition.BELOW,
    Condition.CROSSES_UP,
    Condition.CROSSES_DOWN,
    Condition.CROSSES,
)


@pytest.mark.parametrize(
    ("condition", "last", "prices", "fired"),
    [
        (ABOVE, 120, [99, 100, 105], [100]),
        (ABOVE, 0, [105], [105]),
        (BELOW, 0, [101, 100, 95], [100]),
        (UP, 99, [100], [100]),
        (UP, 0, [105, 106], []),
        (UP, 101, [102, 99, 101], [101]),
        (UP, 99, [99, 150], [150]),
        (DOWN, 101, [100], [100]),
        (DOWN, 100, [99], []),
        (DOWN, 0, [90, 101, 100], [100]),
        (BOTH, 99, [100, 100, 101, 100, 99, 100], [100, 100, 100]),
        (BOTH, 0, [100, 99, 101, 99], [101, 99]),
    ],
)
def test_a_threshold(condition: Condition, last: int, prices: list[int], fired: list[int]) -> None:
    assert Judging(a_row(condition, level=100, last=last)).prices(*prices) == fired


@pytest.mark.parametrize(
    ("condition", "last", "prices", "fired"),
    [
        (Condition.ENTERS_CHANNEL, 90, [99, 100, 105, 110, 111, 110], [100, 110]),
        (Condition.ENTERS_CHANNEL, 90, [120, 90, 105], [105]),
        (Condition.ENTERS_CHANNEL, 0, [105, 95, 105], [105]),
        (Condition.LEAVES_CHANNEL, 105, [110, 111, 105, 99, 100, 98], [111, 99, 98]),
        (Condition.LEAVES_CHANNEL, 0, [120, 130, 105, 120], [120]),
        (Condition.LEAVES_CHANNEL, 120, [90], [90]),
    ],
)
def test_a_channel(condition: Condition, last: int, prices: list[int], fired: list[int]) -> None:
    assert Judging(a_row(condition, lower=100, upper=110, last=last)).prices(*prices) == fired


@pytest.mark.parametrize(
    ("condition", "prices", "fired"),
    [
        (Condition.RISES_PERCENT, [1024, 1025, 900], [1025]),
        (Condition.FALLS_PERCENT, [1030, 976, 975], [975]),
        (Condition.MOVES_PERCENT, [1030, 1000, 970], [1030, 970]),
    ],
)
def test_a_percent_move_from_a_given_price(condition: Condition, prices: list[int], fired: list[int]) -> None:
    row = a_row(condition, basis_points=250, mark=1000, reference=Reference.GIVEN)
    assert Judging(row).prices(*prices) == fired


def test_a_percent_move_from_the_previous_close_begins_anew_with_every_close() -> None:
    judging = Judging(a_row(Condition.RISES_PERCENT, basis_points=1000, reference=Reference.PREVIOUS_CLOSE))
    assert judging.prices(1099, 1100, 1200, close_price_e4=1000) == [1100]
    assert judging.prices(1300, at_ms=OPENING_MS + DAY_MS, close_price_e4=1200) == []
    assert judging.prices(1320, at_ms=OPENING_MS + DAY_MS, close_price_e4=1200) == [1320]


@pytest.mark.parametrize(
    ("condition", "distance", "basis_points", "prices", "fired"),
    [
        (Condition.FALLS_FROM_HIGH, 10, 0, [100, 120, 111, 110, 105, 100], [110, 100]),
        (Condition.FALLS_FROM_HIGH, 0, 1000, [200, 181, 220, 199, 198], [198]),
        (Condition.RISES_FROM_LOW, 10, 0, [100, 80, 89, 90, 99, 100], [90, 100]),
    ],
)
def test_a_trailing_alert(
    condition: Condition, distance: int, basis_points: int, prices: list[int], fired: list[int]
) -> None:
    assert Judging(a_row(condition, distance=distance, basis_points=basis_points)).prices(*prices) == fired


def test_a_touch_does_not_fire_again_before_the_price_has_gone_back_by_the_hysteresis() -> None:
    judging = Judging(a_row(UP, level=100, last=80, hysteresis=5))
    assert judging.prices(100, 96, 100, 95, 100, 94, 100) == [100, 100]


def test_volume_and_open_interest_have_lines_of_their_own() -> None:
    volume = a_row(ABOVE, number=1, level=5_000, measure=Measure.VOLUME)
    interest = a_row(DOWN, number=2, level=700, last=800, measure=Measure.OPEN_INTEREST)
    judging = Judging(volume, interest)
    assert judging(ticks([100], volume=4_999, open_interest=701)) == []
    fires = judging(ticks([100], volume=5_000, open_interest=700))
    assert [(fire.row.number, fire.value) for fire in fires] == [(1, 5_000), (2, 700)]


def test_open_interest_that_is_not_told_is_not_zero() -> None:
    judging = Judging(a_row(BELOW, level=700, measure=Measure.OPEN_INTEREST))
    assert judging(ticks([100], open_interest=0)) == []


def test_a_gap_fires_every_level_in_it() -> None:
    rows = [a_row(UP, number=n, level=level, last=90) for n, level in enumerate([100, 110, 120, 130], 1)]
    fires = Judging(*rows)(ticks([125]))
    assert sorted(fire.row.number for fire in fires) == [1, 2, 3]
    assert [fire.level for fire in fires] == [100, 110, 120]


def test_a_wick_within_one_batch_is_seen() -> None:
    assert Judging(a_row(UP, level=100, last=90)).prices(95, 101, 95) == [101]


def test_one_instruments_ticks_do_not_touch_another() -> None:
    judging = Judging(a_row(ABOVE, number=1, slot=0, level=100), a_row(ABOVE, number=2, slot=1, level=100))
    assert [fire.row.number for fire in judging(ticks([120], slot=1))] == [2]


def once(condition: Condition, snoozed_us: int = 0) -> Row:
    return a_row(condition, level=100, frequency=Frequency.ONCE, snoozed_us=snoozed_us)


def test_once_is_once() -> None:
    judging = Judging(once(ABOVE))
    assert judging.prices(100, 90, 100) == [100]
    assert len(judging.book) == 0


def test_every_time_keeps_quiet_while_it_cools_and_a_crossing_then_is_lost() -> None:
    judging = Judging(a_row(UP, level=100, last=90, cooldown_seconds=60))
    assert judging.prices(100, 90, 100, 90) == [100]
    judging.now_us += 59_999_999
    assert judging.prices(100, 90) == []
    judging.now_us += 1
    assert judging.prices(100) == [100]


def test_what_holds_waits_for_the_end_of_the_cooldown() -> None:
    judging = Judging(a_row(ABOVE, level=100, cooldown_seconds=60))
    assert judging.prices(100, 90, 120) == [100]
    judging.now_us += 60_000_000
    assert judging.prices(119) == [119]


def test_a_snoozed_alert_sees_a_crossing_and_does_not_tell_it() -> None:
    judging = Judging(a_row(UP, level=100, last=90, snoozed_us=50_000_000))
    assert judging.prices(101) == []
    judging.now_us = 50_000_000
    assert judging.prices(102) == []
    assert judging.prices(99, 100) == [100]


def test_a_snoozed_alert_that_holds_fires_when_the_snooze_ends() -> None:
    judging = Judging(once(ABOVE, snoozed_us=50_000_000))
    assert judging.prices(101, 102) == []
    judging.now_us = 50_000_000
    assert judging.prices(103) == [103]


def test_once_a_day_is_a_day_of_the_market() -> None:
    judging = Judging(a_row(ABOVE, level=100, frequency=Frequency.ONCE_A_DAY))
    last_ms = MIDNIGHT_MS + DAY_MS - 1
    assert judging.prices(100, 90, 100, 110) == [100]
    assert judging.prices(110, at_ms=last_ms) == []
    assert judging.prices(110, at_ms=last_ms + 1) == [110]


def test_once_per_bar_is_a_bar_of_the_market_even_where_another_instrument_began_it() -> None:
    row = a_row(ABOVE, level=100, frequency=Frequency.ONCE_PER_BAR, bar_minutes=5)
    judging = Judging(row, a_row(ABOVE, number=2, slot=1, level=999))
    bar_ms = 5 * 60_000
    assert judging.prices(100, 101, at_ms=OPENING_MS) == [100]
    judging(ticks([50], slot=1, at_ms=OPENING_MS + bar_ms))
    assert judging.prices(101, at_ms=OPENING_MS + bar_ms - 10) == []
    assert judging.prices(101, at_ms=OPENING_MS + bar_ms) == [101]


def test_a_replay_that_begins_again_is_another_day() -> None:
    judging = Judging(a_row(ABOVE, level=100, frequency=Frequency.ONCE_A_DAY))
    assert judging.prices(100) == [100]
    assert judging.prices(100, at_ms=OPENING_MS - 3 * DAY_MS) == [100]


def test_ticks_that_were_judged_before_the_last_fire_are_not_judged_again() -> None:
    judging = Judging(a_row(UP, level=100, last=90, seen=2))
    assert judging.prices(100, 90, 95, 100) == [100]
    assert judging.entry == 4
