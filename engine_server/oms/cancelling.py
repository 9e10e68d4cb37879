"""A wish to cancel an order, and what is left of orders and wishes when an engine starts."""

from __future__ import annotations

from functools import partial

from engine_server.oms.account_state import AccountState, CancelWish
from engine_server.oms.domain.commands import CancelOrder
from engine_server.oms.domain.resolution import UnknownBefore
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.events import EventKind
from engine_server.oms.modifying import found_at_start
from engine_server.oms.not_found import no_order
from engine_server.oms.outcomes import unclear
from engine_server.oms.records import OrderRecord
from tradewinds.errors import PreconditionError


def request_cancel(command: CancelOrder, draft: Draft) -> OrderRecord:
    """Record the wish; the dispatcher sends it. Repeating it is harmless and asks the broker again.

    Raises `NotFoundError`, and `PreconditionError` (ORDER_ENDED).
    """
    order = draft.order(command.order_id)
    if order is None or (command.config_id and order.config_id != command.config_id):
        raise no_order(command.order_id)
    others = [o for o in draft.working() if o.intent_id == order.intent_id and o.order_id != order.order_id]
    for other in others if order.attempt == 1 and order.intent_id else ():
        clear_away(draft, other)  # who cancels the first attempt means the whole intent
    if order.state.is_terminal and others:
        return order
    if order.state.is_terminal:
        raise PreconditionError(f"order {order.order_id} has ended as {order.state} already", reason="ORDER_ENDED")
    if order.origin == "EXTERNAL" and not command.external:
        raise PreconditionError(
            f"order {order.order_id} was not placed here; to cancel it all the same say so (`--external`)",
            reason="EXTERNAL_ORDER",
        )
    if order.state is OrderState.PENDING_SUBMIT:
        draft.audit.append(_audit(order, command))
        return withdraw(draft, order, "CANCELLED_ON_REQUEST", "it was cancelled before it was sent")
    draft.then(partial(_wish, draft.state, order.order_id))
    if order.cancel_requested:
        return order
    draft.audit.append(_audit(order, command))
    return draft.update(order, EventKind.CANCEL_REQUESTED, cancel_requested=True)


def take_over(draft: Draft) -> None:
    """What an engine finds when it starts.

    SUBMITTING: it may have been sent, so it is UNKNOWN. UNKNOWN: its send had ended when it became so, under whichever engine, and that
    time counts; otherwise engines that follow each other faster than the bound would never know. PENDING_SUBMIT: provably never sent,
    and handed back rather than sent now: the price and the reason for it are of a moment that is gone, and only its owner knows
    whether it still wants it. Cancels that were asked for are asked again.
    """
    for order in list(draft.working()):
        if order.state is OrderState.SUBMITTING:
            unclear(draft, order, "the engine stopped while it was being sent")
        elif order.state is OrderState.PENDING_SUBMIT:
            draft.update(
                order,
                EventKind.HANDED_BACK,
                state=OrderState.NOT_PLACED,
                reason="ENGINE_RESTARTED",
                message="the engine stopped before it was sent; place it again if it is still wanted",
            )
        elif order.state is OrderState.UNKNOWN:
            before = draft.state.unknown_before.get(order.order_id, UnknownBefore())
            draft.then(partial(draft.state.unresolved.__setitem__, order.order_id, before.as_of(draft.monotonic)))
        if order.modify_requested:
            found_at_start(draft, order)
        if order.cancel_requested:
            draft.then(partial(_wish, draft.state, order.order_id))


def withdraw(draft: Draft, order: OrderRecord, reason: str, message: str) -> OrderRecord:
    """End an order that was never sent."""
    return draft.update(order, EventKind.WITHDRAWN, state=OrderState.CANCELLED, reason=reason, message=message)


def clear_away(draft: Draft, order: OrderRecord) -> None:
    """Cancel an order of ours that an exit must not meet."""
    if order.state is OrderState.PENDING_SUBMIT:
        withdraw(draft, order, "CLEARED_FOR_EXIT", "an exit of ours would have met it")
    elif not order.cancel_requested:
        draft.then(partial(_wish, draft.state, order.order_id))
        draft.update(order, EventKind.CANCEL_REQUESTED, cancel_requested=True)


def _wish(state: AccountState, order_id: str) -> None:
    state.cancels.setdefault(order_id, CancelWish())


def _audit(order: OrderRecord, command: CancelOrder) -> AuditRow:
    before = {"state": order.state, "filled_quantity": order.filled_quantity}
    after = {"cancel_requested": True, "tag": order.tag, "broker_order_id": order.broker_order_id}
    return AuditRow(
        command.actor, "order.cancel", order.order_id, command.reason, after, source=command.source, before=before
    )
