"""`/smart-order-update`: a greeting, then one text frame for everything that happens to an order, to every connection."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.order_book import OrderNews
from sandbox.orders import OrderEvent, OrderState
from sandbox.rows import empty_order_data, order_data
from sandbox.sockets.handshake import CLOSE_SECONDS, Admission, transport_of
from sandbox.sockets.outbox import TEXT, Outbox, frame
from sandbox.truth import TruthLog

CONNECTED = "AB00"
STREAM_CODES: Mapping[OrderEvent, str] = {
    OrderEvent.SENT_TO_EXCHANGE: "AB09",
    OrderEvent.ACCEPTED: "AB01",
    OrderEvent.ARMED: "AB10",
    OrderEvent.TRIGGERED: "AB01",
    OrderEvent.REJECTED: "AB03",
    OrderEvent.MODIFY_REQUESTED: "AB11",
    OrderEvent.MODIFIED: "AB04",
    OrderEvent.MODIFY_REFUSED: "AB01",
    OrderEvent.CANCELLED: "AB02",
    OrderEvent.EXPIRED: "AB02",
    OrderEvent.PARTLY_FILLED: "AB01",
    OrderEvent.FILLED: "AB05",
}
"""Events without a code (received, cancel requested) are not streamed."""

_WAITING_EVENTS = 10_000
"""Order events are never dropped from the middle: a reader that is further behind is cut off and must read the books."""


class OrderStream:
    """All listeners to order events. Frames carry cumulative quantities, never a single fill."""

    def __init__(self, client_code: str, admission: Admission, truth: TruthLog) -> None:
        self._client_code = client_code
        self._admission = admission
        self._truth = truth
        self._connections: dict[int, tuple[web.WebSocketResponse, Outbox]] = {}
        self._next_id = 1

    @property
    def connections(self) -> int:
        return len(self._connections)

    def on_news(self, news: OrderNews) -> None:
        """Tell every connection, at once."""
        code = _code(news)
        if code is None or not self._connections:
            return
        data = order_data(news.order)
        if news.event is OrderEvent.MODIFIED:
            data["status"] = data["orderstatus"] = "modified"
        message = self._frame(code, data)
        for _, outbox in list(self._connections.values()):
            outbox.push(message)
            outbox.flush()

    def flush(self) -> None:
        """Send what a slow reader has not taken yet."""
        for _, outbox in list(self._connections.values()):
            outbox.flush()

    async def close(self) -> None:
        """Say goodbye to everybody."""
        for socket, _ in list(self._connections.values()):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The route handler: handshake, greeting, then events until the client leaves."""
        refusal = self._admission.refusal(request, len(self._connections))
        if refusal is not None:
            self._truth.append("socket", stream="orders", event="refused", client_ip=request.remote)
            return refusal
        connection_id, self._next_id = self._next_id, self._next_id + 1
        socket = web.WebSocketResponse(compress=False, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        outbox = Outbox(transport_of(request), _WAITING_EVENTS, on_full=lambda: False)
        outbox.push(self._frame(CONNECTED, empty_order_data()))
        outbox.flush()
        self._connections[connection_id] = (socket, outbox)
        self._truth.append("socket", stream="orders", event="opened", client_ip=request.remote, id=connection_id)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and message.data == "ping":
                    outbox.push(frame(TEXT, b"pong"))
                    outbox.flush()
        finally:
            del self._connections[connection_id]
            self._truth.append("socket", stream="orders", event="closed", id=connection_id)
        return socket

    def _frame(self, code: str, data: Mapping[str, object]) -> bytes:
        message = {
            "user-id": self._client_code,
            "status-code": "200",
            "order-status": code,
            "error-message": "",
            "orderData": data,
        }
        return frame(TEXT, json.dumps(message).encode())


def _code(news: OrderNews) -> str | None:
    if news.event is OrderEvent.MODIFY_REFUSED and news.order.state is OrderState.TRIGGER_PENDING:
        return STREAM_CODES[OrderEvent.ARMED]
    return STREAM_CODES.get(news.event)
