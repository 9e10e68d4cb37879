"""What one commit writes: decisions read and change a draft; the account's state follows only when it is committed.

A draft can be thrown away and made again (a guard refused one of its requests): so decisions have no effect but on it,
and what must happen in the world is registered with `then` and runs after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.books import Book, BookKey, empty_book, keys_of
from engine_server.oms.domain.exits import OpenLine
from engine_server.oms.domain.holds import Hold, HoldKey
from engine_server.oms.domain.risk.activity import Intent
from engine_server.oms.domain.risk.exposure import Exposure
from engine_server.oms.domain.states import check_transition
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.events import EventKind
from engine_server.oms.notices import notice_of
from engine_server.oms.records import GuardRecord, OrderEventRecord, OrderRecord, TradeRecord

ENDED_GUARDS = ("DONE", "CANCELLED")


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
    before: dict[str, Any] | None = None


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
        self.attributed: list[TradeRecord] = []
        self.books: dict[BookKey, Book] = {}
        self.excess: Mapping[tuple[str, str], int] = state.excess  # replaced as a whole
        self.holds: dict[HoldKey, Hold | None] = {}  # None: released
        self.guards: dict[str, GuardRecord] = {}
        self.outbox: list[OutboxRow] = []
        self.audit: list[AuditRow] = []
        self.intents: list[Intent] = []
        self._heard_from = ""
        self._working: WorkingOrders | None = None  # made when somebody asks after the first change
        self._config_sequences: dict[str, int] = {}
        self._request_keys: dict[str, str] = {}
        self._preparations: list[Callable[[], None]] = []
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
        if order_id is None and broker_order_id:  # adopted in this very draft
            order_id = self._request_keys.get(f"external/{self.state.account_id}/{broker_order_id}")
        return self.order(order_id)

    def working(self) -> WorkingOrders:
        """Every order that has not ended, as this draft leaves it: changes with it."""
        if self._working is None:
            if not self.orders:
                return self.state.working
            self._working = self.state.working.with_changes(self.orders.values())
        return self._working

    def exposure(self, config_id: str | None) -> Exposure:
        """A strategy's book and working orders; for a person (None) those of the whole account."""
        keys = {key for key in (*self.state.books, *self.books) if key.config_id == (config_id or "")}
        positions = [self.book(key).position for key in keys]
        working = self.working()
        if config_id is not None:
            working = WorkingOrders(order for order in working if order.config_id == config_id)
        return Exposure(positions, working)

    def open_line(
        self, config_id: str | None, instrument: str, product: str, side: str, *, without: Collection[str] = ()
    ) -> OpenLine:
        """What an exit on `side` of a strategy (or, None, of a person: of the whole account) finds open, the orders in `without` left
        out."""
        nets = {key.config_id: book.position.net_quantity for key, book in self.lines(instrument, product)}
        total = nets.pop("", 0)
        own = total if config_id is None else nets.get(config_id, 0)
        is_open = own < 0 if side == "BUY" else own > 0
        # Where nothing is open nothing can be closed twice, and entries are spared the search.
        exiting = self._exiting(config_id, instrument, product, side, without) if is_open else 0
        unowned = 0 if config_id is None else total - sum(nets.values())
        # What our books have and the broker has not cannot be closed there: it would be opened the other way round.
        return OpenLine(own, unowned - self.excess.get((instrument, product), 0), exiting)

    def _exiting(
        self, config_id: str | None, instrument: str, product: str, side: str, without: Collection[str]
    ) -> int:
        return sum(
            order.remaining
            for order in self.working().on(instrument, side)
            if order.product == product
            and (config_id is None or order.config_id in (config_id, None))
            and (order.is_exit or order.config_id == config_id)
            and order.order_id not in without
        )

    def lines(self, instrument: str, product: str) -> list[tuple[BookKey, Book]]:
        """Every book's line of an instrument and product, the account's total ('') included."""
        keys = {k for k in (*self.state.books, *self.books) if (k.instrument, k.product) == (instrument, product)}
        return [(key, self.book(key)) for key in keys]

    def book(self, key: BookKey) -> Book:
        """One line of the books."""
        return self.books.get(key) or self.state.books.get(key) or empty_book(self.state.account_id, key)

    def admit(self, order: OrderRecord, kind: EventKind, audit: AuditRow | None = None) -> OrderRecord:
        """A new order."""
        self._is_new(order, audit)
        return self._put(order, kind)

    def book_trade(self, order: OrderRecord, trade: TradeRecord, audit: AuditRow | None = None) -> OrderRecord:
        """A new order that is filled already: a booking."""
        self._is_new(order, audit)
        return self.fill(order, EventKind.BOOKED, trade)

    def _is_new(self, order: OrderRecord, audit: AuditRow | None) -> None:
        self.new_order_ids.add(order.order_id)
        self._request_keys[order.request_key] = order.order_id
        if audit is not None:
            self.audit.append(audit)

    def update(self, order: OrderRecord, kind: EventKind, **changes: Any) -> OrderRecord:
        """An order changes; raises `IllegalTransitionError` where the table does not know the change of state."""
        check_transition(order.state, changes.get("state", order.state))
        return self._put(msgspec.structs.replace(order, updated_at=self.now, **changes), kind)

    def fill(self, order: OrderRecord, kind: EventKind, trade: TradeRecord, **changes: Any) -> OrderRecord:
        """An order's cumulative fill grew (`changes` come from the table): trade, books, event."""
        self.trades.append(trade)
        for key in keys_of(trade):
            self.books[key] = self.book(key).with_trade(trade)
        return self._put(msgspec.structs.replace(order, updated_at=self.now, **changes), kind, trade)

    def attribute(self, order: OrderRecord, trade: TradeRecord) -> OrderRecord:
        """A trade that the account's total has already belongs to its order's strategy: its book takes it, and it is told."""
        trade = replace(trade, config_id=order.config_id)
        self.attributed.append(trade)
        key = keys_of(trade)[-1]
        self.books[key] = self.book(key).with_trade(trade)
        return self._put(order, EventKind.ATTRIBUTED, trade)

    def every_hold(self) -> list[Hold]:
        """What holds entries, as this draft leaves it."""
        merged: dict[HoldKey, Hold | None] = {**self.state.holds, **self.holds}
        return [hold for hold in merged.values() if hold is not None]

    def hold(self, hold: Hold) -> bool:
        """Hold entries; False where that is so already."""
        if self.holds.get(hold.key, self.state.holds.get(hold.key)) is not None:
            return False
        self.holds[hold.key] = hold
        self._note(EventKind.HELD, {"instrument": hold.instrument, "hold": hold.kind, "message": hold.message})
        return True

    def let_go(self, hold: Hold, why: str) -> None:
        """Entries may go again, as far as this hold is concerned."""
        self.holds[hold.key] = None
        self._note(EventKind.RELEASED, {"instrument": hold.instrument, "hold": hold.kind, "message": why})

    def guard(self, guard_id: str | None) -> GuardRecord | None:
        """A guard as this draft leaves it."""
        return self.guards.get(guard_id or "") or self.state.guards.get(guard_id or "")

    def living_guards(self) -> list[GuardRecord]:
        """Every guard that has not ended, as this draft leaves it."""
        merged = {**self.state.guards, **self.guards}
        return [guard for guard in merged.values() if guard.state not in ENDED_GUARDS]

    def put_guard(self, guard: GuardRecord) -> GuardRecord:
        """A guard is made or changes."""
        guard = replace(guard, updated_at=self.now)
        self.guards[guard.guard_id] = guard
        self._note(
            EventKind.GUARD_CHANGED, {"guard_id": guard.guard_id, "state": guard.state, "message": guard.message}
        )
        return guard

    @contextmanager
    def heard_from(self, whom: str) -> Iterator[None]:
        """What is put in this block is known from there: the order's story says so."""
        before, self._heard_from = self._heard_from, whom
        try:
            yield
        finally:
            self._heard_from = before

    def tell(self, notice: OutboxRow) -> None:
        """Something that no order's event tells."""
        self.outbox.append(notice)

    def then(self, effect: Callable[[], None]) -> None:
        """Do this after the commit, in order."""
        self._effects.append(effect)

    def meanwhile(self, preparation: Callable[[], None]) -> None:
        """Do this while the commit is on its way: nothing that anybody could see."""
        self._preparations.append(preparation)

    def run_preparations(self) -> None:
        """Use the time of the commit."""
        for preparation in self._preparations:
            preparation()

    def apply(self) -> None:
        """It is committed: bring the state up to it."""
        for intent in self.intents:
            self.state.activity.count(intent)
            self.state.margins.commit(intent)
        for trade in self.trades:
            self.state.put_trade(trade)
        for order in self.orders.values():
            self.state.put_order(order)
        self.state.books.update(self.books)
        self.state.excess = self.excess
        for hold_key, hold in self.holds.items():
            if hold is None:
                self.state.holds.pop(hold_key, None)
            else:
                self.state.holds[hold_key] = hold
        for guard in self.guards.values():
            if guard.state in ENDED_GUARDS:
                self.state.guards.pop(guard.guard_id, None)
            else:
                self.state.guards[guard.guard_id] = guard
        self.state.sequence += len(self.events)
        self.state.config_sequences.update(self._config_sequences)

    def run_effects(self) -> None:
        """Let happen in the world what was decided; after `apply`."""
        for effect in self._effects:
            effect()

    def _put(self, order: OrderRecord, kind: EventKind, trade: TradeRecord | None = None) -> OrderRecord:
        self.orders[order.order_id] = order
        if self._working is not None:
            self._working.put(order)
        self.events.append(
            OrderEventRecord(
                account_id=order.account_id,
                sequence=self._next_sequence(),
                config_id=order.config_id,
                config_sequence=self._next_config_sequence(order.config_id),
                kind=kind,
                order=order,
                trade=trade,
                note={"from": self._heard_from} if self._heard_from else None,
            )
        )
        if (notice := notice_of(kind, order, trade)) is not None:
            self.outbox.append(OutboxRow(notice.type, notice.dedupe_key, notice.payload(order)))
        return order

    def _note(self, kind: EventKind, note: dict[str, Any]) -> None:
        """A line about no order."""
        self.events.append(
            OrderEventRecord(
                account_id=self.state.account_id,
                sequence=self._next_sequence(),
                config_id=None,
                config_sequence=None,
                kind=kind,
                order=None,
                note=note,
            )
        )

    def _next_sequence(self) -> int:
        return self.state.sequence + len(self.events) + 1

    def _next_config_sequence(self, config_id: str | None) -> int | None:
        if config_id is None:
            return None
        last = self._config_sequences.get(config_id, self.state.config_sequences.get(config_id, 0))
        self._config_sequences[config_id] = last + 1
        return last + 1
