"""`/smart-stream`: one binary frame per (token, mode) and tick, to subscribers only."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.market import Quote
from sandbox.sockets.handshake import CLOSE_SECONDS, Admission, transport_of
from sandbox.sockets.outbox import BINARY, TEXT, Outbox, frame
from sandbox.sockets.packets import PACKET_OF_MODE
from sandbox.sockets.subscriptions import BadStreamRequestError, Subscriptions, Wanted, read_stream_request
from sandbox.truth import TruthLog
from sandbox.universe import InstrumentKey

_WAITING_TICKS = 8192
"""A reader that is further behind loses its oldest ticks; at 5,000 ticks a second that is more than a second."""


class MarketConnection:
    """One subscriber."""

    def __init__(self, socket: web.WebSocketResponse, outbox: Outbox, client_ip: str) -> None:
        self.socket = socket
        self.outbox = outbox
        self.client_ip = client_ip
        self.subscriptions = Subscriptions()


class MarketStream:
    """All subscribers of ticks."""

    def __init__(self, admission: Admission, truth: TruthLog) -> None:
        self._admission = admission
        self._truth = truth
        self._connections: dict[int, MarketConnection] = {}
        self._readers: dict[InstrumentKey, dict[int, dict[int, MarketConnection]]] = defaultdict(dict)
        self._next_id = 1
        self._dropped_before = 0

    def on_quote(self, quote: Quote) -> None:
        """Encode a tick once per mode and put it into the outbox of everybody who wants it."""
        for mode, readers in self._readers.get(quote.instrument.key, {}).items():
            packet = frame(BINARY, PACKET_OF_MODE[mode](quote))
            for connection in readers.values():
                connection.outbox.push(packet)

    def flush(self) -> None:
        """Send what waits; called after every batch of ticks and at least every 50 ms."""
        for connection in self._connections.values():
            connection.outbox.flush()

    def summary(self) -> dict[str, Any]:
        """Connections with their subscriptions as `EXCHANGE:token/mode`, and ticks dropped so far."""
        return {
            "connections": [
                {
                    "client_ip": c.client_ip,
                    "waiting": c.outbox.waiting,
                    "dropped": c.outbox.dropped,
                    "subscriptions": sorted(f"{k[0]}:{k[1]}/{mode}" for k, mode in c.subscriptions.pairs),
                }
                for c in self._connections.values()
            ],
            "dropped_ticks": self._dropped_before + sum(c.outbox.dropped for c in self._connections.values()),
        }

    async def close(self) -> None:
        """Say goodbye to everybody."""
        for connection in list(self._connections.values()):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The route handler: handshake, then requests until the client leaves."""
        refusal = self._admission.refusal(request, len(self._connections))
        if refusal is not None:
            self._truth.append("socket", stream="market", event="refused", client_ip=request.remote)
            return refusal
        connection_id, self._next_id = self._next_id, self._next_id + 1
        socket = web.WebSocketResponse(compress=False, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        outbox = Outbox(transport_of(request), _WAITING_TICKS, on_full=lambda: True)
        connection = self._connections[connection_id] = MarketConnection(socket, outbox, request.remote or "")
        self._truth.append("socket", stream="market", event="opened", client_ip=request.remote, id=connection_id)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._take(connection_id, connection, message.data)
        finally:
            self._leave(connection_id, connection)
        return socket

    def _take(self, connection_id: int, connection: MarketConnection, text: str) -> None:
        if text == "ping":
            connection.outbox.push(frame(TEXT, b"pong"))
        else:
            self._change(connection_id, connection, text)
        connection.outbox.flush()

    def _change(self, connection_id: int, connection: MarketConnection, text: str) -> None:
        try:
            request = read_stream_request(text)
            added, removed = connection.subscriptions.change(request)
        except BadStreamRequestError as e:
            connection.outbox.push(frame(TEXT, e.frame.encode()))
            self._truth.append("socket", stream="market", event="bad_request", id=connection_id, answer=str(e))
            return
        for key, mode in added:
            self._readers[key].setdefault(mode, {})[connection_id] = connection
        self._forget(connection_id, removed)
        event = "subscribed" if request.subscribe else "unsubscribed"
        self._truth.append("socket", stream="market", event=event, id=connection_id, pairs=len(added or removed))

    def _forget(self, connection_id: int, pairs: frozenset[Wanted] | set[Wanted]) -> None:
        for key, mode in pairs:
            readers = self._readers[key]
            del readers[mode][connection_id]
            if not readers[mode]:
                del readers[mode]

    def _leave(self, connection_id: int, connection: MarketConnection) -> None:
        self._forget(connection_id, connection.subscriptions.pairs)
        self._dropped_before += connection.outbox.dropped
        del self._connections[connection_id]
        self._truth.append(
            "socket", stream="market", event="closed", id=connection_id, dropped_ticks=connection.outbox.dropped
        )
