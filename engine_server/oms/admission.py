"""Whether an order is admitted: repeated, denied, or committed as an intent that will be sent once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import msgspec

from engine_server.broker.port import OrderTicket
from engine_server.oms.cancelling import clear_away
from engine_server.oms.dispatch import Dispatcher
from engine_server.oms.domain import exits
from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.exits import OpenLine
from engine_server.oms.domain.holds import denial_of_entry
from engine_server.oms.domain.resending import id_of_next, key_of_next
from engine_server.oms.domain.risk.activity import intent_of
from engine_server.oms.domain.risk.repetition import RUNAWAY
from engine_server.oms.domain.risk.rules import first_denial
from engine_server.oms.domain.slicing import denial_of_slices, slices
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.tags import Tags, attempt_mark
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.events import EventKind
from engine_server.oms.records import OrderRecord
from engine_server.oms.risk_view import RiskBoard, view_of
from tradewinds.errors import RequestIdReusedError
from tradewinds.ids import IdFactory
from tradewinds.instruments import Instrument

# At 9 a second this many take most of a minute; a market has moved on by then.
MAXIMUM_PENDING = 500


@dataclass(frozen=True)
class Admission:
    """Decides over placements of one account."""

    tags: Tags
    dispatcher: Dispatcher
    new_id: IdFactory
    board: RiskBoard
    ran_away: Callable[[str, Denial], None] = lambda _config_id, _denial: None

    def place(self, command: PlaceOrder, draft: Draft) -> OrderRecord:
        """The order as it is after this draft; the same request returns the same order.

        Raises `RequestIdReusedError` when the request_id was used for another order.
        """
        first = draft.find(request_key=command.request_key)
        if first is not None:
            return repeated(command, first)
        line = _open_line(draft, command)
        order = self._intent(draft, command, is_exit=exits.is_exit(command, line))
        denial = self._denial(draft, command, line if order.is_exit else None)
        if denial is not None:
            if denial.reason == RUNAWAY and order.config_id is not None:
                draft.then(partial(self.ran_away, order.config_id, denial))
            denied = msgspec.structs.replace(
                order, state=OrderState.DENIED, reason=denial.reason, message=denial.message
            )
            return draft.admit(denied, EventKind.DENIED, _audit(denied, command, "order.deny"))
        after = [other.order_id for other in self._in_its_way(draft, order)]
        draft.intents.append(intent_of(order))
        first, *others = self._attempts(order, command)
        admitted = self._admit(draft, command, first, after)
        for other in others:
            self._admit(draft, command, other, after)
        return admitted

    def again(
        self, draft: Draft, order: OrderRecord, instrument: Instrument, price: Decimal, quantity: int, number: int
    ) -> OrderRecord:
        """A new attempt, of this number, at the intent of an exit that never reached the broker."""
        attempt = msgspec.structs.replace(
            order,
            order_id=self.new_id("ord"),
            request_id=id_of_next(order),
            request_key=key_of_next(order),
            quantity=quantity,
            price=price,
            state=OrderState.PENDING_SUBMIT,
            reason="",
            message=f"attempt {number}: {order.order_id} never reached the broker",
            attempt=number,
            tag=self.tags.of(order.intent_id, attempt_mark(number)),
            created_at=draft.now,
            updated_at=draft.now,
            submitted_at=None,
            unique_order_id=None,
            admitted_us=None,
            released_us=None,
            answered_us=None,
        )
        after = [other.order_id for other in self._in_its_way(draft, attempt)]
        ticket = ticket_of(attempt, instrument, price)
        attempt = self.dispatcher.admit(draft, attempt, ticket, draft.monotonic, after)
        what = {
            "intent_id": order.intent_id,
            "attempt": number,
            "quantity": quantity,
            "price": price,
            "tag": attempt.tag,
        }
        audit = AuditRow("oms", "order.send_again", attempt.order_id, f"{order.order_id}: {order.reason}", what)
        return draft.admit(attempt, EventKind.PLACED, audit)

    def _attempts(self, order: OrderRecord, command: PlaceOrder) -> list[OrderRecord]:
        """The order, in as many attempts as the exchange's freeze quantity makes of it. The first has the caller's request id."""
        first, *others = slices(order.quantity, command.instrument)
        attempts = [msgspec.structs.replace(order, quantity=first) if others else order]
        for number, quantity in enumerate(others, start=2):
            attempt = msgspec.structs.replace(
                order,
                order_id=self.new_id("ord"),
                request_id=f"{order.request_id}#{number}",
                request_key=f"{order.request_key}#{number}",
                quantity=quantity,
                attempt=number,
                tag=self.tags.of(order.order_id, attempt_mark(number)),
            )
            attempts.append(attempt)
        return attempts

    def _admit(self, draft: Draft, command: PlaceOrder, order: OrderRecord, after: list[str]) -> OrderRecord:
        order = self.dispatcher.admit(draft, order, _ticket(order, command), command.received_at, after)
        return draft.admit(order, EventKind.PLACED, _audit(order, command, "order.place"))

    @staticmethod
    def _in_its_way(draft: Draft, order: OrderRecord) -> list[OrderRecord]:
        """Orders of ours that an exit must not meet, which are cancelled first: resting entries that it would trade with, and the
        guard's exit of the same position (one owner of an exit at a time)."""
        if not order.is_exit:
            return []
        found = [other for other in draft.working() if exits.is_in_the_way(order, other)]
        for other in found:
            clear_away(draft, other)
        return found

    def _denial(self, draft: Draft, command: PlaceOrder, exiting: OpenLine | None) -> Denial | None:
        waiting = len(draft.state.pending) + len(draft.new_order_ids)
        if draft.permits <= 0 and waiting >= MAXIMUM_PENDING:
            return Denial("RATE_LIMITED", f"{waiting} orders wait for the broker's rate limit already; try again later")
        if exiting is not None:
            beyond = exits.denial_of_exit(command, exiting)
        else:
            beyond = denial_of_entry(command.instrument.key, draft.every_hold(), draft.working().unknown)
        beyond = beyond or denial_of_slices(command.request.quantity, command.instrument)
        return beyond or first_denial(command, view_of(draft, command, self.board, is_exit=exiting is not None))

    def _intent(self, draft: Draft, command: PlaceOrder, *, is_exit: bool) -> OrderRecord:
        request, order_id = command.request, self.new_id("ord")
        return OrderRecord(
            order_id=order_id,
            account_id=command.account_id,
            user_id=command.user_id,
            config_id=request.config_id,
            epoch=request.epoch,
            request_key=command.request_key,
            request_id=request.request_id,
            body_sha256=command.body_sha256,
            instrument=command.instrument.key,
            side=request.side,
            quantity=request.quantity,
            order_type=request.order_type,
            product=request.product,
            price=command.price,
            trigger_price=request.trigger_price,
            state=OrderState.PENDING_SUBMIT,
            intent_id=order_id,
            is_exit=is_exit,
            tag=self.tags.of(order_id),
            created_at=draft.now,
            updated_at=draft.now,
        )


def repeated(command: PlaceOrder, first: OrderRecord) -> OrderRecord:
    """The answer to a request_id that was used before."""
    if first.body_sha256 != command.body_sha256:
        raise RequestIdReusedError(
            f"request_id {command.request.request_id!r} was used before for another order ({first.order_id}); take a new one"
        )
    return first


def _open_line(draft: Draft, command: PlaceOrder) -> OpenLine:
    request = command.request
    key, side = command.instrument.key, request.side
    guarding = draft.working() if draft.living_guards() else ()
    guards = {order.order_id for order in guarding if order.origin == "GUARD"}
    return draft.open_line(request.config_id, key, request.product, side, without=guards)


def _ticket(order: OrderRecord, command: PlaceOrder) -> OrderTicket:
    price = command.price
    if price is None:
        raise AssertionError("an order without a price is denied")
    return ticket_of(order, command.instrument, price)


def ticket_of(order: OrderRecord, instrument: Instrument, price: Decimal) -> OrderTicket:
    """What is sent of an order."""
    return OrderTicket(
        tag=order.tag,
        instrument=instrument,
        side=order.side,
        quantity=order.quantity,
        order_type="SL" if order.order_type == "SL" else "LIMIT",
        product=order.product,
        price=price,
        trigger_price=order.trigger_price,
    )


def _audit(order: OrderRecord, command: PlaceOrder, action: str) -> AuditRow:
    after = {
        "instrument": order.instrument,
        "side": order.side,
        "quantity": order.quantity,
        "order_type": order.order_type,
        "product": order.product,
        "price": order.price,
        "trigger_price": order.trigger_price,
        "state": order.state,
        "tag": order.tag,
    }
    why = order.message or command.request.reason
    return AuditRow(command.request.actor, action, order.order_id, why, after, source=command.request.source)
