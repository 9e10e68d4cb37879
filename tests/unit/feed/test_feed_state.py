"""How the feed judges itself."""

from __future__ import annotations

from typing import Any

import pytest

from engine_server.feed.feed_state import FeedFacts, SocketFacts, judge, reason

UP = SocketFacts(0, True, 3, 1000, 1, "")
DOWN = SocketFacts(1, False, 0, 1000, 0, "HTTP 429")
WELL: dict[str, Any] = {
    "has_session": True,
    "sockets": [UP],
    "streamed": 2,
    "rotated": (),
    "rotation_seconds": 0,
    "rotation_problem": "",
    "bar_gaps": 0,
    "unknown": (),
    "subscribers": {},
    "open_instruments": 2,
    "stale": 0,
    "seconds_since_tick": 0.1,
    "last_tick_ms": 1,
    "ticks": 10,
    "dropped": {},
    "scrip_master": "v1",
    "scrip_master_day": "",
    "scrip_master_problem": "",
    "epoch": 1,
}


@pytest.mark.parametrize(
    ("changes", "condition", "why"),
    [
        ({}, "LIVE", ""),
        ({"has_session": False, "sockets": [DOWN]}, "WAITING_FOR_SESSION", "no broker session; the engine logs in"),
        ({"sockets": [DOWN]}, "CONNECTING", "socket 1: HTTP 429"),
        ({"sockets": [UP, DOWN]}, "LIVE", "socket 1: HTTP 429"),
        ({"streamed": 0, "open_instruments": 0}, "IDLE", "nobody wants anything"),
        (
            {"seconds_since_tick": 60, "open_instruments": 0},
            "IDLE",
            "no market of what is wanted is in continuous trading",
        ),
        ({"seconds_since_tick": None}, "LIVE", ""),
        ({"rotated": ("NSE:X-EQ",), "rotation_problem": "throttled"}, "LIVE", "rotation: throttled"),
        ({"rotation_problem": "throttled"}, "LIVE", ""),
        ({"scrip_master_problem": "it has shrunk"}, "LIVE", "scrip master: it has shrunk"),
        ({"open_instruments": 0}, "LIVE", ""),
        ({"stale": 2}, "STALE", "2 instruments get no ticks in an open market"),
        (
            {"stale": 2, "sockets": [UP, DOWN]},
            "STALE",
            "2 instruments get no ticks in an open market; socket 1: HTTP 429",
        ),
    ],
)
def test_it_is_as_live_as_its_ticks_and_stale_where_the_watchdog_says_so(
    changes: dict[str, Any], condition: str, why: str
) -> None:
    facts = FeedFacts(**WELL | changes)
    assert (judge(facts), reason(judge(facts), facts)) == (condition, why)
