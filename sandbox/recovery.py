"""What an earlier run left, read back from its truth log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.orders import Order, restored
from sandbox.positions import Fill, restored_fill


@dataclass(slots=True)
class History:
    """The last state of every order in order of arrival, all fills, living sessions, and the latest market time seen."""

    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    market_ms: int = 0


def read_history(records: Iterable[dict[str, Any]]) -> History:
    """Every order and fill record carries the whole order, so the last one wins."""
    history = History()
    for record in records:
        history.market_ms = max(history.market_ms, record["market_ms"])
        if record["kind"] in ("order", "fill"):
            order = restored(record["order"])
            history.orders[order.order_id] = order
        if record["kind"] == "fill":
            history.fills.append(restored_fill(record["fill"]))
        if record["kind"] == "session":
            (history.sessions.add if record["event"] == "begun" else history.sessions.discard)(record["session_id"])
    return history
