"""The watchdog over two sockets, with a clock and a calendar that the test moves."""

from __future__ import annotations

import ssl
from datetime import datetime
from itertools import pairwise

import pytest

from engine_server.feed.inbox import FrameInbox
from engine_server.feed.market_sockets import MarketSockets
from engine_server.feed.stale_board import StaleInstrument
from engine_server.feed.watchdog import Watchdog
from tests.unit.feed.instruments import instrument
from tradewinds.clock import MarketClock
from tradewinds.instruments import Instrument

NIFTY = instrument("NSE:NIFTY 50", "99926000", kind="INDEX")
SBIN, TCS = instrument("NSE:SBIN-EQ", "3045"), instrument("NSE:TCS-EQ", "11536")
GOLD, SILVER = (instrument(f"MCX:{name}", token, kind="FUT") for name, token in (("GOLD", "1"), ("SILVER", "2")))


class NoSession:
    session = None

    async def next_change(self) -> None:
        """Never."""


class Stage:
    """Two sockets that a test lets tick; `open` are the segments in continuous trading."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.open: set[str] = {"NSE_CM", "MCX"}
        self.canary_ticked = True
        self.sockets = MarketSockets(
            2,
            "wss://nowhere",
            ssl.create_default_context(),
            NoSession(),
            FrameInbox(),
            on_change=lambda _: None,
            on_connected=lambda: None,
            monotonic=lambda: self.now,
        )
        self.watchdog = Watchdog(
            self.sockets, self, MarketClock(), lambda: self.canary_ticked, monotonic=lambda: self.now
        )
        for stream in self.sockets.streams:
            stream.connected_at = self.now

    def is_continuous(self, segment: str, instrument_class: str, market_time: datetime) -> bool:
        return segment in self.open

    def want(self, *instruments: Instrument) -> None:
        self.sockets.want({i.key: i for i in instruments}, NIFTY)

    def after(self, seconds: float, *ticking: int) -> list[str]:
        """Time passes in steps; the sockets named tick at each."""
        stale: list[StaleInstrument] = []
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            for number in ticking:
                self.sockets.streams[number]._last_ticked_at = self.now
            stale = self.watchdog.look()
        return sorted(one.key for one in stale)

    def dropped(self) -> list[int]:
        return [stream.number for stream in self.sockets.streams if stream._drop_reason]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_silent_socket_makes_its_own_instruments_stale_and_is_connected_anew(stage: Stage) -> None:
    stage.want(SBIN, TCS)
    assert stage.after(10, 0, 1) == []
    assert stage.after(4.5, 1) == []
    assert stage.after(1.0, 1) == [SBIN.key]
    assert stage.dropped() == [0]
    assert stage.after(0.5, 0, 1) == []


def test_outside_continuous_trading_nothing_is_stale(stage: Stage) -> None:
    stage.want(SBIN, TCS)
    stage.after(1, 0, 1)
    stage.open = set()
    assert stage.after(600) == []
    assert stage.dropped() == []
    stage.open = {"NSE_CM"}
    assert stage.after(4.5) == []  # silence counts from the opening
    assert stage.after(1.5) == [SBIN.key, TCS.key]


def test_only_instruments_of_open_markets_are_stale(stage: Stage) -> None:
    stage.want(GOLD, SBIN, TCS, SILVER)
    stage.open = {"NSE_CM"}
    assert stage.after(6) == [SBIN.key, TCS.key]
    assert stage.watchdog.open_instruments == 2


def test_without_the_index_a_quiet_market_is_given_a_minute(stage: Stage) -> None:
    stage.want(GOLD)
    stage.open = {"MCX"}
    assert stage.after(59) == []
    assert stage.after(2) == [GOLD.key]


def test_an_index_that_has_never_ticked_proves_nothing_at_once(stage: Stage) -> None:
    stage.canary_ticked = False
    stage.want(SBIN)
    assert stage.after(19) == []
    assert stage.after(2) == [SBIN.key]


def test_a_socket_without_subscriptions_may_be_silent(stage: Stage) -> None:
    stage.want(SBIN)
    assert stage.after(60, 0) == []
    assert stage.dropped() == []


def test_a_connection_that_stays_mute_is_given_longer_each_time(stage: Stage) -> None:
    stage.want(SBIN)
    drops = []
    for _ in range(240):
        stage.after(0.5)
        stream = stage.sockets.streams[0]
        if stream._drop_reason:
            drops.append(stage.now)
            stream._drop_reason, stream.connected_at = "", stage.now
    assert [round(later - earlier) for earlier, later in pairwise(drops)] == [10, 20, 40]
