"""Silence of a socket: when it is staleness, when another connection is tried."""

from __future__ import annotations

from typing import Any

import pytest

from engine_server.feed.silence import SocketSilence, bound_seconds

NEVER = float("-inf")
WELL: dict[str, Any] = {"now": 1000.0, "ticked_at": 999.0, "connected_at": 100.0, "expecting_since": 50.0, "bound": 5.0}


@pytest.mark.parametrize(
    ("facts", "stale", "mute"),
    [
        pytest.param({}, False, False, id="ticks come"),
        pytest.param({"ticked_at": 994.9}, True, True, id="silent beyond the bound"),
        pytest.param({"ticked_at": 995.1}, False, False, id="silent within the bound"),
        pytest.param({"ticked_at": NEVER, "expecting_since": None}, False, False, id="no market is open"),
        pytest.param({"ticked_at": 900.0, "expecting_since": 996.0}, False, False, id="the market has just opened"),
        pytest.param({"ticked_at": 994.0, "connected_at": None}, True, False, id="not connected"),
        pytest.param({"ticked_at": 990.0, "connected_at": 998.0}, True, False, id="connected anew, nothing yet"),
        pytest.param({"ticked_at": NEVER}, True, True, id="never a tick"),
        pytest.param({"ticked_at": 994.0, "mute_connections": 1}, True, False, id="the second try is given longer"),
        pytest.param({"ticked_at": 989.0, "mute_connections": 1}, True, True, id="but not for ever"),
        pytest.param({"ticked_at": 879.0, "mute_connections": 30}, True, True, id="two minutes at most"),
    ],
)
def test_of_a_socket(facts: dict[str, Any], stale: bool, mute: bool) -> None:
    silence = SocketSilence(**WELL | facts)
    assert (silence.is_stale, silence.is_mute) == (stale, mute)


def test_an_index_that_has_ticked_makes_the_bound_short() -> None:
    assert bound_seconds(canary_open=True, canary_proved=True, rate=1.0) == 5
    assert bound_seconds(canary_open=True, canary_proved=False, rate=1.0) == 20
    assert bound_seconds(canary_open=False, canary_proved=True, rate=1.0) == 60


def test_a_slow_market_is_given_longer_a_fast_one_is_not_given_less() -> None:
    assert bound_seconds(canary_open=True, canary_proved=True, rate=0.5) == 10
    assert bound_seconds(canary_open=True, canary_proved=True, rate=60.0) == 5
