"""Generated prices, and recorded ones."""

from __future__ import annotations

import gzip
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.clock import session_open_ms
from sandbox.errors import BadInputError
from sandbox.phases import Market, TradingCalendar
from sandbox.prices import GeneratedPrices
from sandbox.pricing.generated import GeneratedTape
from sandbox.replay import TICKS_PER_BAR, Replay, expanded
from sandbox.replay_files import Bar, read_recording
from sandbox.ticks import Tick
from sandbox.universe import DEFAULT_UNIVERSE, Instrument

DAY = 20_000
OPEN = session_open_ms(DAY)
SBIN = ("NSE", "3045")
MINUTE = 60_000


def generated(seed: int = 7, seconds: int = 60, rate: float = 3.5, after_ms: int = OPEN - 1) -> list[Tick]:
    calendar = TradingCalendar()
    source = GeneratedPrices(GeneratedTape(calendar, seed, rate), calendar, DEFAULT_UNIVERSE, after_ms)
    return list(source.take(after_ms + seconds * 1000, 10**9))


def test_one_seed_gives_one_series_and_another_seed_another() -> None:
    assert generated() == generated()
    assert generated() != generated(seed=8)


def test_who_comes_later_sees_the_same_prints_as_who_was_there_from_the_start() -> None:
    whole = generated(seconds=180)
    late = generated(seconds=60, after_ms=OPEN + 75_500)
    assert late == [t for t in whole if OPEN + 75_500 < t.at_ms <= OPEN + 135_500]


def test_ticks_come_in_time_order_on_the_grid_at_about_the_asked_rate() -> None:
    ticks = generated()
    assert [t.at_ms for t in ticks] == sorted(t.at_ms for t in ticks)
    grids = {i.key: i.tick_size for i in DEFAULT_UNIVERSE}
    assert all(t.ltp % grids[t.key] == 0 for t in ticks)
    assert 2 * 14 < len(ticks) / 60 < 5 * 14
    assert 4_500 < len(generated(seconds=2, rate=5_000 / 14)) / 2 < 5_500


def test_nothing_prints_at_night_and_the_next_day_begins_at_its_opening() -> None:
    calendar = TradingCalendar()
    close = calendar.continuous(Market("NSE"), DAY)
    assert close is not None
    source = GeneratedPrices(GeneratedTape(calendar, 7, 1.0), calendar, DEFAULT_UNIVERSE, close.ends_ms - 2_000)
    last = source.take(close.ends_ms + 10 * 3_600_000, 10**9)
    assert last
    assert max(t.at_ms for t in last) < close.ends_ms
    monday = session_open_ms(DAY + 3)
    upcoming = source.next_ms()
    assert upcoming is not None
    assert monday <= upcoming < monday + 2_000


def test_an_instrument_that_somebody_wants_prints_until_nobody_does() -> None:
    calendar = TradingCalendar()
    share = Instrument("NSE", "30000", "ANAND-EQ", "ANAND", 5, 50_000)
    source = GeneratedPrices(GeneratedTape(calendar, 7, 3.5), calendar, DEFAULT_UNIVERSE, OPEN)
    source.follow([share], OPEN + 10_000)
    seen = [t for t in source.take(OPEN + 20_000, 10**9) if t.key == share.key]
    assert seen
    assert min(t.at_ms for t in seen) > OPEN + 10_000
    source.follow([], OPEN + 20_000)
    assert share.key not in {t.key for t in source.take(OPEN + 40_000, 10**9)}
    source.follow([share], OPEN + 40_000)
    again = [t.at_ms for t in source.take(OPEN + 50_000, 10**9) if t.key == share.key]
    assert again
    assert min(again) > OPEN + 40_000


def test_a_five_second_momentum_rule_sees_a_move_within_half_a_minute_in_every_share() -> None:
    seen: dict[tuple[str, str], list[Tick]] = defaultdict(list)
    moved = set()
    for tick in generated(seconds=30):
        window = seen[tick.key] = [t for t in seen[tick.key] if t.at_ms > tick.at_ms - 5000] + [tick]
        if abs(window[-1].ltp / window[0].ltp - 1) > 0.001:
            moved.add(tick.key)
    assert moved >= {i.key for i in DEFAULT_UNIVERSE if i.tradable}


def test_ten_years_stay_within_a_few_per_cent_of_the_base() -> None:
    tape = GeneratedTape(TradingCalendar(), 3, 1.0)
    for instrument in DEFAULT_UNIVERSE:
        low, high = tape.bounds(instrument, DAY - 3_650, DAY) or (0, 0)
        assert 0.9 < low / instrument.base_price < 1 < high / instrument.base_price < 1.1


def test_indices_have_no_volume() -> None:
    assert all(t.volume == t.traded == 0 for t in generated() if t.key[1] in ("99926000", "99926009"))


@pytest.mark.parametrize("seed", range(20))
def test_an_expanded_bar_has_exactly_its_open_extremes_close_and_volume(seed: int) -> None:
    bar = Bar(SBIN, OPEN, open=42_000, high=42_135, low=41_960, close=42_100, volume=1_007)
    ticks = list(expanded(bar, 500, 5, seed))
    prices = [t.ltp for t in ticks]
    assert len(ticks) == TICKS_PER_BAR
    assert (prices[0], prices[-1], max(prices), min(prices)) == (42_000, 42_100, 42_135, 41_960)
    assert all(p % 5 == 0 for p in prices)
    assert ticks[-1].volume == 1_507
    assert all(OPEN <= a.at_ms < b.at_ms < OPEN + MINUTE for a, b in pairwise(ticks))
    assert ticks == list(expanded(bar, 500, 5, seed))


BARS = """ts,symbol,open,high,low,close,volume
2024-10-04T09:15:00+05:30,SBIN,420.00,421.35,419.60,421.00,1000
2024-10-04T09:16:00+05:30,SBIN,421.00,421.00,420.00,420.05,500
2024-10-07T09:15:00+05:30,SBIN,430.00,431.00,429.00,430.50,2000
"""
TICKS = """ts,symbol,ltp,cum_volume
2024-10-04T09:15:02+05:30,TCS,3000.00,100
2024-10-04T09:15:03+05:30,TCS,3000.10,150
2024-10-04T09:15:03+05:30,NIFTY 50,25000.05,0
"""


def replay_of(tmp_path: Path, after_ms: int = 0, **files: str) -> Replay:
    paths = []
    for name, text in files.items():
        path = tmp_path / f"{name}.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
        paths.append(path)
    recording = read_recording(tuple(paths), DEFAULT_UNIVERSE)
    grids = {i.key: i.tick_size for i in DEFAULT_UNIVERSE.with_ticks(recording.grids(DEFAULT_UNIVERSE))}
    return Replay(recording, grids, 7, after_ms)


def test_bars_and_ticks_of_several_files_are_merged_in_time(tmp_path: Path) -> None:
    replay = replay_of(tmp_path, bars=BARS, ticks=TICKS)
    ticks = replay.take(2**62, 10**6)
    assert replay.start_ms == OPEN
    assert len(ticks) == 3 * TICKS_PER_BAR + 3
    assert [t.at_ms for t in ticks] == sorted(t.at_ms for t in ticks)
    assert [(t.ltp, t.traded) for t in ticks if t.key == ("NSE", "11536")] == [(300_000, 0), (300_010, 50)]
    assert replay.next_ms() is None


def test_volume_begins_anew_each_day(tmp_path: Path) -> None:
    ticks = replay_of(tmp_path, bars=BARS).take(2**62, 10**6)
    assert [t.volume for t in ticks][TICKS_PER_BAR * 2 - 1] == 1_500
    assert ticks[-1].volume == 2_000


def test_a_day_that_is_there_as_ticks_is_not_expanded_from_bars_too(tmp_path: Path) -> None:
    ticks = TICKS + "2024-10-04T09:15:05+05:30,SBIN,420.50,10\n"
    taken = replay_of(tmp_path, bars=BARS, ticks=ticks).take(2**62, 10**6)
    assert len([t for t in taken if t.key == SBIN]) == 1 + TICKS_PER_BAR


def test_the_clock_jumps_over_nights_but_not_over_an_outage_inside_a_session(tmp_path: Path) -> None:
    replay = replay_of(tmp_path, bars=BARS + "2024-10-04T11:00:00+05:30,SBIN,420,420,420,420,1\n")
    replay.take(OPEN + 3 * MINUTE, 10**6)
    assert replay.jump_target(OPEN + 3 * MINUTE) is None
    replay.take(OPEN + 120 * MINUTE, 10**6)
    assert replay.jump_target(OPEN + 120 * MINUTE) == session_open_ms(DAY + 3)
    replay.take(2**62, 10**6)
    assert replay.jump_target(2**62) is None


def test_a_restarted_replay_goes_on_after_what_was_shown(tmp_path: Path) -> None:
    whole = replay_of(tmp_path, bars=BARS, ticks=TICKS).take(2**62, 10**6)
    middle = whole[25].at_ms
    rest = replay_of(tmp_path, after_ms=middle, bars=BARS, ticks=TICKS).take(2**62, 10**6)
    assert [t[:3] for t in rest] == [t[:3] for t in whole if t.at_ms > middle]
    assert rest[-1].volume == whole[-1].volume


def test_the_grid_is_taken_from_the_recorded_prices(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    recording = read_recording((path,), DEFAULT_UNIVERSE)
    assert recording.grids(DEFAULT_UNIVERSE) == {SBIN: 5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with ''"),
        ("a,b,c\n", "begins with 'a,b,c'"),
        ("ts,symbol,ltp,cum_volume\n", "has no rows"),
        ("ts,symbol,ltp,cum_volume\n2024-10-04T09:15:02,NOSUCH,1,1\n", "line 2: unknown symbol 'NOSUCH'; use only"),
        ("ts,symbol,ltp,cum_volume\nyesterday,SBIN,1,1\n", "line 2: ts 'yesterday'"),
        ("ts,symbol,ltp,cum_volume\n2024-10-04T09:15:02,SBIN,1.001,1\n", "line 2: price '1.001'"),
        ("ts,symbol,ltp,cum_volume\n2024-10-04T09:15:02,SBIN,NaN,1\n", "line 2: price 'NaN'"),
        ("ts,symbol,ltp,cum_volume\n2024-10-04T09:15:02,SBIN,1,-1\n", "line 2: cum_volume '-1'"),
        ("ts,symbol,ltp,cum_volume\n2024-10-04T09:15:02,SBIN\n", "line 2: 2 cells instead of 4"),
        (BARS.replace("421.35", "420.35"), "line 2: open 420.0 and close 421.0 are not inside"),
        (BARS.replace("09:16:00", "09:16:01"), "line 3: ts '2024-10-04T09:16:01+05:30' is not the start of a minute"),
    ],
)
def test_a_garbled_file_is_refused_with_its_line_and_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInputError) as caught:
        read_recording((path,), DEFAULT_UNIVERSE)
    assert str(caught.value).startswith("--replay: ")
    assert message in str(caught.value)


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(BadInputError, match=r"cannot read .*bad\.csv\.gz"):
        read_recording((path,), DEFAULT_UNIVERSE)
