"""What the broker's answer to a message makes of an order. An unclear answer is a state, never a reason to send again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from engine_server.broker.port import Accepted, NotSent, Outcome, Refused, Unknown
from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.resolution import Unresolved
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import Draft
from engine_server.oms.events import EventKind
from engine_server.oms.records import OrderRecord
from engine_server.oms.reports import clean
from tradewinds.telemetry import get_logger

log = get_logger("oms.outcomes")

# A repeated cancel is harmless (protocol §9 no. 6), unlike a repeated placement.
CANCEL_ATTEMPTS = 5
_CANCEL_BACKOFF_SECONDS = 1.0

_UNANSWERED = (OrderState.SUBMITTING, OrderState.UNKNOWN)


def placement_answered(order_id: str, outcome: Outcome, read_books: Callable[[], None], draft: Draft) -> None:
    """The one answer to the one message that placed this order."""
    order = draft.order(order_id)
    if order is None:
        raise AssertionError(f"{order_id} was sent and is not known")
    order = msgspec.structs.replace(order, **_stages(draft, order_id))
    if isinstance(outcome, Accepted):
        _accepted(draft, order, outcome)
    elif order.state not in _UNANSWERED:
        # The stream was faster: it is at the broker, whatever this answer says.
        if not isinstance(outcome, Unknown):
            log.error("answer.contradicts", order_id=order_id, state=order.state, answer=type(outcome).__name__)
    elif isinstance(outcome, Refused):
        message = f"{outcome.code}: {outcome.message}" if outcome.code else outcome.message
        draft.update(
            order, EventKind.REJECTED, state=OrderState.REJECTED, reason="BROKER_REJECTED", message=clean(message)
        )
    elif isinstance(outcome, NotSent):
        draft.update(
            order, EventKind.NOT_SENT, state=OrderState.NOT_PLACED, reason="NOT_SENT", message=clean(outcome.message)
        )
        draft.then(read_books)  # it tells whether the session is gone
    else:
        unclear(draft, order, outcome.message)
        draft.then(read_books)


def unclear(draft: Draft, order: OrderRecord, message: str) -> None:
    """From now on only the broker's stream and books tell what became of it."""
    draft.update(order, EventKind.UNCLEAR, state=OrderState.UNKNOWN, reason="NO_CLEAR_ANSWER", message=clean(message))
    draft.then(partial(draft.state.unresolved.__setitem__, order.order_id, Unresolved(draft.monotonic)))


def cancel_answered(order_id: str, outcome: Outcome, read_books: Callable[[], None], draft: Draft) -> None:
    """The answer to one cancel. Accepted means asked; the order ends when the broker reports it."""
    order, wish = draft.order(order_id), draft.state.cancels.get(order_id)
    if order is None or wish is None:
        return
    if isinstance(outcome, Accepted) or (order.state.is_terminal and order.state is not OrderState.NOT_PLACED):
        draft.then(partial(_drop_wish, draft.state, order_id))
        return
    draft.then(read_books)
    if not isinstance(outcome, Refused) and wish.attempts < CANCEL_ATTEMPTS:
        draft.then(partial(_again_later, draft.state, order_id, draft.monotonic))
        return
    draft.then(partial(_drop_wish, draft.state, order_id))
    why = f"{outcome.code}: {outcome.message}" if isinstance(outcome, Refused) else outcome.message
    draft.update(order, EventKind.CANCEL_FAILED, cancel_requested=False, message=clean(f"the cancel failed: {why}"))


def _stages(draft: Draft, order_id: str) -> dict[str, Any]:
    """How long each stage took, now that the answer is there."""
    stages = draft.state.stages.get(order_id)
    if stages is None or stages.sent_at is None:
        return {}
    draft.then(partial(_forget_stages, draft.state, order_id))
    return {
        "admitted_us": _microseconds(stages.committed_at - stages.received_at),
        "released_us": _microseconds(stages.sent_at - stages.committed_at),
        "answered_us": _microseconds(draft.monotonic - stages.sent_at),
    }


def _forget_stages(state: AccountState, order_id: str) -> None:
    state.stages.pop(order_id, None)


def _microseconds(seconds: float) -> int:
    return min(2**31 - 1, max(0, int(seconds * 1_000_000)))


def _accepted(draft: Draft, order: OrderRecord, answer: Accepted) -> None:
    if order.broker_order_id and order.broker_order_id != answer.broker_order_id:
        log.error("answer.other_order", order_id=order.order_id, ids=[order.broker_order_id, answer.broker_order_id])
        return
    ids = {"broker_order_id": answer.broker_order_id, "unique_order_id": answer.unique_order_id}
    if order.state in _UNANSWERED:
        draft.update(order, EventKind.ACCEPTED, state=OrderState.OPEN, reason="", message="", **ids)
    elif (order.broker_order_id, order.unique_order_id) != (answer.broker_order_id, answer.unique_order_id):
        draft.update(order, EventKind.ACCEPTED, **ids)


def _drop_wish(state: AccountState, order_id: str) -> None:
    state.cancels.pop(order_id, None)


def _again_later(state: AccountState, order_id: str, now: float) -> None:
    wish = state.cancels.get(order_id)
    if wish is not None:
        wish.in_flight = False
        wish.due_at = now + _CANCEL_BACKOFF_SECONDS * 2 ** (wish.attempts - 1)
