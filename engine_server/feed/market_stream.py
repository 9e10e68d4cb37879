"""The connection that never gives up: session → connect → subscribe → watch; again with jitter after whatever ends it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping

from prometheus_client import Counter

from engine_server.feed.broker_session import BrokerSession, SessionKeeper
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.market_socket import DEAD_SECONDS, MarketSocket, SocketRefusedError
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.stream")

CONNECTIONS = Counter("tradewinds_feed_connections_total", "Market socket connections made")

_WATCH_SECONDS = 1.0
_BACKOFF_FIRST_SECONDS, _BACKOFF_CAP_SECONDS = 0.2, 5.0
# A refused session is not mended by knocking; a new one is heard at once.
_UNAUTHORIZED_CAP_SECONDS = 30.0
_CONNECT_SECONDS = 15.0
_LONG_ENOUGH_SECONDS = 10.0


class MarketStream:
    """One socket. `problem` says why it is not connected; `connected_at` is monotonic, None while it is not."""

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext,
        sessions: SessionKeeper,
        inbox: FrameInbox,
        on_connected: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._tls = tls
        self._sessions = sessions
        self._inbox = inbox
        self._on_connected = on_connected
        self._monotonic = monotonic
        self._wanted: Mapping[InstrumentKey, Instrument] = {}
        self._look = asyncio.Event()
        self._backoff = Backoff(_BACKOFF_FIRST_SECONDS, _BACKOFF_CAP_SECONDS)
        self._unauthorized_backoff = Backoff(_BACKOFF_CAP_SECONDS, _UNAUTHORIZED_CAP_SECONDS)
        self.connected_at: float | None = None
        self.changed_at = monotonic()
        self.problem = ""

    def want(self, wanted: Mapping[InstrumentKey, Instrument]) -> None:
        """Subscribe to exactly these from now on."""
        if wanted.keys() - self._wanted.keys():
            self.changed_at = self._monotonic()
        self._wanted = wanted
        self._look.set()

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            self._sessions.changed.clear()
            session = self._sessions.session
            if session is None:
                self.problem = "no broker session"
                await self._sessions.changed.wait()
                continue
            await self._pause(await self._connection(session))

    async def _connection(self, session: BrokerSession) -> float:
        """One connection from handshake to end; returns the seconds to wait before the next."""
        socket = MarketSocket(self._inbox, self._look.set, self._monotonic)
        started = self._monotonic()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await socket.connect(self._url, self._tls, session)
            self._enter()
            self.problem = await self._watch(socket)
        except SocketRefusedError as e:
            self.problem = str(e)
            if e.unauthorized:
                log.warning_throttled("unauthorized", account_id=session.account_id, error=str(e))
                return self._unauthorized_backoff.next_delay()
        except (OSError, TimeoutError) as e:  # a certificate that is not trusted is an OSError too
            self.problem = describe(e)
        finally:
            socket.close()
            self.connected_at = None
        log.warning_throttled("disconnected", seconds=1, problem=self.problem)
        if self._monotonic() - started >= _LONG_ENOUGH_SECONDS:
            self._backoff.reset()
        return self._backoff.next_delay()

    def _enter(self) -> None:
        CONNECTIONS.inc()
        self._unauthorized_backoff.reset()
        self._on_connected()
        self.connected_at = self.changed_at = self._monotonic()
        self.problem = ""
        log.info("connected", url=self._url, subscriptions=len(self._wanted))

    async def _watch(self, socket: MarketSocket) -> str:
        """Keep subscriptions and heartbeat; returns why the connection is over."""
        watch = asyncio.create_task(self._sessions.changed.wait(), name="market session changes")
        watch.add_done_callback(lambda _task: self._look.set())
        try:
            while True:
                self._look.clear()
                if socket.ended:
                    return "the connection was closed"
                if watch.done():
                    return "there is a new broker session"
                if not socket.beat():
                    return f"nothing was heard for {DEAD_SECONDS:g} s"
                told = socket.apply(self._wanted)
                if told.subscribe or told.unsubscribe:
                    log.info("told", subscribe=len(told.subscribe), unsubscribe=len(told.unsubscribe))
                await self._look_again()
        finally:
            watch.cancel()

    async def _look_again(self) -> None:
        try:
            async with asyncio.timeout(_WATCH_SECONDS):
                await self._look.wait()
        except TimeoutError:
            return

    async def _pause(self, seconds: float) -> None:
        """Wait before the next try; a new session ends the wait."""
        try:
            async with asyncio.timeout(seconds):
                await self._sessions.changed.wait()
        except TimeoutError:
            return
