"""The broker's order stream: our own socket client, which verifies TLS, notices a dead line and never gives up.

A hint only: after each (re)connect the books have to be read (protocol §5).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from engine_server.broker.angel_one.egress_route import EgressRoute
from engine_server.broker.angel_one.evidence import describe_error
from engine_server.broker.angel_one.reports import stream_report
from engine_server.broker.angel_one.sessions import BrokerSession, CurrentSession
from engine_server.broker.port import OrderReport, StreamConnected, StreamEvent, StreamLost
from tradewinds.telemetry import get_logger

log = get_logger("broker")


@dataclass(frozen=True)
class StreamTimes:
    """In real seconds. Pings every 10 s and 20 s of silence are the broker's and its clients' own (protocol §4.5, §5)."""

    ping_seconds: float = 10.0
    dead_seconds: float = 20.0
    connect_seconds: float = 7.0
    greeting_seconds: float = 5.0
    first_backoff_seconds: float = 0.2
    last_backoff_seconds: float = 5.0


class _DownError(Exception):
    """The connection is over; the text says why."""


class OrderStream:
    """`events()` is endless. It waits for a session, and takes up a new one when there is one."""

    def __init__(
        self,
        url: str,
        route: EgressRoute,
        session: CurrentSession,
        times: StreamTimes | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._url = url
        self._route = route
        self._session = session
        self._times = times or StreamTimes()
        self._jitter = jitter
        self._heard_at: float | None = None

    def age_seconds(self) -> float | None:
        """Since anything was heard, answers to pings included; None when nothing ever was."""
        return None if self._heard_at is None else time.monotonic() - self._heard_at

    async def events(self) -> AsyncGenerator[StreamEvent, None]:
        """`StreamConnected` and reports while it stands, one `StreamLost` per outage."""
        failures = 0
        lost = False
        while True:
            session = await self._wait_for_session()
            began = time.monotonic()
            try:
                async with aclosing(self._connection(session)) as connection:
                    async for event in connection:
                        lost = False
                        yield event
            except _DownError as e:
                log.warning_throttled("stream.lost", reason=str(e), failures=failures)
                if not lost:
                    lost = True
                    yield StreamLost(str(e))
            # A line that is cut as soon as it stands is no success.
            failures = 0 if time.monotonic() - began > self._times.ping_seconds else failures + 1
            await self._back_off(failures, session)

    async def _wait_for_session(self) -> BrokerSession:
        while self._session.value is None:
            await self._session.changed(None)
        return self._session.value

    async def _back_off(self, failures: int, used: BrokerSession) -> None:
        """Full jitter; a new session ends the wait, since the old one may have been the reason."""
        if self._session.value is not used:
            return
        ceiling = min(self._times.last_backoff_seconds, self._times.first_backoff_seconds * 2 ** min(failures, 10))
        await self._session.changed(self._jitter(0, ceiling))

    async def _connection(self, session: BrokerSession) -> AsyncGenerator[StreamEvent, None]:
        try:
            async with (
                aiohttp.ClientSession() as http,
                await self._open(http, session) as socket,
                aclosing(self._listen(socket, session)) as events,
            ):
                async for event in events:
                    yield event
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            raise _DownError(_reason(e)) from e

    async def _open(self, http: aiohttp.ClientSession, session: BrokerSession) -> ClientWebSocketResponse[Any]:
        tokens = session.tokens
        async with asyncio.timeout(self._times.connect_seconds):
            return await http.ws_connect(
                self._url,
                headers={
                    "Authorization": f"Bearer {tokens.jwt}",
                    "x-api-key": tokens.api_key,
                    "x-client-code": tokens.client_code,
                    "x-feed-token": tokens.feed_token,
                },
                proxy=self._route.egress_url,
                proxy_headers=self._route.proxy_headers,
                ssl=self._route.tls,
                autoping=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                max_msg_size=1024 * 1024,
            )

    async def _listen(
        self, socket: ClientWebSocketResponse[Any], session: BrokerSession
    ) -> AsyncGenerator[StreamEvent, None]:
        """The stream stands with its first frame, the greeting: before it the broker may not count us as a listener."""
        opened = heard = time.monotonic()
        next_ping = opened + self._times.ping_seconds
        greeted = False
        while self._session.value is session:
            message = await _receive(socket, (next_ping if greeted else opened + self._times.greeting_seconds))
            now = time.monotonic()
            if message is not None:
                heard = self._heard_at = now
            elif now - heard >= self._times.dead_seconds:
                raise _DownError(f"nothing heard for {self._times.dead_seconds:g} s")
            if not greeted and (message is None or message.type is WSMsgType.TEXT):
                greeted = True
                yield StreamConnected()
            if message is not None and (report := await _read(socket, message)) is not None:
                yield report
            heard += time.monotonic() - now  # the consumer's time is not the broker's silence
            if time.monotonic() >= next_ping:
                await socket.ping()
                next_ping = time.monotonic() + self._times.ping_seconds
        raise _DownError("there is a new session")


async def _receive(socket: ClientWebSocketResponse[Any], until: float) -> Any:
    """The next message; None when there was none until then."""
    try:
        return await socket.receive(timeout=max(0.001, until - time.monotonic()))
    except TimeoutError:
        return None


async def _read(socket: ClientWebSocketResponse[Any], message: Any) -> OrderReport | None:
    """A report, if the message is one. Anything else that is not text is noise (protocol §5: stray binary frames)."""
    if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
        raise _DownError(f"the broker closed the stream (code {socket.close_code})")
    if message.type is WSMsgType.PING:
        await socket.pong(message.data)
    if message.type is not WSMsgType.TEXT:
        return None
    try:
        return stream_report(message.data)
    except ValueError as e:
        # Not fatal: the books are the truth and are read anyway. The frame is not logged, it may be anything.
        log.warning_throttled("stream.unreadable", error=str(e))
        return None


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        words = error.headers.get("x-error-message", "") if error.headers else ""
        return f"the broker refused the order stream: HTTP {error.status} {words}".strip()
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the egress refused the tunnel: HTTP {error.status} {error.message}"
    return describe_error(error) if str(error) else type(error).__name__
