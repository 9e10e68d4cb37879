"""Sends exits again that are proven not to have reached the broker (design §5.4, 4): for what is still open, at a price of now."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine_server.oms.account_state import AccountState
from engine_server.oms.admission import Admission
from engine_server.oms.domain.protection import NoFreshQuoteError, Quote, protection_price
from engine_server.oms.domain.resending import MAXIMUM_ATTEMPT, is_due, is_over, is_unsent_exit, key_of_next
from engine_server.oms.draft import Draft
from engine_server.oms.records import OrderRecord
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger

log = get_logger("oms.resending")


def waiting(state: AccountState) -> list[OrderRecord]:
    """Exits that may have to go again."""
    return [order for order_id in state.unsent_exits if (order := state.orders.get(order_id)) is not None]


def send_again(
    admission: Admission, instruments: Mapping[str, Instrument], quotes: Mapping[str, Quote | None], draft: Draft
) -> None:
    """Every one that is due, once."""
    for order in sorted(waiting(draft.state), key=lambda order: order.updated_at):
        number = _next_number(draft, order)
        if number > MAXIMUM_ATTEMPT or is_over(order, draft.now) or _is_repeated(draft, order):
            draft.state.unsent_exits.discard(order.order_id)
            continue
        instrument = instruments.get(order.instrument)
        if instrument is None or not is_unsent_exit(order) or not is_due(order, draft.now):
            continue
        left = draft.open_line(order.config_id, order.instrument, order.product, order.side).closable(order.side)
        price = _price(order, instrument, quotes.get(order.instrument))
        if left <= 0 or price is None:
            continue  # something else closes it, or there is no price yet
        again = admission.again(draft, order, instrument, price, min(order.quantity, left), number)
        log.warning("again", order_id=order.order_id, reason=order.reason, attempt=number, new_order_id=again.order_id)


def _is_repeated(draft: Draft, order: OrderRecord) -> bool:
    return draft.find(request_key=key_of_next(order)) is not None


def _next_number(draft: Draft, order: OrderRecord) -> int:
    """After every attempt at its intent, slices included."""
    known = {**draft.state.orders, **draft.orders}.values()
    return 1 + max((other.attempt for other in known if other.intent_id == order.intent_id), default=order.attempt)


def _price(order: OrderRecord, instrument: Instrument, quote: Quote | None) -> Decimal | None:
    if order.order_type != "MARKET":
        return order.price
    try:
        return protection_price(instrument, order.side, quote)
    except NoFreshQuoteError:
        return None
