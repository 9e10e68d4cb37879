"""Exits that work for more than is open, since somebody else closed it: they are asked back, the newest first.

What is refused at admission may become true later: a person sells in the broker's app what a strategy's exit rests for, and the exit,
filled after all, would open a position the other way round.
"""

from __future__ import annotations

from functools import partial

from engine_server.oms.account_state import AccountState, CancelWish
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import Draft
from engine_server.oms.events import EventKind
from engine_server.oms.records import OrderRecord

_WHY = "what it was to close was closed by somebody else"


def books_changed(draft: Draft, instrument: str, product: str) -> None:
    """By what no order of ours did. What was found to differ may be explained by it, or not: the broker is asked at once, and exits keep
    to the difference until it has answered."""
    if (instrument, product) in draft.excess:
        draft.then(draft.state.compare_soon.set)
    ask_back(draft, instrument, product)


def books_leave_the_broker(draft: Draft, instrument: str, product: str, change: int) -> None:
    """Our line moves by `change` and the broker's does not: so does the difference, be the booking right or a mistake."""
    line = (instrument, product)
    units = draft.excess.get(line, 0) + change
    draft.excess = {key: value for key, value in {**draft.excess, line: units}.items() if value}
    draft.then(draft.state.compare_soon.set)


def ask_back(draft: Draft, instrument: str, product: str) -> None:
    """Less is open than exits work for. Guards follow what is open by themselves."""
    exits = [
        order
        for order in draft.working()
        if order.is_exit
        and order.origin == "CALLER"
        and not order.cancel_requested
        and (order.instrument, order.product) == (instrument, product)
    ]
    left: dict[tuple[str | None, str], int] = {}
    for order in sorted(exits, key=lambda one: one.created_at):
        whose = (order.config_id, order.side)
        if whose not in left:
            ids = {one.order_id for one in exits}
            left[whose] = draft.open_line(order.config_id, instrument, product, order.side, without=ids).closable(
                order.side
            )
        if order.remaining > left[whose]:
            _ask_back(draft, order)
        else:
            left[whose] -= order.remaining


def _ask_back(draft: Draft, order: OrderRecord) -> None:
    if order.state is OrderState.PENDING_SUBMIT:
        draft.update(order, EventKind.WITHDRAWN, state=OrderState.CANCELLED, reason="EXIT_EXCEEDS_OPEN", message=_WHY)
        return
    draft.then(partial(_wish, draft.state, order.order_id))
    draft.update(order, EventKind.CANCEL_REQUESTED, cancel_requested=True, message=_WHY)


def _wish(state: AccountState, order_id: str) -> None:
    state.cancels.setdefault(order_id, CancelWish())
