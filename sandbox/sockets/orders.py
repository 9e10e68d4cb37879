"""`/smart-order-update`: a greeting, then one text frame for everything that happens to an order, to every connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.order_book import OrderNews
from sandbox.orders import Order, OrderEvent, OrderState
from sandbox.rows import empty_order_data
from sandbox.sockets.hub import HubParts, SocketHub
from sandbox.sockets.line import Line
from sandbox.sockets.outbox import BINARY, TEXT, frame

CONNECTED = "AB00"
STREAM_CODES: Mapping[OrderEvent, str] = {
    OrderEvent.AFTER_HOURS_SENT: "AB06",
    OrderEvent.AFTER_HOURS_CANCELLED: "AB07",
    OrderEvent.AFTER_HOURS_MODIFIED: "AB08",
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
    OrderEvent.FILLED_AFTER_CANCEL: "AB02",
    OrderEvent.OVERFILLED: "AB05",
}
"""Events without a code (received, queued after hours, cancel requested) are not streamed."""

_NOISE = b"\x00"
"""Captured from the broker at the pace of the client's pings, in a frame of its own or as a pong's payload: here the former."""


class OrderStream(SocketHub):
    """All listeners to order events. Frames carry cumulative quantities, never a single fill.

    Events are never dropped from the middle: a reader that is too far behind is cut off and must read the books.
    """

    stream = "orders"
    capacity = 10_000
    drops_oldest = False

    def __init__(self, client_code: str, parts: HubParts, order_data: Callable[[Order], dict[str, object]]) -> None:
        super().__init__(parts)
        self._client_code = client_code
        self._order_data = order_data

    def on_news(self, news: OrderNews) -> None:
        """Tell every connection, at once."""
        code = _code(news)
        if code is None or not self._lines:
            return
        data = self._order_data(news.order)
        if news.event is OrderEvent.MODIFIED:
            data["status"] = data["orderstatus"] = "modified"
        message = frame(TEXT, self._message(code, data))
        for line in self.lines:
            line.push(message)
            line.flush()

    def summary(self) -> dict[str, Any]:
        return {"connections": self.connections, "lines": [self.line_summary(line) for line in self.lines]}

    def opened(self, line: Line) -> None:
        line.answer(TEXT, self._message(CONNECTED, empty_order_data()))

    def pinged(self, line: Line) -> None:
        line.answer(BINARY, _NOISE)

    def _message(self, code: str, data: Mapping[str, object]) -> bytes:
        message = {
            "user-id": self._client_code,
            "status-code": "200",
            "order-status": code,
            "error-message": "",
            "orderData": data,
        }
        return json.dumps(message).encode()


def _code(news: OrderNews) -> str | None:
    if news.event is OrderEvent.MODIFY_REFUSED and news.order.state is OrderState.TRIGGER_PENDING:
        return STREAM_CODES[OrderEvent.ARMED]
    return STREAM_CODES.get(news.event)
