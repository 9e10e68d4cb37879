"""One connection to the broker's market socket: verified TLS, the four headers, frames straight into the inbox."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from engine_server.feed.broker_session import BrokerSession
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.stream_requests import BAD_PAYLOAD, PING, PONG, StreamError, StreamRequests, read_error
from engine_server.feed.subscriptions import SubscriptionChange, change
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.socket")

HEARTBEAT_SECONDS: Final = 10.0  # the broker asks for one every 30 s at least
DEAD_SECONDS: Final = 20.0
_HANDSHAKE_SECONDS: Final = 10.0
_MAX_FRAME_BYTES: Final = 64 * 1024
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429


class SocketRefusedError(Exception):
    """The broker did not take the connection: `status` is that of HTTP, 0 where there was none."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def unauthorized(self) -> bool:
        """The session is to blame."""
        return self.status == _UNAUTHORIZED

    @property
    def too_many(self) -> bool:
        """As many connections as the broker allows are open, dead ones that it has not dropped yet among them."""
        return self.status == _TOO_MANY


class Refusal(NamedTuple):
    """Instruments that the broker would not stream on this connection, and why."""

    code: str
    message: str
    instruments: tuple[Instrument, ...]


class MarketSocket(WSListener):
    """Reads until it is closed; `on_end` is called once, when it is."""

    def __init__(
        self,
        inbox: FrameInbox,
        on_end: Callable[[], None],
        on_refusal: Callable[[Refusal], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._inbox = inbox
        self._on_end = on_end
        self._on_refusal = on_refusal
        self._monotonic = monotonic
        self._transport: WSTransport | None = None
        self._requests = StreamRequests()
        self._subscribed: Mapping[InstrumentKey, Instrument] = {}
        self._refused: set[InstrumentKey] = set()
        self._pinged_at = monotonic()
        self.heard_at = monotonic()
        self.ticked_at = float("-inf")
        self.ended = False

    @property
    def subscriptions(self) -> int:
        """How many instruments the broker was asked for and has not refused."""
        return len(self._subscribed)

    async def connect(self, url: str, tls: ssl.SSLContext, session: BrokerSession) -> None:
        """Raises `SocketRefusedError` with the broker's words, or OSError where there is no connection."""
        try:
            await ws_connect(
                lambda: self,
                url,
                ssl_context=tls,
                extra_headers=_headers(session),
                websocket_handshake_timeout=_HANDSHAKE_SECONDS,
                max_frame_size=_MAX_FRAME_BYTES,
                max_redirects=0,  # the headers are for this address only
            )
        except WSHandshakeError as e:
            raise _refusal(e) from e
        except WSError as e:
            raise SocketRefusedError(str(e)) from e
        self.heard_at = self._pinged_at = self._monotonic()

    def apply(self, wanted: Mapping[InstrumentKey, Instrument]) -> SubscriptionChange:
        """Tell the broker what is new and what is over; returns what was told. What it refused is not asked for again."""
        self._refused &= wanted.keys()
        asked = {key: i for key, i in wanted.items() if key not in self._refused} if self._refused else wanted
        told = change(self._subscribed, asked)
        for request in self._requests.of_change(told):
            self._send(request)
        self._subscribed = asked
        return told

    def beat(self) -> bool:
        """Send the heartbeat when it is due; False when the broker has been silent for so long that the link is dead."""
        now = self._monotonic()
        if now - self.heard_at >= DEAD_SECONDS:
            return False
        if now - self._pinged_at >= HEARTBEAT_SECONDS:
            self._pinged_at = now
            self._send(PING)
        return True

    def close(self) -> None:
        """Say goodbye and cut the connection."""
        if self._transport is not None and not self.ended:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def _send(self, text: bytes) -> None:
        if self._transport is not None and not self.ended:
            self._transport.send(WSMsgType.TEXT, text)

    def on_ws_connected(self, transport: WSTransport) -> None:
        """picows: the handshake is done."""
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """picows: a frame came. Nothing here may raise: that would cut the connection."""
        self.heard_at = self._monotonic()
        if frame.msg_type == WSMsgType.BINARY:
            self.ticked_at = self.heard_at
            self._inbox.put(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.TEXT:
            self._hear(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            log.info("closed_by_broker", code=str(frame.get_close_code()))
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """picows: it is over, whoever ended it."""
        self.ended = True
        self._on_end()

    def _hear(self, text: bytes) -> None:
        if text == PONG:
            return
        error = read_error(text)
        if error is not None:
            self._take_refusal(error)
        else:
            log.warning_throttled("text_not_understood", text=text[:200].decode(errors="replace"))

    def _take_refusal(self, error: StreamError) -> None:
        refused = self._requests.refused(error)
        log.warning("request_refused", code=error.code, message=error.message, instruments=len(refused))
        if error.code == BAD_PAYLOAD and len(refused) > 1:
            for request in self._requests.again(refused):
                self._send(request)
        elif refused:
            self._refused.update(i.key for i in refused)
            self._subscribed = {key: i for key, i in self._subscribed.items() if key not in self._refused}
            self._on_refusal(Refusal(error.code, error.message, refused))


def _headers(session: BrokerSession) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {session.jwt.removeprefix('Bearer ')}",
        "x-api-key": session.api_key,
        "x-client-code": session.client_code,
        "x-feed-token": session.feed_token,
    }


def _refusal(error: WSHandshakeError) -> SocketRefusedError:
    response = error.response
    if response is None:
        return SocketRefusedError(str(error))
    status = int(response.status)
    words = response.headers.get("x-error-message", "") or str(error)
    return SocketRefusedError(f"HTTP {status}: {words}", status=status)
