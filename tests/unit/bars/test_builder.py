"""What makes a bar, and when it is over."""

from __future__ import annotations

import numpy as np
import pytest

from engine_server.bars.domain.builder import BarBuilder
from engine_server.bars.domain.sessions import Session, Sessions
from tests.unit.bars.ticks import NSE, at, builder, sessions, shown, ticks

END_OF_DAY = "15:30"


def test_ticks_of_a_minute_become_its_bar_with_the_volume_that_traded_in_it() -> None:
    bars = builder()
    closed = bars.take(ticks((0, at("09:15:01"), 100, 10), (0, at("09:15:20"), 130, 15), (0, at("09:15:59"), 90, 40)))
    assert closed == []
    assert shown(bars.take(ticks((0, at("09:16:00"), 95, 41))), "1m") == [("1m", 0, "09:15", 100, 130, 90, 90, 40)]


def test_a_bar_is_over_when_market_time_says_so_though_no_tick_comes() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:01"), 100, 10)))
    assert bars.advance(at("09:15:59.999")) == []
    assert shown(bars.advance(at("09:16"))) == [("1m", 0, "09:15", 100, 100, 100, 100, 10)]
    assert bars.advance(at("09:17")) == []


def test_a_minute_without_a_trade_makes_no_bar_and_a_quote_is_no_trade() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:01"), 100, 10)))
    bars.take(ticks((0, at("09:16:05"), 100, 10), (0, at("09:17:05"), 100, 11)))
    assert shown(bars.advance(at("09:18")), "1m") == [("1m", 0, "09:17", 100, 100, 100, 100, 1)]


def test_every_tick_of_what_has_no_volume_counts() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:01"), 100, 0), (0, at("09:16:05"), 100, 0)))
    assert [bar[2] for bar in shown(bars.advance(at("09:17")), "1m")] == ["09:16"]


def test_longer_bars_are_anchored_at_the_opening_and_the_last_one_is_short() -> None:
    bars = builder()
    closed = bars.take(
        ticks(*((0, at(f"{hour:02}:{minute:02}:30"), 100 + hour, hour * 60 + minute) for hour in range(9, 16)
                for minute in range(60) if (9, 15) <= (hour, minute) < (15, 30)))
    )  # fmt: skip
    closed += bars.advance(at(END_OF_DAY))
    starts = {name: [bar[2] for bar in shown(closed, name)] for name in ("1m", "3m", "5m", "15m", "30m", "60m", "1d")}
    assert starts["60m"] == ["09:15", "10:15", "11:15", "12:15", "13:15", "14:15", "15:15"]
    assert starts["3m"][:3] == ["09:15", "09:18", "09:21"]
    assert (len(starts["1m"]), len(starts["3m"]), len(starts["30m"]), len(starts["15m"])) == (375, 125, 13, 25)
    assert starts["1d"] == ["00:00"]
    last = [bars.rows[-1] for bars in closed if bars.interval == "60m"][-1]
    assert (last["start_ms"], last["end_ms"]) == (at("15:15"), at("15:30"))


def test_a_five_minute_bar_is_over_with_its_last_minute() -> None:
    bars = builder()
    for minute in range(15, 20):
        assert shown(bars.take(ticks((0, at(f"09:{minute}:30"), minute, minute))), "5m") == []
    assert shown(bars.take(ticks((0, at("09:20:00"), 20, 20))), "5m") == [("5m", 0, "09:15", 15, 19, 15, 19, 19)]


def test_ticks_outside_the_session_make_no_bar_and_the_auctions_volume_is_in_the_first_one() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:08"), 100, 500), (0, at("09:15"), 101, 510)))
    closed = bars.advance(at("09:16"))
    bars.take(ticks((0, at("15:30"), 140, 900), (0, at("15:45"), 150, 1_000)))
    assert shown(closed, "1m") == [("1m", 0, "09:15", 101, 101, 101, 101, 510)]
    assert shown(bars.advance(at("23:00")), "1m") == []


def test_what_traded_before_we_watched_is_no_volume_of_ours() -> None:
    bars = builder(watched_from="10:00:30")
    bars.take(ticks((0, at("10:00:40"), 100, 5_000), (0, at("10:00:50"), 101, 5_010)))
    [minute] = [bars.rows[0] for bars in bars.advance(at("10:01")) if bars.interval == "1m"]
    assert (minute["open_e4"], minute["volume"], bool(minute["complete"])) == (101, 10, False)
    bars.take(ticks((0, at("10:01:40"), 102, 5_012)))
    closed = bars.advance(at("10:05"))
    complete = {one.interval: [bool(flag) for flag in one.rows["complete"]] for one in closed}
    assert complete["1m"] == [True]
    assert complete["5m"] == [False]


def test_a_gap_marks_what_it_touches_and_its_volume_is_nobodys() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:01"), 100, 10)))
    bars.interrupt(np.array([0]), at("09:17:30"))
    closed = bars.take(
        ticks((0, at("09:17:31"), 100, 900), (0, at("09:17:40"), 104, 905), (0, at("09:18:00"), 99, 906))
    )
    minutes = [row for one in closed if one.interval == "1m" for row in one.rows]
    assert [(int(row["volume"]), bool(row["complete"])) for row in minutes] == [(10, False), (5, False)]
    closed = bars.advance(at("09:21"))
    assert {one.interval: bool(one.rows["complete"][0]) for one in closed} == {"1m": True, "5m": False, "3m": True}


def test_a_gap_within_one_minute_loses_no_volume() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:01"), 100, 10)))
    bars.interrupt(np.array([0]), at("09:15:03"))
    bars.take(ticks((0, at("09:15:04"), 100, 30)))
    assert shown(bars.advance(at("09:16")), "1m") == [("1m", 0, "09:15", 100, 100, 100, 100, 30)]


def test_a_volume_that_falls_is_not_believed_and_the_minute_is_marked() -> None:
    bars = builder()
    bars.take(
        ticks((0, at("09:15:01"), 100, 100), (0, at("09:15:02"), 101, 3), (0, at("09:15:03"), 102, 120)),
    )
    bars.take(ticks((0, at("09:16:03"), 102, 130)))
    closed = bars.advance(at("09:18"))
    assert [int(one.rows["volume"][0]) for one in closed if one.interval in ("1m", "3m")] == [10, 130]
    assert [bool(one.rows["complete"][0]) for one in closed if one.interval in ("1m", "3m")] == [True, False]


def test_a_new_day_begins_with_a_volume_of_its_own() -> None:
    bars = builder()
    bars.take(ticks((0, at("15:29:01"), 100, 9_000)))
    bars.take(ticks((0, at("09:15:02", day=1), 101, 7)))
    closed = bars.advance(at("09:16", day=1))
    assert shown(closed, "1m") == [("1m", 0, "09:15", 101, 101, 101, 101, 7)]


def test_a_tick_that_goes_back_or_comes_after_its_bar_is_dropped_and_counted() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:10"), 100, 10), (0, at("09:15:05"), 999, 11)))
    bars.advance(at("09:16:00"))
    assert bars.take(ticks((0, at("09:15:59"), 999, 12))) == []
    assert bars.late == 2
    bars.take(ticks((0, at("09:16:00"), 101, 12)))
    assert shown(bars.advance(at("09:17")), "1m") == [("1m", 0, "09:16", 101, 101, 101, 101, 2)]


def test_a_price_that_is_none_is_no_trade() -> None:
    bars = builder()
    bars.take(ticks((0, at("09:15:10"), 0, 10), (0, at("09:15:11"), -5, 11), (0, at("09:15:12"), 7, 11)))
    assert shown(bars.advance(at("09:16")), "1m") == [("1m", 0, "09:15", 7, 7, 7, 7, 11)]


def test_a_clock_that_jumps_back_closes_everything_as_not_complete_and_begins_anew() -> None:
    bars = builder()
    bars.take(ticks((0, at("11:00:10", day=1), 100, 10)))
    closed = bars.close_all()
    assert {one.interval for one in closed} == {"1m", "3m", "5m", "15m", "30m", "60m", "1d"}
    assert not any(one.rows["complete"].any() for one in closed)
    bars.take(ticks((0, at("09:15:10"), 50, 10)))
    assert shown(bars.advance(at("09:16")), "1m") == [("1m", 0, "09:15", 50, 50, 50, 50, 10)]


def test_instruments_and_markets_are_apart_and_a_slot_is_used_again() -> None:
    bars = BarBuilder()
    bars.use_sessions(NSE, sessions(("09:15", "15:30")))
    bars.use_sessions(2, sessions(("09:00", "17:00"), ("17:30", "23:30")))
    equity, commodity = bars.begin(NSE, 0), bars.begin(2, 0)
    bars.take(ticks((equity, at("09:01"), 10, 1), (commodity, at("09:01"), 20, 2), (commodity, at("18:01"), 30, 3)))
    hours = shown(bars.advance(at("19:00")), "60m")
    assert hours == [("60m", commodity, "09:00", 20, 20, 20, 20, 2), ("60m", commodity, "17:30", 30, 30, 30, 30, 1)]
    bars.end(commodity)
    assert bars.begin(NSE, 0) == commodity
    bars.take(ticks((commodity, at("09:16", day=1), 5, 1)))
    assert shown(bars.advance(at("09:17", day=1)), "1m") == [("1m", commodity, "09:16", 5, 5, 5, 5, 1)]


def test_hundreds_of_instruments_at_once() -> None:
    bars = builder(slots=600)
    bars.take(ticks(*((slot, at("09:15:10"), 100 + slot, slot + 1) for slot in range(600))))
    [closed] = bars.advance(at("09:16"))
    assert closed.rows["close_e4"].tolist() == [100 + slot for slot in range(600)]


def test_a_market_without_sessions_makes_no_bars() -> None:
    bars = BarBuilder()
    slot = bars.begin(9, 0)
    assert bars.take(ticks((slot, at("10:00"), 100, 1))) == []
    assert bars.advance(at("23:00")) == []


@pytest.mark.parametrize(
    "wrong",
    [((0, 120_000), (60_000, 180_000)), ((5, 60_000),), ((60_000, 60_000),)],
)
def test_sessions_do_not_overlap_and_are_of_whole_minutes(wrong: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="sessions must"):
        Sessions(tuple(Session(*span) for span in wrong))


def test_a_session_to_midnight_may_touch_the_next_days() -> None:
    bars = BarBuilder()
    bars.use_sessions(
        NSE, Sessions((Session(at("00:00"), at("00:00", day=1)), Session(at("00:00", day=1), at("01:00", day=1))))
    )
    slot = bars.begin(NSE, 0)
    bars.take(ticks((slot, at("23:59:59"), 100, 10), (slot, at("00:00:00", day=1), 101, 1)))
    closed = bars.advance(at("02:00", day=1))
    assert shown(closed, "60m")[-1] == ("60m", slot, "00:00", 101, 101, 101, 101, 1)
