"""How the feed judges itself."""

from __future__ import annotations

from typing import Any

import pytest

from engine_server.feed.feed_state import FeedFacts, judge

WELL: dict[str, Any] = {
    "has_session": True,
    "connected": True,
    "subscriptions": 2,
    "refused": 0,
    "unknown": 0,
    "seconds_since_tick": 0.1,
    "seconds_since_change": 60.0,
    "last_tick_ms": 1,
    "ticks": 10,
    "dropped": 0,
    "scrip_master": "v1",
    "problem": "",
}


@pytest.mark.parametrize(
    ("changes", "condition"),
    [
        ({}, "LIVE"),
        ({"has_session": False, "connected": False}, "WAITING_FOR_SESSION"),
        ({"connected": False}, "CONNECTING"),
        ({"subscriptions": 0, "seconds_since_tick": None}, "IDLE"),
        ({"seconds_since_tick": 5.1}, "STALE"),
        ({"seconds_since_tick": 5.1, "seconds_since_change": 1.0}, "LIVE"),
        ({"seconds_since_tick": None, "seconds_since_change": 5.1}, "STALE"),
        ({"seconds_since_tick": None, "seconds_since_change": 1.0}, "LIVE"),
    ],
)
def test_silence_counts_from_the_last_tick_or_the_last_new_wish(changes: dict[str, Any], condition: str) -> None:
    assert judge(FeedFacts(**WELL | changes)) == condition
