"""What goes to the broker, and when: exits before cancels before changes before entries, older before newer, never faster than
the pacer allows. Entries and changes leave a reserve of it for exits and cancels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Protocol

import msgspec

from engine_server.broker.port import OrderChange, OrderTicket
from engine_server.oms.account_state import AccountState, CancelWish, Stages, Waiting
from engine_server.oms.cancelling import withdraw
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import Draft
from engine_server.oms.events import EventKind
from engine_server.oms.pacer import Pacer
from engine_server.oms.records import OrderRecord
from tradewinds.clock import Clock


class Sending(Protocol):
    """The way out: each call is one message, begun at once and answered later."""

    def prepare(self, ticket: OrderTicket) -> None:
        """It will be sent when its commit has come back."""
        ...

    def place(self, order: OrderRecord, ticket: OrderTicket) -> None:
        """Send a committed order, once."""
        ...

    def cancel(self, order: OrderRecord) -> None:
        """Ask for a cancel, once."""
        ...

    def modify(self, order: OrderRecord, change: OrderChange) -> None:
        """Ask for a change, once."""
        ...


class Dispatcher:
    """Gives permits to what waits. Decides in drafts; messages leave as their effects, after the commit."""

    def __init__(self, state: AccountState, pacer: Pacer, sending: Sending, clock: Clock) -> None:
        self._state = state
        self._pacer = pacer
        self._sending = sending
        self._clock = clock

    def permits(self) -> int:
        """How many messages may go now."""
        return self._pacer.available(self._clock.monotonic())

    def has_room(self, draft: Draft, order: OrderRecord) -> bool:
        """Whether a new order may go with this draft."""
        return draft.permits > self._reserve(order)

    def release(self, draft: Draft) -> None:
        """Use this draft's permits for what has waited."""
        self._release_pending(draft, exits=True)
        for order_id in self._due_cancels(draft):
            if draft.permits <= 0:
                return
            draft.permits -= 1
            draft.then(partial(self._send_cancel, order_id))
        for order_id, wish in self._state.changes.items():
            if draft.permits <= self._pacer.reserve:
                break
            if wish.is_due:
                draft.permits -= 1
                draft.then(partial(self._send_change, order_id))
        self._release_pending(draft, exits=False)

    def admit(
        self,
        draft: Draft,
        order: OrderRecord,
        ticket: OrderTicket,
        received_at: float | None = None,
        after: Collection[str] = (),
    ) -> OrderRecord:
        """A new order goes with this commit if there is room and nothing has to end first (`after`), otherwise it waits its turn."""
        draft.then(partial(self._committed, order.order_id, draft.monotonic if received_at is None else received_at))
        if after or not self.has_room(draft, order):
            waiting = Waiting(ticket, frozenset(after))
            draft.then(partial(self._state.pending.__setitem__, order.order_id, waiting))
            return order
        draft.permits -= 1
        self._send_after_commit(draft, order, ticket)
        return msgspec.structs.replace(order, state=OrderState.SUBMITTING, submitted_at=draft.market_now)

    def next_due_at(self, now: float) -> float | None:
        """When something that waits may go (monotonic); None when nothing waits but for orders to end."""
        urgent = [wish.due_at for order_id, wish in self._state.cancels.items() if self._is_sendable(order_id, wish)]
        ready = [self._state.orders[order_id] for order_id, one in self._state.pending.items() if self._is_free(one)]
        if any(order.is_exit for order in ready):
            urgent.append(now)
        due = [max(min(urgent), self._pacer.next_free_at(now))] if urgent else []
        if any(not order.is_exit for order in ready) or any(wish.is_due for wish in self._state.changes.values()):
            due.append(self._pacer.next_free_at(now, self._pacer.reserve))
        return min(due, default=None)

    def _release_pending(self, draft: Draft, *, exits: bool) -> None:
        for order_id, waiting in self._state.pending.items():
            order = draft.order(order_id)
            if order is None or order.is_exit is not exits or order.state is not OrderState.PENDING_SUBMIT:
                continue
            if not self.has_room(draft, order):
                return
            if self._has_cleared(draft, order, waiting):
                self._submit(draft, order, waiting)

    def _has_cleared(self, draft: Draft, order: OrderRecord, waiting: Waiting) -> bool:
        """Whether all that had to end has ended; where one cannot be ended, the order does not go."""
        for other_id in waiting.after:
            other = draft.order(other_id)
            if other is None or other.state.is_terminal:
                continue
            if not other.cancel_requested:
                withdraw(draft, order, "EXIT_BLOCKED", f"{other_id}, which it must not meet, could not be cancelled")
            return False
        return True

    def _submit(self, draft: Draft, order: OrderRecord, waiting: Waiting) -> None:
        ticket = waiting.ticket
        if order.is_exit:
            left = self._left_to_exit(draft, order)
            if left <= 0:
                withdraw(draft, order, "EXIT_EXCEEDS_OPEN", "while it waited, what it was to close was closed")
                return
            ticket = replace(ticket, quantity=min(order.quantity, left))
        draft.permits -= 1
        changes = {"state": OrderState.SUBMITTING, "submitted_at": draft.market_now, "quantity": ticket.quantity}
        draft.update(order, EventKind.SUBMITTED, **changes)
        self._send_after_commit(draft, order, ticket)

    @staticmethod
    def _left_to_exit(draft: Draft, order: OrderRecord) -> int:
        """What is still open for it: something may have closed it while it waited."""
        line = draft.open_line(order.config_id, order.instrument, order.product, order.side, without={order.order_id})
        return line.closable(order.side)

    def _is_free(self, waiting: Waiting) -> bool:
        orders = (self._state.orders.get(other) for other in waiting.after)
        return all(order is None or order.state.is_terminal for order in orders)

    def _reserve(self, order: OrderRecord) -> int:
        return 0 if order.is_exit else self._pacer.reserve

    def _due_cancels(self, draft: Draft) -> list[str]:
        return [
            order_id
            for order_id, wish in self._state.cancels.items()
            if wish.due_at <= draft.monotonic and self._is_sendable(order_id, wish)
        ]

    def _is_sendable(self, order_id: str, wish: CancelWish) -> bool:
        """A cancel needs the broker's id; an unanswered placement has none yet."""
        order = self._state.orders.get(order_id)
        return order is not None and not wish.in_flight and bool(order.broker_order_id)

    def _send_after_commit(self, draft: Draft, order: OrderRecord, ticket: OrderTicket) -> None:
        draft.meanwhile(partial(self._sending.prepare, ticket))
        draft.then(partial(self._send, order.order_id, ticket))

    def _send(self, order_id: str, ticket: OrderTicket) -> None:
        self._state.pending.pop(order_id, None)
        if (stages := self._state.stages.get(order_id)) is not None:
            stages.sent_at = self._clock.monotonic()
        self._pacer.record(self._clock.monotonic())
        self._sending.place(self._state.orders[order_id], ticket)

    def _committed(self, order_id: str, received_at: float) -> None:
        self._state.stages[order_id] = Stages(received_at, self._clock.monotonic())

    def _send_cancel(self, order_id: str) -> None:
        wish = self._state.cancels.get(order_id)
        if wish is None or wish.in_flight:
            return
        wish.in_flight = True
        wish.attempts += 1
        self._pacer.record(self._clock.monotonic())
        self._sending.cancel(self._state.orders[order_id])

    def _send_change(self, order_id: str) -> None:
        wish = self._state.changes.get(order_id)
        if wish is None or wish.change is None or not wish.is_due:
            return
        wish.in_flight = True
        self._pacer.record(self._clock.monotonic())
        self._sending.modify(self._state.orders[order_id], wish.change)
