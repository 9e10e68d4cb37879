"""What a person decides about an account's orders and holds, where the books alone cannot. Every decision is audited."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from engine_server.oms.bookings import Booking, book
from engine_server.oms.domain.books import BookKey
from engine_server.oms.domain.commands import Adjustment, Resolution
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.events import EventKind
from engine_server.oms.excess_exits import ask_back
from engine_server.oms.not_found import no_hold, no_order, no_working_copy
from engine_server.oms.records import OrderRecord, TradeRecord
from tradewinds.errors import PreconditionError


def resolve(command: Resolution, draft: Draft) -> OrderRecord:
    """Say what became of an order whose fate is UNKNOWN. Raises `NotFoundError`, and `PreconditionError` (ORDER_NOT_UNKNOWN,
    BROKER_ORDER_TAKEN)."""
    order = draft.order(command.order_id)
    if order is None:
        raise no_order(command.order_id)
    if order.state is not OrderState.UNKNOWN:
        raise PreconditionError(
            f"order {order.order_id} is {order.state}: its fate is known; only UNKNOWN orders are resolved by hand",
            reason="ORDER_NOT_UNKNOWN",
        )
    after = {"placed_as": command.broker_order_id or None, "tag": order.tag}
    draft.audit.append(
        AuditRow(
            command.actor,
            "order.resolve",
            order.order_id,
            command.reason,
            after,
            source=command.source,
            before={"state": order.state, "message": order.message},
        )
    )
    if not command.broker_order_id:
        return draft.update(
            order,
            EventKind.RESOLVED,
            state=OrderState.NOT_PLACED,
            reason="RESOLVED_NOT_PLACED",
            message=f"{command.actor} says that it never reached the broker: {command.reason}",
        )
    return _placed(order, command, draft)


def release_hold(
    account_id: str, kind: str, subject_id: str, actor: str, reason: str, source: str, draft: Draft
) -> Hold:
    """Let entries go again. Raises `NotFoundError`."""
    found = next((h for h in draft.every_hold() if (h.kind, h.subject_id) == (kind, subject_id)), None)
    if found is None:
        raise no_hold(account_id, kind, subject_id)
    before = {"instrument": found.instrument, "kind": found.kind, "message": found.message}
    after = {"released": True}
    draft.audit.append(
        AuditRow(actor, "hold.release", subject_id, reason, after, subject_type="hold", source=source, before=before)
    )
    draft.let_go(found, f"{actor}: {reason}")
    return found


def attribute(
    order_id: str,
    config_id: str,
    actor: str,
    reason: str,
    source: str,
    trades: Sequence[TradeRecord],
    draft: Draft,
) -> OrderRecord:
    """What an order that no strategy placed has filled, and will, belongs to a strategy's book. Raises `NotFoundError`, and
    `PreconditionError` (ALREADY_ATTRIBUTED, NOTHING_FILLED)."""
    order = draft.order(order_id)
    if order is None:
        raise no_working_copy(order_id)
    if order.config_id is not None:
        raise PreconditionError(
            f"order {order_id} is counted for {order.config_id} already", reason="ALREADY_ATTRIBUTED"
        )
    if not trades:
        raise PreconditionError(
            f"order {order_id} has filled nothing: there is nothing to attribute", reason="NOTHING_FILLED"
        )
    after = {"config_id": config_id, "filled_quantity": order.filled_quantity, "tag": order.tag}
    before = {"config_id": None}
    draft.audit.append(AuditRow(actor, "position.attribute", order_id, reason, after, source=source, before=before))
    order = msgspec.structs.replace(order, config_id=config_id, updated_at=draft.now)
    for trade in trades:
        order = draft.attribute(order, trade)
    ask_back(draft, order.instrument, order.product)
    for hold in draft.every_hold():
        if (hold.kind, hold.subject_id) == (HoldKind.UNATTRIBUTED, order_id):
            draft.let_go(hold, f"{actor} attributed it to {config_id}")
    return order


def adjust(command: Adjustment, draft: Draft) -> OrderRecord:
    """Book what the broker has and we do not (or the reverse), once for each request."""
    after = {"side": command.side, "quantity": command.quantity, "price": command.price, "config_id": command.config_id}
    subject = f"{command.account_id}/{command.instrument}/{command.product}"
    audit = AuditRow(
        command.actor,
        "position.adjust",
        subject,
        command.reason,
        after,
        subject_type="position",
        source=command.source,
        before=_line_of(command, draft),
    )
    booking = Booking(
        key=f"adjust-{command.request_id}",
        user_id=command.user_id,
        config_id=command.config_id or None,
        instrument=command.instrument,
        product=command.product,
        side=command.side,
        quantity=command.quantity,
        price=command.price,
        reason="ADJUSTED",
        message=f"{command.actor}: {command.reason}",
        ours_only=True,
    )
    return book(draft, booking, audit)


def convert(command: Adjustment, to_product: str, draft: Draft) -> list[OrderRecord]:
    """The broker has converted a part of a position: it leaves one line for another at its average price. `side` is the
    position's."""
    line = draft.book(BookKey(command.config_id, command.instrument, command.product)).position
    price = line.average_price or command.price
    closing = "SELL" if command.side == "BUY" else "BUY"
    subject = f"{command.account_id}/{command.instrument}/{command.product}"
    after = {"to_product": to_product, "quantity": command.quantity, "price": price}
    audit = AuditRow(
        command.actor,
        "position.convert",
        subject,
        command.reason,
        after,
        subject_type="position",
        source=command.source,
        before=_line_of(command, draft),
    )
    message = f"{command.quantity} converted from {command.product} to {to_product}: {command.reason}"
    legs = (
        (f"from-{command.request_id}", command.product, closing),
        (f"to-{command.request_id}", to_product, command.side),
    )
    return [
        book(
            draft,
            Booking(
                key=f"convert-{key}",
                user_id=command.user_id,
                config_id=command.config_id or None,
                instrument=command.instrument,
                product=product,
                side=side,
                quantity=command.quantity,
                price=price,
                reason="CONVERTED",
                message=message,
            ),
            audit if product == to_product else None,
        )
        for key, product, side in legs
    ]


def _line_of(command: Adjustment, draft: Draft) -> dict[str, Any]:
    """The line as it was, for the audit."""
    line = draft.book(BookKey(command.config_id, command.instrument, command.product)).position
    return {"net_quantity": line.net_quantity, "average_price": line.average_price, "product": command.product}


def _placed(order: OrderRecord, command: Resolution, draft: Draft) -> OrderRecord:
    other = draft.find(broker_order_id=command.broker_order_id)
    if other is not None and other.origin == "EXTERNAL":
        return _is_external(order, other, command, draft)
    if other is not None and other.order_id != order.order_id:
        raise PreconditionError(
            f"broker order {command.broker_order_id} is our {other.order_id} already", reason="BROKER_ORDER_TAKEN"
        )
    if command.read_books is not None:
        draft.then(partial(command.read_books))
    return draft.update(
        order,
        EventKind.RESOLVED,
        state=OrderState.OPEN,
        broker_order_id=command.broker_order_id,
        reason="",
        message=f"{command.actor} found it at the broker: {command.reason}",
    )


def _is_external(order: OrderRecord, other: OrderRecord, command: Resolution, draft: Draft) -> OrderRecord:
    """The broker lost the tag, so that the order was adopted as somebody else's: that row goes on, for the strategy that sent it."""
    if order.config_id is not None and other.config_id is None:
        other = msgspec.structs.replace(other, config_id=order.config_id, updated_at=draft.now)
        for trade in command.trades:
            other = draft.attribute(other, trade)
        if not command.trades:
            draft.update(other, EventKind.ATTRIBUTED)
    return draft.update(
        order,
        EventKind.RESOLVED,
        state=OrderState.NOT_PLACED,
        reason="RESOLVED_AS_EXTERNAL",
        message=f"{command.actor} found it at the broker without its tag: it goes on as {other.order_id}",
    )
