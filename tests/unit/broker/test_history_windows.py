"""A span of history in the pieces that the broker allows."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.broker.angel_one.history_windows import INTERVALS, windows
from tradewinds.bars import INTERVAL_MINUTES

START = datetime(2026, 1, 5, 3, 45, tzinfo=UTC)  # 09:15 in India


def test_the_brokers_intervals_are_ours() -> None:
    assert set(INTERVALS) == set(INTERVAL_MINUTES)


def test_a_short_span_is_one_piece_in_indian_minutes() -> None:
    (window,) = windows("1m", START, START + timedelta(minutes=374, seconds=59))
    assert window.parameters() == {"fromdate": "2026-01-05 09:15", "todate": "2026-01-05 15:29"}


def test_the_minute_of_both_ends_is_included() -> None:
    (window,) = windows("1m", START, START)
    assert window.start == window.end == START


@given(
    interval=st.sampled_from(sorted(set(INTERVALS) - {"1d"})),
    days=st.integers(0, 900),
    seconds=st.integers(0, 86_399),
)
def test_pieces_touch_without_overlap_and_none_is_longer_than_allowed(interval: str, days: int, seconds: int) -> None:
    end = START + timedelta(days=days, seconds=seconds)
    pieces = list(windows(interval, START, end))
    assert pieces[0].start == START
    assert pieces[-1].end == end.replace(second=0)
    for earlier, later in itertools.pairwise(pieces):
        assert later.start - earlier.end == timedelta(minutes=1)
    longest = timedelta(days=INTERVALS[interval].maximum_days)
    assert all(piece.end - piece.start < longest for piece in pieces)


def test_a_span_of_days_begins_at_midnight_in_india() -> None:
    first, *_ = windows("1d", START, START + timedelta(days=3))
    assert first.parameters()["fromdate"] == "2026-01-05 00:00"


def test_what_is_no_span_or_no_interval_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="end: "):
        list(windows("1m", START, START - timedelta(minutes=1)))
    with pytest.raises(ValueError, match="interval: '2m'"):
        list(windows("2m", START, START))
