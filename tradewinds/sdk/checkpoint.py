"""What outlives a strategy's process: its state and its book, as of one order event."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec

from tradewinds.sdk.errors import StateError
from tradewinds.sdk.orders import OrderReport
from tradewinds.sdk.positions import Position
from tradewinds.sdk.selectors import Selection
from tradewinds.sdk.vocabulary import Product

# It is sent to the engine after each change, in one message of a session that other strategies share (4 MiB at most).
MAX_STATE_CHARACTERS: Final = 1_000_000


@dataclass(frozen=True)
class Checkpoint:
    """State and book after the order event `last_event_sequence`: a restarted process continues exactly from here."""

    last_event_sequence: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    positions: tuple[Position, ...] = ()
    working_orders: tuple[OrderReport, ...] = ()
    daily_due: Mapping[str, int] = field(
        default_factory=dict
    )  # of `at` timers, by name: market time, epoch milliseconds
    selections: Mapping[str, Selection] = field(default_factory=dict)  # by the selector's text


def encode(
    state: Mapping[str, Any],
    positions: Iterable[Position],
    orders: Iterable[OrderReport],
    daily_due: Mapping[str, int],
    selections: Mapping[str, Selection],
) -> str:
    """The JSON object that is stored; raises `StateError` where the state is not JSON."""
    for key in state:
        if not isinstance(key, str):
            raise StateError(f"self.state[{key!r}]: keys must be strings, JSON has no others")
    book = {
        "positions": [
            [p.instrument, p.product, p.net_quantity, _text(p.average_price), str(p.realised_pnl)] for p in positions
        ],
        "orders": [msgspec.to_builtins(order) for order in orders],
        "daily": dict(daily_due),
        "selections": msgspec.to_builtins(dict(selections)),
    }
    try:
        text = json.dumps({"state": dict(state), "book": book}, allow_nan=False)
    except (TypeError, ValueError) as e:
        raise StateError(f"self.state cannot be saved: {e}; keep numbers, strings, lists and dicts in it") from e
    if len(text) > MAX_STATE_CHARACTERS:
        raise StateError(
            f"self.state cannot be saved: it has {len(text):,} characters as JSON, {MAX_STATE_CHARACTERS:,} are kept; "
            "keep in it what a restart needs, and the rest in attributes"
        )
    return text


def decode(state_json: str, last_event_sequence: int) -> Checkpoint:
    """What `encode` made; an empty string is a fresh start."""
    saved = json.loads(state_json or "{}")
    book = saved.get("book", {})
    return Checkpoint(
        last_event_sequence=last_event_sequence,
        state=saved.get("state", {}),
        positions=tuple(
            Position(instrument, Product(product), net, Decimal(average) if average else None, Decimal(realised))
            for instrument, product, net, average, realised in book.get("positions", ())
        ),
        working_orders=tuple(msgspec.convert(order, OrderReport) for order in book.get("orders", ())),
        daily_due=book.get("daily", {}),
        selections=msgspec.convert(book.get("selections", {}), dict[str, Selection]),
    )


def has_book(state_json: str) -> bool:
    """Whether a stored state says what was held."""
    return "book" in json.loads(state_json or "{}")


def _text(value: Decimal | None) -> str:
    return "" if value is None else str(value)
