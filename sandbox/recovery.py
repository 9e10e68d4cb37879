"""What an earlier run left, read back from its truth log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.ledger import Entry, restored_entry
from sandbox.orders import Order, restored
from sandbox.phases import Phase
from sandbox.ticks import Tick


@dataclass(slots=True)
class History:
    """The last state of every order in order of arrival, all that moved the ledger, living sessions, GTT rules, the milestone
    that was done last, what closing auctions printed, and the latest market time seen."""

    orders: dict[str, Order] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    gtt_rules: dict[int, dict[str, Any]] = field(default_factory=dict)
    milestone: tuple[int, int, str] | None = None
    halted_until_ms: int = 0
    auctions: list[Tick] = field(default_factory=list)
    market_ms: int = 0


def read_history(records: Iterable[dict[str, Any]]) -> History:
    """Every record carries the whole of what it tells of, so the last one wins."""
    history = History()
    for record in records:
        history.market_ms = max(history.market_ms, record["market_ms"])
        _read(history, record)
    return history


def _read(history: History, record: dict[str, Any]) -> None:
    kind = record["kind"]
    if kind in ("order", "fill"):
        order = restored(record["order"])
        history.orders[order.order_id] = order
    elif kind == "session":
        (history.sessions.add if record["event"] == "begun" else history.sessions.discard)(record["session_id"])
    elif kind == "gtt":
        history.gtt_rules[record["rule"]["id"]] = record["rule"]
    elif kind == "milestone":
        at_ms, rank, market = record["order"]
        history.milestone = (at_ms, rank, market)
    elif kind == "auction" and record["phase"] == Phase.CLOSING_AUCTION:
        key, volume = (record["exchange"], record["token"]), record["volume"]
        history.auctions.append(Tick(key, record["market_ms"], record["price"], volume, volume))
    elif kind == "halt":
        history.halted_until_ms = record["until_ms"]
    entry = restored_entry(record)
    if entry is not None:
        history.entries.append(entry)
