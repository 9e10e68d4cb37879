"""The WebSocket's side of a stream: each message is a batch, as `WatchNotificationsResponse` is in JSON; an empty one is a heartbeat.

Whoever reads too slowly fills the subscription's queue, not this process: a message is written only while little is unread.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from notifier import sse
from notifier.client_sink import ClientSink
from notifier.following import Stream
from notifier.realtime.subscription import SERVER_STOPPING, SLOW_CONSUMER, UNAUTHENTICATED, Batch

# What browsers can say: `new WebSocket(url, ["tradewinds", "bearer.TOKEN"])`. They have no way to set a header.
PROTOCOL: Final = "tradewinds"
_BEARER: Final = "bearer."
# Nothing is expected from followers.
_MAXIMUM_MESSAGE_BYTES: Final = 1_024
_PING_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 2.0
_CLOSE_CODES: Final = {
    SERVER_STOPPING: WSCloseCode.SERVICE_RESTART,
    SLOW_CONSUMER: WSCloseCode.TRY_AGAIN_LATER,
    UNAUTHENTICATED: WSCloseCode.POLICY_VIOLATION,
}


def authorization_of(request: web.Request) -> str:
    """The `Authorization` of a request, or what a browser says in its place."""
    for offered in request.headers.get("Sec-WebSocket-Protocol", "").split(","):
        if offered.strip().startswith(_BEARER):
            return f"Bearer {offered.strip().removeprefix(_BEARER)}"
    return request.headers.get("Authorization", "")


def message_bytes(batch: Batch) -> bytes:
    """One message (RFC 6455 §5.2: a frame of text, whole and not masked)."""
    notifications = b",".join([sse.text_of(delivery.told) for delivery in batch.deliveries])
    text = b'{"notifications":[%b],"cursor":"%b","resumed":%b,"dropped":%d%b}' % (
        notifications,
        batch.cursor.encode(),
        b"false" if batch.resync else b"true",
        batch.dropped,
        b',"end":' + msgspec.json.encode(sse.end_of(batch.end)) if batch.end is not None else b"",
    )
    return b"\x81" + _size(len(text)) + text


def _size(size: int) -> bytes:
    if size < 126:
        return size.to_bytes(1)
    return b"\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x7f" + size.to_bytes(8)


async def serve(request: web.Request, stream: Stream) -> web.WebSocketResponse:
    """Until either side is done. A follower that does not answer pings is gone."""
    socket = web.WebSocketResponse(
        protocols=(PROTOCOL,), heartbeat=_PING_SECONDS, max_msg_size=_MAXIMUM_MESSAGE_BYTES, timeout=_CLOSE_SECONDS
    )
    await socket.prepare(request)
    reading = asyncio.create_task(_until_it_goes(socket), name="websocket reader")
    writing = asyncio.create_task(_write(request, socket, stream), name="websocket writer")
    try:
        await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reading.cancel()
        writing.cancel()
    await asyncio.wait({reading, writing})
    if not writing.cancelled():
        writing.result()
    return socket


async def _until_it_goes(socket: web.WebSocketResponse) -> None:
    """Pings and pongs are answered in here; what else comes means nothing."""
    while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        pass


async def _write(request: web.Request, socket: web.WebSocketResponse, stream: Stream) -> None:
    try:
        sink = ClientSink(request, message_bytes, stream.outbox)
        await stream.pour(sink)
        sink.flush()
        if stream.ended is not None:
            await socket.close(code=_CLOSE_CODES[stream.ended.reason], message=stream.ended.reason.encode())
    except ConnectionError:
        pass  # it went while we wrote
