"""What one commit writes: decisions read and change a draft; the account's state follows only when it is committed.

A draft can be thrown away and made again (a guard refused one of its requests): so decisions have no effect but on it,
and what must happen in the world is registered with `then` and runs after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.books import Book, BookKey, empty_book, keys_of
from engine_server.oms.domain.risk import Exposure
from engine_server.oms.domain.states import check_transition
from engine_server.oms.events import EventKind
from engine_server.oms.notices import notice_of
from engine_server.oms.records import OrderEventRecord, OrderRecord, TradeRecord


@dataclass(frozen=True)
class OutboxRow:
    """An event on its way to the notifier (table `outbox`)."""

    topic: str
    dedupe_key: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class AuditRow:
    """A line of `audit_log`."""

    actor: str
    action: str
    subject_id: str
    reason: str
    after: dict[str, Any]
    subject_type: str = "order"
    source: str = "oms"


class Draft:
    """A unit of work over an `AccountState`. `now` is real time, `market_now` the broker's, `permits` how many messages
    may go to the broker now."""

    def __init__(self, state: AccountState, *, now: datetime, market_now: datetime, monotonic: float, permits: int):
        self.state = state
        self.now = now
        self.market_now = market_now
        self.monotonic = monotonic
        self.permits = permits
        self.new_order_ids: set[str] = set()
        self.orders: dict[str, OrderRecord] = {}
        self.events: list[OrderEventRecord] = []
        self.trades: list[TradeRecord] = []
        self.books: dict[BookKey, Book] = {}
        self.outbox: list[OutboxRow] = []
        self.audit: list[AuditRow] = []
        self._config_sequences: dict[str, int] = {}
        self._request_keys: dict[str, str] = {}
        self._effects: list[Callable[[], None]] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.events

    def order(self, order_id: str | None) -> OrderRecord | None:
        """An order as this draft leaves it."""
        if order_id is None:
            return None
        return self.orders.get(order_id) or self.state.orders.get(order_id)

    def find(self, *, broker_order_id: str = "", tag: str = "", request_key: str = "") -> OrderRecord | None:
        """The order that the broker or a caller names so."""
        order_id = self._request_keys.get(request_key) or self.state.find_id(
            broker_order_id=broker_order_id, tag=tag, request_key=request_key
        )
        return self.order(order_id)

    def working(self) -> Iterator[OrderRecord]:
        """Every order that has not ended, as this draft leaves it."""
        for order_id, order in self.state.working.items():
            if order_id not in self.orders:
                yield order
        yield from [order for order in self.orders.values() if not order.state.is_terminal]

    def exposure(self, config_id: str | None) -> Exposure:
        """A strategy's book and working orders; for a person (None) those of the whole account."""
        keys = {key for key in (*self.state.books, *self.books) if key.config_id == (config_id or "")}
        positions = [self.book(key).position for key in keys]
        return Exposure(positions, [o for o in self.working() if config_id is None or o.config_id == config_id])

    def book(self, key: BookKey) -> Book:
        """One line of the books."""
        return self.books.get(key) or self.state.books.get(key) or empty_book(self.state.account_id, key)

    def admit(self, order: OrderRecord, kind: EventKind, audit: AuditRow) -> OrderRecord:
        """A new order."""
        self.new_order_ids.add(order.order_id)
        self._request_keys[order.request_key] = order.order_id
        self.audit.append(audit)
        return self._put(order, kind)

    def update(self, order: OrderRecord, kind: EventKind, **changes: Any) -> OrderRecord:
        """An order changes; raises `IllegalTransitionError` where the table does not know the change of state."""
        check_transition(order.state, changes.get("state", order.state))
        return self._put(replace(order, updated_at=self.now, **changes), kind)

    def fill(self, order: OrderRecord, kind: EventKind, trade: TradeRecord, **changes: Any) -> OrderRecord:
        """An order's cumulative fill grew (`changes` come from the table): trade, books, event."""
        self.trades.append(trade)
        for key in keys_of(trade):
            self.books[key] = self.book(key).with_trade(trade)
        return self._put(replace(order, updated_at=self.now, **changes), kind, trade)

    def then(self, effect: Callable[[], None]) -> None:
        """Do this after the commit, in order."""
        self._effects.append(effect)

    def apply(self) -> None:
        """It is committed: bring the state up to it."""
        for trade in self.trades:
            self.state.put_trade(trade)
        for order in self.orders.values():
            self.state.put_order(order)
        self.state.books.update(self.books)
        self.state.sequence += len(self.events)
        self.state.config_sequences.update(self._config_sequences)

    def run_effects(self) -> None:
        """Let happen in the world what was decided; after `apply`."""
        for effect in self._effects:
            effect()

    def _put(self, order: OrderRecord, kind: EventKind, trade: TradeRecord | None = None) -> OrderRecord:
        self.orders[order.order_id] = order
        self.events.append(
            OrderEventRecord(
                account_id=order.account_id,
                sequence=self.state.sequence + len(self.events) + 1,
                config_id=order.config_id,
                config_sequence=self._next_config_sequence(order.config_id),
                kind=kind,
                order=order,
                trade=trade,
            )
        )
        if (notice := notice_of(kind, order, trade)) is not None:
            self.outbox.append(OutboxRow(notice.type, notice.dedupe_key, notice.payload(order)))
        return order

    def _next_config_sequence(self, config_id: str | None) -> int | None:
        if config_id is None:
            return None
        last = self._config_sequences.get(config_id, self.state.config_sequences.get(config_id, 0))
        self._config_sequences[config_id] = last + 1
        return last + 1
