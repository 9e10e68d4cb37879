"""From what a caller wants changed of an order to a command with everything resolved and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from engine_server.oms.domain.commands import Denial, ModifyOrder, OrderRequest, PlaceOrder
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.validation import check_order
from engine_server.oms.records import OrderRecord
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import Instrument


@dataclass(frozen=True, kw_only=True)
class ChangeRequest:
    """What a caller wants changed; None stays as it is. `config_id` and `epoch` are there when a strategy asks."""

    order_id: str
    actor: str
    reason: str = ""
    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    config_id: str | None = None
    epoch: int | None = None
    source: str = "oms"


def changed_request(order: OrderRecord, change: ChangeRequest, instrument: Instrument) -> OrderRequest:
    """The order as it shall be; raises `InvalidArgumentError` naming what is wrong with it."""
    if (change.quantity, change.price, change.trigger_price) == (None, None, None):
        raise InvalidArgumentError.field("quantity", "name at least one of quantity, price, trigger_price")
    wanted = _as_it_shall_be(order, change)
    check_order(wanted, instrument)
    return wanted


def changed_command(
    order: OrderRecord,
    change: ChangeRequest,
    wanted: OrderRequest,
    instrument: Instrument,
    capital: Decimal | None,
    no_entry: Denial | None,
    quote: Quote | None,
) -> ModifyOrder:
    """The command for an order that shall be as `wanted`."""
    rest = replace(wanted, quantity=max(1, wanted.quantity - order.filled_quantity))
    as_placed = PlaceOrder(
        request=rest,
        account_id=order.account_id,
        user_id=order.user_id,
        instrument=instrument,
        price=wanted.price,
        capital=capital,
        no_entry=no_entry,
        quote=quote,
    )
    return ModifyOrder(
        order_id=order.order_id,
        actor=change.actor,
        instrument=instrument,
        as_placed=as_placed,
        reason=change.reason,
        quantity=change.quantity,
        price=change.price,
        trigger_price=change.trigger_price,
        config_id=change.config_id,
        epoch=change.epoch,
        source=change.source,
    )


def _as_it_shall_be(order: OrderRecord, change: ChangeRequest) -> OrderRequest:
    """A MARKET order rests as the LIMIT that it was sent as."""
    price = change.price if change.price is not None else order.price
    trigger = change.trigger_price if change.trigger_price is not None else order.trigger_price
    return OrderRequest(
        request_id=order.request_id,
        actor=change.actor,
        instrument=order.instrument,
        side=order.side,
        quantity=change.quantity if change.quantity is not None else order.quantity,
        order_type="SL" if order.order_type == "SL" else "LIMIT",
        product=order.product,
        price=price,
        trigger_price=trigger,
        config_id=order.config_id,
        epoch=change.epoch,
        reduce_only=order.is_exit,
    )
