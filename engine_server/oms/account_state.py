"""Everything the single writer of an account works with, in memory. It changes only after a commit (`draft.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from engine_server.broker.port import OrderChange, OrderTicket, SentBefore
from engine_server.oms.domain.books import Book, BookKey
from engine_server.oms.domain.holds import Hold, HoldKey
from engine_server.oms.domain.resending import is_unsent_exit
from engine_server.oms.domain.resolution import UnknownBefore, Unresolved
from engine_server.oms.domain.risk.activity import Activity, intent_of
from engine_server.oms.domain.risk.margin_figures import MarginFigures
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.records import ZERO, GuardRecord, OrderRecord, TradeRecord
from engine_server.oms.vitals import Vitals

# The broker's book is of the current day; an older terminal order can no longer be reported.
KEEP_ENDED = timedelta(days=1)


@dataclass
class CancelWish:
    """A cancel that must reach the broker: how often it was sent, when it is due (monotonic), whether it is on its way."""

    attempts: int = 0
    due_at: float = 0.0
    in_flight: bool = False


@dataclass
class ChangeWish:
    """A change that must reach the broker once. `change` is None where an earlier engine asked for it. Times are monotonic."""

    change: OrderChange | None
    in_flight: bool = False
    answered_at: float | None = None
    clean_reads: int = 0

    @property
    def is_due(self) -> bool:
        """Whether it has still to be sent."""
        return self.change is not None and not self.in_flight and self.answered_at is None


@dataclass(frozen=True)
class Waiting:
    """An order that waits to be sent: for the pacer, and for orders of ours to end (`after`) that it must not meet."""

    ticket: OrderTicket
    after: frozenset[str] = frozenset()


@dataclass
class Stages:
    """When (monotonic) one order was asked for, committed, and sent."""

    received_at: float
    committed_at: float
    sent_at: float | None = None


@dataclass
class AccountState:
    """Orders, books and sequences of one account."""

    account_id: str
    sequence: int = 0
    config_sequences: dict[str, int] = field(default_factory=dict)
    orders: dict[str, OrderRecord] = field(default_factory=dict)
    working: WorkingOrders = field(default_factory=WorkingOrders)
    booked_values: dict[str, Decimal] = field(default_factory=dict)
    trade_count: int = 0  # since this engine started: whether anything was filled meanwhile
    books: dict[BookKey, Book] = field(default_factory=dict)
    holds: dict[HoldKey, Hold] = field(default_factory=dict)
    # (instrument, product): how many more units our books have than the broker, where the last comparison has found that confirmed.
    # Ours and the broker's move together with our own fills, so it stays true between two comparisons; a booking by hand moves it.
    excess: Mapping[tuple[str, str], int] = field(default_factory=dict)
    compare_soon: asyncio.Event = field(
        default_factory=asyncio.Event
    )  # `excess` is worth another look at the broker's positions
    guards: dict[str, GuardRecord] = field(default_factory=dict)
    # Admitted and waiting for the pacer, oldest first: what will be sent.
    pending: dict[str, Waiting] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)  # orders whose id at the broker a report of it has named
    unresolved: dict[str, Unresolved] = field(default_factory=dict)
    sent_before: SentBefore = field(default_factory=SentBefore)  # by earlier owners, when it was loaded
    unknown_before: Mapping[str, UnknownBefore] = field(default_factory=dict)  # as it was loaded
    unsent_exits: set[str] = field(default_factory=set)  # they may go again
    stages: dict[str, Stages] = field(default_factory=dict)
    cancels: dict[str, CancelWish] = field(default_factory=dict)
    changes: dict[str, ChangeWish] = field(default_factory=dict)
    activity: Activity = field(default_factory=Activity)
    margins: MarginFigures = field(default_factory=MarginFigures)
    vitals: Vitals = field(default_factory=Vitals)
    _by_tag: dict[str, str] = field(default_factory=dict)
    _by_broker_id: dict[str, str] = field(default_factory=dict)
    _by_request_key: dict[str, str] = field(default_factory=dict)

    def put_order(self, order: OrderRecord) -> None:
        """Take the newest version of an order in."""
        before = self.orders.get(order.order_id)
        if before is not None and before.broker_order_id not in (None, order.broker_order_id):
            self._forget_broker_id(before)
        self.orders[order.order_id] = order
        self.working.put(order)
        self._by_tag[order.tag] = order.order_id
        self._by_request_key[order.request_key] = order.order_id
        if order.broker_order_id:
            self._by_broker_id[order.broker_order_id] = order.order_id
        if order.state is not OrderState.UNKNOWN:
            self.unresolved.pop(order.order_id, None)
        if order.state.is_terminal:
            self.margins.changed()
            self._note_unsent(order)
            self.stages.pop(order.order_id, None)
            self.changes.pop(order.order_id, None)
            self.pending.pop(order.order_id, None)
            # What was given up as not placed may surface at the broker, and is cancelled there then.
            if order.state is not OrderState.NOT_PLACED:
                self.cancels.pop(order.order_id, None)

    def _note_unsent(self, order: OrderRecord) -> None:
        if is_unsent_exit(order):
            self.unsent_exits.add(order.order_id)
        else:
            self.unsent_exits.discard(order.order_id)

    def put_trade(self, trade: TradeRecord) -> None:
        """Remember what is booked of an order."""
        self.trade_count += 1
        self.margins.changed()
        self.booked_values[trade.order_id] = self.booked_value(trade.order_id) + trade.price * trade.quantity
        self.activity.count_trade(trade.config_id)

    def booked_value(self, order_id: str) -> Decimal:
        """Rupees booked as trades of an order."""
        return self.booked_values.get(order_id, ZERO)

    def find_id(self, *, broker_order_id: str = "", tag: str = "", request_key: str = "") -> str | None:
        """The id of the order that the broker, or a caller, names so. The broker's id goes before the tag."""
        return self._by_broker_id.get(broker_order_id) or self._by_tag.get(tag) or self._by_request_key.get(request_key)

    def forget_ended(self, now: datetime) -> int:
        """Drop terminal orders that nobody will report any more; how many."""
        old = [o for o in self.orders.values() if o.state.is_terminal and now - o.updated_at > KEEP_ENDED]
        for order in old:
            self._forget(order)
        return len(old)

    def _forget(self, order: OrderRecord) -> None:
        del self.orders[order.order_id]
        self.unsent_exits.discard(order.order_id)
        self.confirmed.discard(order.order_id)
        self.booked_values.pop(order.order_id, None)
        self.cancels.pop(order.order_id, None)
        self._by_tag.pop(order.tag, None)
        self._by_request_key.pop(order.request_key, None)
        self._forget_broker_id(order)

    def _forget_broker_id(self, order: OrderRecord) -> None:
        if self._by_broker_id.get(order.broker_order_id or "") == order.order_id:
            del self._by_broker_id[order.broker_order_id or ""]


def loaded_state(
    account_id: str,
    *,
    sequence: int,
    config_sequences: Mapping[str, int],
    orders: Iterable[tuple[OrderRecord, Decimal]],
    books: Iterator[tuple[BookKey, Book]],
    holds: Iterable[Hold] = (),
    guards: Iterable[GuardRecord] = (),
    unknown: Mapping[str, UnknownBefore] | None = None,
    sent: SentBefore | None = None,
) -> AccountState:
    """The state as PostgreSQL has it; `orders` come with the value booked of each."""
    state = AccountState(account_id, sequence=sequence, config_sequences=dict(config_sequences), books=dict(books))
    state.holds = {hold.key: hold for hold in holds}
    state.guards = {guard.guard_id: guard for guard in guards}
    state.unknown_before = unknown or {}
    state.sent_before = sent or SentBefore()
    for order, booked in orders:
        state.put_order(order)
        state.booked_values[order.order_id] = booked
    _count_loaded(state)
    return state


def _count_loaded(state: AccountState) -> None:
    """What the counters of the engine before had."""
    for order in sorted(state.orders.values(), key=lambda order: order.created_at):
        if order.state is not OrderState.DENIED:
            state.activity.count(intent_of(order))
            if order.filled_quantity:
                state.activity.count_trade(order.config_id)
