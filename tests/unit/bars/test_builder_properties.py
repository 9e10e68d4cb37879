"""However ticks come in, the bars are the same; and longer bars are the shorter ones."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine_server.bars.domain.builder import STEP_MS, BarBuilder, ClosedBars, lengthen
from engine_server.bars.domain.rows import ROW, Rows
from engine_server.bars.domain.sessions import Sessions
from engine_server.bars.domain.trades import TICK
from tests.unit.bars.ticks import at, sessions

HOURS = sessions(("09:15", "10:02"), ("10:30", "10:44"))
SLOTS = 3

tick = st.tuples(
    st.integers(0, SLOTS - 1),
    st.one_of(st.integers(at("09:10"), at("10:50")), st.integers(at("09:10", day=1), at("10:50", day=1))),
    st.integers(-1, 40),
    st.integers(0, 2_000),
    st.integers(0, 9),
)
sequences = st.lists(tick, max_size=120)


def in_time(rows: list[tuple[int, int, int, int, int]]) -> Rows:
    """Mostly in order, as ticks come; a few stay where they are and go back."""
    ordered = sorted(rows, key=lambda row: row[1] - row[2] * 300)
    return np.array(ordered, TICK) if ordered else np.empty(0, TICK)


def new_builder() -> BarBuilder:
    builder = BarBuilder()
    builder.use_sessions(0, HOURS)
    for slot in range(SLOTS):
        builder.begin(0, at("09:00") + slot * 600_000)
    return builder


def collected(closed: list[ClosedBars]) -> dict[str, list[tuple[object, ...]]]:
    found: dict[str, list[tuple[object, ...]]] = defaultdict(list)
    for bars in closed:
        found[bars.interval] += [tuple(row.item()) for row in bars.rows]
    return {interval: sorted(rows) for interval, rows in found.items()}


def built(batches: list[Rows]) -> dict[str, list[tuple[object, ...]]]:
    builder = new_builder()
    closed = [bars for batch in batches for bars in builder.take(batch)]
    return collected([*closed, *builder.advance(at("23:59", day=1))])


@given(sequences, st.lists(st.integers(0, 120), max_size=12))
def test_any_split_into_batches_gives_the_same_bars(
    rows: list[tuple[int, int, int, int, int]], cuts: list[int]
) -> None:
    whole = in_time(rows)
    edges = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    parts = [whole[start:end] for start, end in pairwise(edges)]
    assert built(parts) == built([whole])


@given(sequences)
def test_longer_bars_are_those_of_the_minutes(rows: list[tuple[int, int, int, int, int]]) -> None:
    builder = new_builder()
    closed = [*builder.take(in_time(rows)), *builder.advance(at("23:59", day=1))]
    found = collected(closed)
    minutes = [bars.rows for bars in closed if bars.interval == "1m"]
    one_minute = np.sort(np.concatenate([np.empty(0, ROW), *minutes]), order=["slot", "start_ms"], kind="stable")
    for interval in set(STEP_MS) - {"1m"}:
        direct = lengthen(one_minute, interval, HOURS)
        direct["complete"] = False
        expected = [tuple(row.item())[:-2] for row in direct]
        assert [row[:-2] for row in found.get(interval, [])] == sorted(expected)


@given(sequences)
def test_a_bar_holds_its_prices_and_a_days_minutes_add_up(rows: list[tuple[int, int, int, int, int]]) -> None:
    builder = new_builder()
    ticks = in_time(rows)
    closed = [*builder.take(ticks), *builder.advance(at("23:59", day=1))]
    for bars in closed:
        assert (bars.rows["low_e4"] <= np.minimum(bars.rows["open_e4"], bars.rows["close_e4"])).all()
        assert (bars.rows["high_e4"] >= np.maximum(bars.rows["open_e4"], bars.rows["close_e4"])).all()
        assert (bars.rows["volume"] >= 0).all()
        assert (bars.rows["low_e4"] > 0).all()
    minutes, days = (
        np.concatenate([np.empty(0, ROW), *(b.rows for b in closed if b.interval == interval)])
        for interval in ("1m", "1d")
    )
    assert minutes["volume"].sum() == days["volume"].sum()


def naive(
    ticks: list[tuple[int, int, int]], hours: Sessions, step_ms: int
) -> list[tuple[int, int, int, int, int, int]]:
    """(time, price, day's volume) of one instrument that was always watched, one tick after the other."""
    bars: dict[int, list[int]] = {}
    last_price = last_volume = 0
    for time_ms, price, volume in ticks:
        session = next((s for s in hours.all if s.start_ms <= time_ms < s.end_ms), None)
        is_trade = volume > last_volume or price != last_price
        if session is not None and is_trade:
            start = session.start_ms + (time_ms - session.start_ms) // step_ms * step_ms
            bar = bars.setdefault(start, [price, price, price, price, 0])
            bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
            bar[4] += volume - last_volume
        last_price, last_volume = price, volume
    return [(start, *bar) for start, bar in sorted(bars.items())]  # type: ignore[misc]


@given(st.lists(st.tuples(st.integers(0, 90_000), st.integers(90, 110), st.integers(0, 50)), max_size=80))
def test_it_agrees_with_a_loop_that_is_plain_to_see(steps: list[tuple[int, int, int]]) -> None:
    time_ms, volume, ticks = at("09:15"), 0, []
    for step_ms, price, traded in steps:
        time_ms, volume = time_ms + step_ms, volume + traded + 1
        ticks.append((time_ms, price, volume))
    builder = BarBuilder()
    builder.use_sessions(0, HOURS)
    slot = builder.begin(0, at("09:00"))
    rows = np.array([(slot, *tick, 0) for tick in ticks], TICK) if ticks else np.empty(0, TICK)
    found = collected([*builder.take(rows), *builder.advance(at("23:59"))])
    for interval in ("1m", "3m", "15m"):
        expected = naive(ticks, HOURS, STEP_MS[interval])
        assert [(row[1], row[4], row[5], row[6], row[7], row[8]) for row in found.get(interval, [])] == expected
