"""A wish to change a working order, and what becomes of it.

The broker's "yes" means that it took the request; only its books tell whether the order is changed. So a change is settled by
what is reported after the answer, clear or unclear, and it is never sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from engine_server.broker.port import NotSent, OrderChange, OrderReport, Outcome, Refused
from engine_server.oms.account_state import AccountState, ChangeWish
from engine_server.oms.domain import exits
from engine_server.oms.domain.commands import Denial, ModifyOrder
from engine_server.oms.domain.holds import denial_of_entry
from engine_server.oms.domain.risk.rules import first_denial
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.events import EventKind
from engine_server.oms.not_found import no_order
from engine_server.oms.records import OrderRecord
from engine_server.oms.risk_view import RiskBoard, view_of
from tradewinds.errors import InvalidArgumentError, PreconditionError

# A change that the books do not show by then was not made. The exchange confirms within a second or two.
SETTLE_SECONDS = 10.0
SETTLE_READS = 3

_CHANGEABLE = (OrderState.OPEN, OrderState.PARTIALLY_FILLED)


def request_modify(command: ModifyOrder, board: RiskBoard, draft: Draft) -> OrderRecord:
    """Record the wish; the dispatcher sends it. Raises `NotFoundError`, `InvalidArgumentError`, and `PreconditionError`
    (ORDER_ENDED, ORDER_NOT_WORKING, CHANGE_PENDING, or a risk rule's reason)."""
    order = draft.order(command.order_id)
    if order is None or (command.config_id and order.config_id != command.config_id):
        raise no_order(command.order_id)
    _check_changeable(order, command)
    change = change_of(order, command)
    if _is_as_it_is(order, change):
        return order
    denial = _denial(order, command, board, draft)
    if denial is not None:
        raise PreconditionError(f"the change is denied: {denial.message}", reason=denial.reason)
    before = {"quantity": order.quantity, "price": order.price, "trigger_price": order.trigger_price}
    after = {
        "quantity": change.quantity,
        "price": change.price,
        "trigger_price": change.trigger_price,
        "tag": order.tag,
    }
    draft.audit.append(
        AuditRow(
            command.actor, "order.modify", order.order_id, command.reason, after, source=command.source, before=before
        )
    )
    return wish_change(draft, order, change)


def wish_change(draft: Draft, order: OrderRecord, change: OrderChange) -> OrderRecord:
    """The wish itself, for whoever has checked it."""
    draft.then(partial(draft.state.changes.__setitem__, order.order_id, ChangeWish(change)))
    return draft.update(order, EventKind.MODIFY_REQUESTED, modify_requested=True)


def change_of(order: OrderRecord, command: ModifyOrder) -> OrderChange:
    """Everything that the order shall be, said again: the broker replaces, it does not merge."""
    price = command.price if command.price is not None else order.price
    if price is None or order.broker_order_id is None:
        raise AssertionError("an order that works at the broker has an id and a price")
    return OrderChange(
        broker_order_id=order.broker_order_id,
        instrument=command.instrument,
        order_type="SL" if order.order_type == "SL" else "LIMIT",
        product=order.product,
        quantity=command.quantity if command.quantity is not None else order.quantity,
        price=price,
        trigger_price=command.trigger_price if command.trigger_price is not None else order.trigger_price,
    )


def modify_answered(order_id: str, outcome: Outcome, read_books: Callable[[], None], draft: Draft) -> None:
    """The answer to one change."""
    order, wish = draft.order(order_id), draft.state.changes.get(order_id)
    if order is None or wish is None or not order.modify_requested:
        return
    if isinstance(outcome, Refused | NotSent):
        why = f"{outcome.code}: {outcome.message}" if isinstance(outcome, Refused) else outcome.message
        _failed(draft, order, why)
    else:
        draft.then(partial(_answered, wish, draft.monotonic))
    draft.then(read_books)


def settle_change(draft: Draft, order: OrderRecord, report: OrderReport, begun_at: float | None) -> OrderRecord:
    """What a report tells of a pending change. `begun_at` is when the read of it began; None for the stream, which may be late
    but cannot show what was never asked for."""
    wish = draft.state.changes.get(order.order_id)
    if wish is None or not order.modify_requested:
        return order
    if wish.change is not None and _shows(report, wish.change):
        return _modified(draft, order, report)
    if begun_at is None or wish.answered_at is None or begun_at < wish.answered_at:
        return order
    reads = wish.clean_reads + 1
    draft.then(partial(setattr, wish, "clean_reads", reads))
    if wish.change is None:  # asked for by an engine that is gone: the book says what came of it
        return (
            _failed(draft, order, "the engine stopped while it was asked for")
            if _shows_order(report, order)
            else _modified(draft, order, report)
        )
    if reads >= SETTLE_READS and draft.monotonic - wish.answered_at >= SETTLE_SECONDS:
        return _failed(draft, order, f"the broker did not make it; it works on as {report.quantity} at {report.price}")
    return order


def _modified(draft: Draft, order: OrderRecord, report: OrderReport) -> OrderRecord:
    draft.then(partial(_drop, draft.state, order.order_id))
    changes: dict[str, Any] = {"quantity": report.quantity, "modify_requested": False, "message": ""}
    if report.price:
        changes["price"] = report.price
    if report.trigger_price:
        changes["trigger_price"] = report.trigger_price
    return draft.update(order, EventKind.MODIFIED, **changes)


def _failed(draft: Draft, order: OrderRecord, why: str) -> OrderRecord:
    draft.then(partial(_drop, draft.state, order.order_id))
    message = f"the change failed: {why}".replace("\x00", "")[:500]
    return draft.update(order, EventKind.MODIFY_FAILED, modify_requested=False, message=message)


def _shows(report: OrderReport, change: OrderChange) -> bool:
    return (
        report.quantity == change.quantity
        and (not report.price or report.price == change.price)
        and (not report.trigger_price or report.trigger_price == change.trigger_price)
    )


def _shows_order(report: OrderReport, order: OrderRecord) -> bool:
    return (
        report.quantity == order.quantity
        and (not report.price or report.price == order.price)
        and (not report.trigger_price or report.trigger_price == order.trigger_price)
    )


def _check_changeable(order: OrderRecord, command: ModifyOrder) -> None:
    if order.state.is_terminal:
        raise PreconditionError(f"order {order.order_id} has ended as {order.state} already", reason="ORDER_ENDED")
    if order.origin == "EXTERNAL":
        raise PreconditionError(
            f"order {order.order_id} was not placed here: it is changed where it was placed", reason="EXTERNAL_ORDER"
        )
    if order.state not in _CHANGEABLE or not order.broker_order_id:
        raise PreconditionError(
            f"order {order.order_id} is {order.state}; it can be changed once the broker has it (OPEN), or cancelled",
            reason="ORDER_NOT_WORKING",
        )
    if order.modify_requested or order.cancel_requested:
        what = "a cancel" if order.cancel_requested else "a change"
        raise PreconditionError(f"{what} of order {order.order_id} is on its way; wait for it", reason="CHANGE_PENDING")
    if command.quantity is not None and command.quantity <= order.filled_quantity:
        raise InvalidArgumentError.field(
            "quantity", f"{order.filled_quantity} are filled already; ask for more, or cancel the rest"
        )


def _is_as_it_is(order: OrderRecord, change: OrderChange) -> bool:
    return (change.quantity, change.price, change.trigger_price) == (order.quantity, order.price, order.trigger_price)


def _denial(order: OrderRecord, command: ModifyOrder, board: RiskBoard, draft: Draft) -> Denial | None:
    """The rules, with the order as it shall be in place of what it is."""
    line = draft.open_line(order.config_id, order.instrument, order.product, order.side, without={order.order_id})
    if order.is_exit:
        return exits.denial_of_exit(command.as_placed, line)
    held = denial_of_entry(order.instrument, draft.every_hold(), draft.working().unknown)
    grows = command.as_placed.request.quantity > order.remaining
    return (held if grows else None) or first_denial(
        command.as_placed, view_of(draft, command.as_placed, board, changes=order.order_id)
    )


def _answered(wish: ChangeWish, now: float) -> None:
    wish.in_flight, wish.answered_at = False, now


def _drop(state: AccountState, order_id: str) -> None:
    state.changes.pop(order_id, None)


def found_at_start(draft: Draft, order: OrderRecord) -> None:
    """A change that an earlier engine asked for: the next read of the book says what came of it."""
    wish = ChangeWish(None, answered_at=draft.monotonic)
    draft.then(partial(draft.state.changes.__setitem__, order.order_id, wish))


def as_changed(order: OrderRecord, command: ModifyOrder) -> OrderRecord:
    """The order as it shall be, for rules that look at the whole book."""
    change = change_of(order, command)
    return msgspec.structs.replace(
        order, quantity=change.quantity, price=change.price, trigger_price=change.trigger_price
    )
