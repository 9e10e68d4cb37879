"""The connection that never gives up: session → connect → subscribe → watch; again with jitter after whatever ends it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Final, Protocol

from prometheus_client import Counter

from engine_server.feed.broker_session import BrokerSession
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.market_socket import DEAD_SECONDS, MarketSocket, Refusal, SocketRefusedError
from engine_server.feed.placement import SOCKET_QUOTA, Instruments
from engine_server.feed.stream_requests import QUOTA_EXCEEDED
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.telemetry import get_logger

log = get_logger("feed.stream")

CONNECTIONS = Counter("tradewinds_feed_connections_total", "Market socket connections made")

_WATCH_SECONDS: Final = 1.0
_BACKOFF_FIRST_SECONDS, _BACKOFF_CAP_SECONDS = 0.2, 5.0
# A refused session is not mended by knocking; a new one is heard at once.
_UNAUTHORIZED_CAP_SECONDS: Final = 30.0
# The broker drops half-open connections when it notices; each try may keep another client out.
_TOO_MANY_CAP_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 15.0
_LONG_ENOUGH_SECONDS: Final = 10.0


class Sessions(Protocol):
    """The broker session to stream with."""

    @property
    def session(self) -> BrokerSession | None:
        """The one in force; None while there is none, or while another feed streams."""
        ...

    async def next_change(self) -> None:
        """Wait until another one is in force."""
        ...


class StreamListener(Protocol):
    """Who wants to know of a stream's life."""

    def stream_connected(self, number: int) -> None:
        """It has (again) a connection, without subscriptions yet."""
        ...

    def stream_refused(self, number: int, refusal: Refusal) -> None:
        """The broker does not stream some instruments on it; they must not be wanted of it any more."""
        ...


class MarketStream:
    """One socket. `problem` says why it is not connected; times are monotonic, None while they do not apply."""

    def __init__(
        self,
        number: int,
        url: str,
        tls: ssl.SSLContext,
        sessions: Sessions,
        inbox: FrameInbox,
        listener: StreamListener,
        most: int = SOCKET_QUOTA,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most`: what it carries; the broker's word, if that is less, holds for one connection."""
        self.number = number
        self._most = most
        self._url = url
        self._tls = tls
        self._sessions = sessions
        self._inbox = inbox
        self._listener = listener
        self._monotonic = monotonic
        self._wanted: Instruments = {}
        self._look = asyncio.Event()
        self._backoff = Backoff(_BACKOFF_FIRST_SECONDS, _BACKOFF_CAP_SECONDS)
        self._unauthorized_backoff = Backoff(_BACKOFF_CAP_SECONDS, _UNAUTHORIZED_CAP_SECONDS)
        self._too_many_backoff = Backoff(_BACKOFF_CAP_SECONDS / 5, _TOO_MANY_CAP_SECONDS)
        self._socket: MarketSocket | None = None
        self._drop_reason = ""
        self._last_ticked_at = float("-inf")
        self.connected_at: float | None = None
        self.lost_at = monotonic()
        self.connections = 0
        self.quota = most
        self.problem = "not connected yet"

    @property
    def ticked_at(self) -> float:
        """When the last binary frame came, on whichever connection."""
        now = self._socket.ticked_at if self._socket is not None else float("-inf")
        return max(self._last_ticked_at, now)

    @property
    def subscriptions(self) -> int:
        """What the broker has been asked for on the connection of now."""
        return self._socket.subscriptions if self._socket is not None else 0

    def want(self, wanted: Instruments) -> None:
        """Subscribe to exactly these from now on."""
        self._wanted = wanted
        self._look.set()

    def drop(self, reason: str) -> None:
        """End the connection of now: another one is made."""
        self._drop_reason = reason
        self._look.set()

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            session = self._sessions.session
            if session is None:
                self.problem = "no broker session"
                await self._sessions.next_change()
                continue
            await self._pause(session, await self._connection(session))

    async def _connection(self, session: BrokerSession) -> float:
        """One connection from handshake to end; returns the seconds to wait before the next."""
        socket = MarketSocket(self._inbox, self._look.set, self._refused, self._monotonic)
        started = self._monotonic()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await socket.connect(self._url, self._tls, session)
            self._enter(socket)
            self.problem = await self._watch(socket, session)
        except SocketRefusedError as e:
            return self._refused_connection(e, session)
        except (OSError, TimeoutError) as e:  # a certificate that is not trusted is an OSError too
            self.problem = describe(e)
        finally:
            self._leave(socket)
        log.warning_throttled(f"disconnected.{self.number}", seconds=1, socket=self.number, problem=self.problem)
        if self._monotonic() - started >= _LONG_ENOUGH_SECONDS:
            self._backoff.reset()
        return self._backoff.next_delay()

    def _refused_connection(self, error: SocketRefusedError, session: BrokerSession) -> float:
        self.problem = str(error)
        if error.unauthorized:
            log.warning_throttled("unauthorized", account_id=session.account_id, error=str(error))
            return self._unauthorized_backoff.next_delay()
        if error.too_many:
            self.problem = (
                f"{error}: the broker counts three connections of this client already; those of a feed that died count"
                " until the broker drops them, those of another program until it ends"
            )
            # Nobody knows when it will be let in: what it carries goes to the others at once, not after a grace.
            self.lost_at = float("-inf")
            log.warning_throttled(f"too_many_connections.{self.number}", socket=self.number, problem=self.problem)
            return self._too_many_backoff.next_delay()
        log.warning_throttled(f"refused.{self.number}", socket=self.number, problem=self.problem)
        return self._backoff.next_delay()

    def _enter(self, socket: MarketSocket) -> None:
        CONNECTIONS.inc()
        self.connections += 1
        self._unauthorized_backoff.reset()
        self._too_many_backoff.reset()
        self._socket, self._drop_reason, self.quota, self.problem = socket, "", self._most, ""
        self.connected_at = self._monotonic()
        self._listener.stream_connected(self.number)
        log.info("connected", socket=self.number, url=self._url, subscriptions=len(self._wanted))

    def _leave(self, socket: MarketSocket) -> None:
        socket.close()
        self._last_ticked_at = max(self._last_ticked_at, socket.ticked_at)
        self._socket = None
        if self.connected_at is not None:
            self.connected_at, self.lost_at = None, self._monotonic()

    def _refused(self, refusal: Refusal) -> None:
        if refusal.code == QUOTA_EXCEEDED:
            self.quota = min(self.quota, self.subscriptions)
        self._listener.stream_refused(self.number, refusal)

    async def _watch(self, socket: MarketSocket, session: BrokerSession) -> str:
        """Keep subscriptions and heartbeat; returns why the connection is over."""
        change = asyncio.create_task(self._sessions.next_change(), name=f"market session changes {self.number}")
        change.add_done_callback(lambda _task: self._look.set())
        try:
            while True:
                self._look.clear()
                if socket.ended:
                    return "the connection was closed"
                if self._sessions.session != session:
                    return "there is another broker session"
                if self._drop_reason:
                    return self._drop_reason
                if not socket.beat():
                    return f"nothing was heard for {DEAD_SECONDS:g} s"
                told = socket.apply(self._wanted)
                if told.subscribe or told.unsubscribe:
                    subscribed, unsubscribed = len(told.subscribe), len(told.unsubscribe)
                    log.info("told", socket=self.number, subscribe=subscribed, unsubscribe=unsubscribed)
                await self._look_again()
        finally:
            change.cancel()

    async def _look_again(self) -> None:
        try:
            async with asyncio.timeout(_WATCH_SECONDS):
                await self._look.wait()
        except TimeoutError:
            return

    async def _pause(self, session: BrokerSession, seconds: float) -> None:
        """Wait before the next try; another session ends the wait."""
        if self._sessions.session != session:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._sessions.next_change()
        except TimeoutError:
            return
