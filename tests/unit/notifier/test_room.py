"""What live streams and dedupe keys may take of Redis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.realtime.room import Reading, Room, room_for
from tradewinds.redis_keys import DEDUPE_TTL_SECONDS, NOTIFICATION_SHARDS, NOTIFICATION_STREAM_BYTES

MEBIBYTE = 2**20


def reading(used: float, maximum: float = 256, keys: int = 0, expired: int = 0, at: float = 0.0) -> Reading:
    return Reading(int(used * MEBIBYTE), int(maximum * MEBIBYTE), keys, expired, at)


def test_without_a_limit_nothing_is_cut() -> None:
    assert room_for(reading(5_000, maximum=0), reading(5_000, maximum=0, keys=10**9, at=1)) == Room(
        NOTIFICATION_STREAM_BYTES, DEDUPE_TTL_SECONDS
    )


def test_all_streams_together_take_a_quarter_of_a_small_redis_and_less_where_it_fills_up() -> None:
    quiet, tight, full = (room_for(reading(used), reading(used, at=1)).stream_bytes for used in (100, 205, 240))
    assert quiet * NOTIFICATION_SHARDS == 64 * MEBIBYTE
    assert quiet > tight > full == quiet // 8


def test_few_keys_are_remembered_as_long_as_promised() -> None:
    room = room_for(reading(100, keys=30_000), reading(101, keys=30_100, expired=100, at=1))
    assert room.remember_seconds == DEDUPE_TTL_SECONDS


def test_many_keys_are_remembered_for_less_so_that_they_fit() -> None:
    room = room_for(reading(100), reading(102, keys=10_000, at=1))
    assert 5 < room.remember_seconds < 60
    assert room.remember_seconds * 10_000 * 220 < (256 - 100) * MEBIBYTE


@given(used=st.integers(0, 400), keys=st.integers(0, 10**7), came=st.integers(0, 10**6), gone=st.integers(0, 10**6))
def test_a_key_always_outlives_its_claim(used: int, keys: int, came: int, gone: int) -> None:
    """Also after a flush, and where Redis is more than full."""
    room = room_for(reading(used, keys=keys), reading(used, keys=came, expired=gone, at=1))
    assert 5 <= room.remember_seconds <= DEDUPE_TTL_SECONDS
    assert room.stream_bytes > 0
