"""Orders at the broker that we did not send: from its app, by phone, by the broker itself. They are shown, counted, and never
touched; what they close of a strategy's position is that strategy's, and it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from engine_server.broker.port import OrderReport
from engine_server.oms.domain.attribution import AMBIGUOUS, owner_of_close
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import Draft
from engine_server.oms.events import EventKind
from engine_server.oms.positions_check import PRODUCTS
from engine_server.oms.records import OrderRecord
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger

log = get_logger("oms.external")

ORDER_TYPES = ("LIMIT", "SL", "MARKET")


@dataclass(frozen=True)
class Adoption:
    """Whose the account is, how an instrument is found by the broker's exchange and token, and which tags are ours."""

    user_id: str
    by_token: Callable[[str, str], Instrument | None]
    is_ours: Callable[[str], bool] = lambda _tag: False

    def instrument_key(self, exchange: str, token: str) -> str:
        """Ours; a made-up one where today's scrip master does not have it."""
        instrument = self.by_token(exchange, token)
        return instrument.key if instrument else f"{exchange}:#{token}"


def external_order_id(account_id: str, broker_order_id: str) -> str:
    """Our id of somebody else's order: always the same."""
    return f"ext-{account_id}-{broker_order_id}"


def adopt(draft: Draft, report: OrderReport, adoption: Adoption) -> OrderRecord | None:
    """A row of our own for somebody else's order, always the same for the same order; None for what our books cannot hold (a
    product that we do not know)."""
    if report.product not in PRODUCTS or report.quantity <= 0:
        log.warning_throttled("unreadable", broker_order_id=report.broker_order_id, product=report.product)
        return None
    account_id, broker_id = draft.state.account_id, report.broker_order_id
    order = OrderRecord(
        order_id=external_order_id(account_id, broker_id),
        account_id=account_id,
        user_id=adoption.user_id,
        config_id=None,
        epoch=None,
        request_key=f"external/{account_id}/{broker_id}",
        request_id=f"external-{broker_id}",
        body_sha256="",
        instrument=adoption.instrument_key(report.exchange, report.token),
        side=report.side,
        quantity=report.quantity,
        order_type=report.order_type if report.order_type in ORDER_TYPES else "LIMIT",
        product=report.product,
        price=report.price,
        trigger_price=report.trigger_price if report.order_type == "SL" else None,
        state=OrderState.OPEN,
        tag=f"ext:{broker_id}",
        created_at=draft.now,
        updated_at=draft.now,
        broker_order_id=broker_id,
        unique_order_id=report.unique_order_id or None,
        submitted_at=report.updated_at or draft.market_now,
        origin="EXTERNAL",
        intent_id=external_order_id(account_id, broker_id),
    )
    log.info("appeared", order_id=order.order_id, instrument=order.instrument, side=order.side, quantity=order.quantity)
    adopted = draft.admit(order, EventKind.APPEARED)
    if adoption.is_ours(report.tag):
        _not_entered(draft, adopted, report.tag)
    return adopted


def _not_entered(draft: Draft, order: OrderRecord, tag: str) -> None:
    """C11: more was sent than was entered. Nobody knows what else was: the whole account takes no entries until a person has looked."""
    log.error("not_entered", order_id=order.order_id, tag=tag)
    message = (
        f"the broker has {order.side} {order.quantity} {order.instrument} under our tag {tag}, and no order of it was entered here: was "
        "the database restored from a backup, or does another installation use this key?"
    )
    hold = Hold(
        account_id=order.account_id,
        instrument="",
        kind=HoldKind.NOT_ENTERED,
        subject_id=order.order_id,
        message=message,
        held_at=draft.now,
    )
    draft.hold(hold)


def attributed(draft: Draft, order: OrderRecord, growing_by: int) -> OrderRecord:
    """The order with the strategy whose position its fill closes. Where that cannot be told, entries are held and a person says it."""
    if order.config_id is not None or order.origin == "BOOKING":
        return order
    nets = {key.config_id: book.position.net_quantity for key, book in draft.lines(order.instrument, order.product)}
    total = nets.pop("", 0)
    owner = owner_of_close(nets, total, order.side, max(growing_by, order.remaining))
    if owner is AMBIGUOUS:
        _hold(draft, order)
        return order
    return msgspec.structs.replace(order, config_id=owner) if isinstance(owner, str) else order


def _hold(draft: Draft, order: OrderRecord) -> None:
    message = (
        f"{order.order_id} ({order.side} {order.quantity}) closes what strategies hold, and it is not clear whose: "
        f"`tradewinds positions attribute {order.order_id} STRATEGY`"
    )
    draft.hold(
        Hold(
            account_id=order.account_id,
            instrument=order.instrument,
            kind=HoldKind.UNATTRIBUTED,
            subject_id=order.order_id,
            message=message,
            held_at=draft.now,
        )
    )
