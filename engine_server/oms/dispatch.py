"""What goes to the broker, and when: cancels before placements, older before newer, never faster than the pacer allows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Protocol

from engine_server.broker.port import OrderTicket
from engine_server.oms.account_state import AccountState, CancelWish
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import Draft
from engine_server.oms.events import EventKind
from engine_server.oms.pacer import Pacer
from engine_server.oms.records import OrderRecord
from tradewinds.clock import Clock


class Sending(Protocol):
    """The way out: each call is one message, begun at once and answered later."""

    def place(self, order: OrderRecord, ticket: OrderTicket) -> None:
        """Send a committed order, once."""
        ...

    def cancel(self, order: OrderRecord) -> None:
        """Ask for a cancel, once."""
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

    def release(self, draft: Draft) -> None:
        """Use this draft's permits for what has waited: due cancels, then pending orders, oldest first."""
        for order_id in self._due_cancels(draft):
            if draft.permits <= 0:
                return
            draft.permits -= 1
            draft.then(partial(self._send_cancel, order_id))
        for order_id, ticket in self._state.pending.items():
            if draft.permits <= 0:
                return
            order = draft.order(order_id)
            if order is not None and order.state is OrderState.PENDING_SUBMIT:
                self._submit(draft, order, ticket)

    def admit(self, draft: Draft, order: OrderRecord, ticket: OrderTicket) -> OrderRecord:
        """A new order goes with this commit if there is room, otherwise it waits its turn."""
        if draft.permits <= 0:
            draft.then(partial(self._state.pending.__setitem__, order.order_id, ticket))
            return order
        draft.permits -= 1
        draft.then(partial(self._send, order.order_id, ticket))
        return replace(order, state=OrderState.SUBMITTING, submitted_at=draft.market_now)

    def next_due_at(self, now: float) -> float | None:
        """When something that waits may go (monotonic); None when nothing waits."""
        wishes = [wish.due_at for order_id, wish in self._state.cancels.items() if self._is_sendable(order_id, wish)]
        if self._state.pending:
            wishes.append(now)
        return max(min(wishes), self._pacer.next_free_at(now)) if wishes else None

    def _submit(self, draft: Draft, order: OrderRecord, ticket: OrderTicket) -> None:
        draft.permits -= 1
        draft.update(order, EventKind.SUBMITTED, state=OrderState.SUBMITTING, submitted_at=draft.market_now)
        draft.then(partial(self._send, order.order_id, ticket))

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

    def _send(self, order_id: str, ticket: OrderTicket) -> None:
        self._state.pending.pop(order_id, None)
        self._pacer.record(self._clock.monotonic())
        self._sending.place(self._state.orders[order_id], ticket)

    def _send_cancel(self, order_id: str) -> None:
        wish = self._state.cancels.get(order_id)
        if wish is None or wish.in_flight:
            return
        wish.in_flight = True
        wish.attempts += 1
        self._pacer.record(self._clock.monotonic())
        self._sending.cancel(self._state.orders[order_id])
