"""Orders, trades and positions as messages: proto ⇄ domain and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.oms.domain.holds import Hold
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.story import StoryLine
from engine_server.oms.records import GuardRecord, OrderRecord, PositionRecord, TradeRecord
from tradewinds.errors import InvalidArgumentError
from tradewinds.money import format_rupees, parse_rupees
from tradewinds.v1 import common_pb2, trading_pb2

SIDES: Final[Mapping[str, common_pb2.Side]] = {"BUY": common_pb2.SIDE_BUY, "SELL": common_pb2.SIDE_SELL}
ORDER_TYPES: Final[Mapping[str, common_pb2.OrderType]] = {
    "LIMIT": common_pb2.ORDER_TYPE_LIMIT,
    "SL": common_pb2.ORDER_TYPE_SL,
    "MARKET": common_pb2.ORDER_TYPE_MARKET,
}
PRODUCTS: Final[Mapping[str, common_pb2.Product]] = {
    "MIS": common_pb2.PRODUCT_MIS,
    "NRML": common_pb2.PRODUCT_NRML,
    "CNC": common_pb2.PRODUCT_CNC,
}
STATES: Final[Mapping[OrderState, trading_pb2.OrderState]] = {
    state: getattr(trading_pb2, f"ORDER_STATE_{state.value}") for state in OrderState
}


def order_message(order: OrderRecord) -> trading_pb2.Order:
    """An order as callers see it."""
    return trading_pb2.Order(
        order_id=order.order_id,
        request_id=order.request_id,
        account_id=order.account_id,
        config_id=order.config_id or "",
        instrument=order.instrument,
        side=SIDES[order.side],
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        order_type=ORDER_TYPES[order.order_type],
        product=PRODUCTS[order.product],
        price=_rupees(order.price),
        trigger_price=_rupees(order.trigger_price),
        average_price=_rupees(order.average_price),
        state=STATES[order.state],
        reason=order.reason,
        message=order.message,
        tag=order.tag,
        broker_order_id=order.broker_order_id or "",
        cancel_requested=order.cancel_requested,
        created_at=_timestamp(order.created_at),
        updated_at=_timestamp(order.updated_at),
        epoch=order.epoch or 0,
        user_id=order.user_id,
        origin=order.origin,
        intent_id=order.intent_id or order.order_id,
        attempt=order.attempt,
        is_exit=order.is_exit,
        modify_requested=order.modify_requested,
        latency=_latency(order),
    )


def hold_message(hold: Hold) -> trading_pb2.Hold:
    """What holds entries."""
    return trading_pb2.Hold(
        account_id=hold.account_id,
        instrument=hold.instrument,
        kind=hold.kind,
        subject_id=hold.subject_id,
        message=hold.message,
        held_at=_timestamp(hold.held_at),
    )


def guard_message(guard: GuardRecord) -> trading_pb2.Guard:
    """A guard as callers see it."""
    return trading_pb2.Guard(
        guard_id=guard.guard_id,
        account_id=guard.account_id,
        config_id=guard.config_id or "",
        instrument=guard.instrument,
        product=PRODUCTS[guard.product],
        side=SIDES[guard.side],
        stop_price=format_rupees(guard.stop_price),
        target_price=_rupees(guard.target_price),
        trail=_rupees(guard.trail),
        state=guard.state,
        order_id=guard.order_id or "",
        message=guard.message,
        created_at=_timestamp(guard.created_at),
        updated_at=_timestamp(guard.updated_at),
    )


def story_message(line: StoryLine) -> trading_pb2.OrderStoryLine:
    """One line of an order's story."""
    return trading_pb2.OrderStoryLine(
        recorded_at=_timestamp(line.at),
        what=line.what,
        text=line.text,
        state=STATES[OrderState(line.state)] if line.state else trading_pb2.ORDER_STATE_UNSPECIFIED,
    )


def trade_message(trade: TradeRecord) -> trading_pb2.Trade:
    """A fill as callers see it."""
    return trading_pb2.Trade(
        trade_id=trade.trade_id,
        order_id=trade.order_id,
        account_id=trade.account_id,
        config_id=trade.config_id or "",
        instrument=trade.instrument,
        side=SIDES[trade.side],
        quantity=trade.quantity,
        price=format_rupees(trade.price),
        product=PRODUCTS[trade.product],
        traded_at=_timestamp(trade.traded_at),
    )


def position_message(position: PositionRecord, quote: Quote | None = None) -> trading_pb2.Position:
    """A line of a book; valued at the last price where there is a quote."""
    message = trading_pb2.Position(
        account_id=position.account_id,
        config_id=position.config_id,
        instrument=position.instrument,
        product=PRODUCTS[position.product],
        net_quantity=position.net_quantity,
        average_price=_rupees(position.average_price),
        realised_pnl=format_rupees(position.realised_pnl),
        buy_quantity=position.buy_quantity,
        sell_quantity=position.sell_quantity,
    )
    if quote is not None and quote.last > 0:
        message.last_price = format_rupees(quote.last)
        open_profit = (quote.last - (position.average_price or quote.last)) * position.net_quantity
        message.unrealised_pnl = format_rupees(open_profit)
    return message


def state_name(state: trading_pb2.OrderState) -> str:
    """The state that a filter names; '' for any. Refuses numbers that are no state."""
    if state == trading_pb2.ORDER_STATE_UNSPECIFIED:
        return ""
    for name, number in STATES.items():
        if number == state:
            return name.value
    raise InvalidArgumentError.field("state", f"{state} is not a state of an order")


def side_name(side: common_pb2.Side) -> str:
    """BUY or SELL; refuses anything else."""
    return _name("side", side, SIDES)


def order_type_name(order_type: common_pb2.OrderType) -> str:
    """LIMIT, SL or MARKET; refuses anything else."""
    return _name("order_type", order_type, ORDER_TYPES)


def product_name(product: common_pb2.Product) -> str:
    """MIS, NRML or CNC; MIS when it is not said."""
    return "MIS" if product == common_pb2.PRODUCT_UNSPECIFIED else _name("product", product, PRODUCTS)


def optional_moment(request: Message, field: str) -> datetime | None:
    """A Timestamp field that may be absent."""
    return getattr(request, field).ToDatetime(tzinfo=UTC) if request.HasField(field) else None


def optional_rupees(text: str, field: str) -> Decimal | None:
    """A price in a request; None when it is empty."""
    if not text:
        return None
    try:
        return parse_rupees(text, field)
    except ValueError as e:
        raise InvalidArgumentError.field(field, str(e).removeprefix(f"{field}: ")) from e


def _latency(order: OrderRecord) -> trading_pb2.OrderLatency | None:
    if order.answered_us is None:
        return None
    return trading_pb2.OrderLatency(
        admitted_us=order.admitted_us or 0, released_us=order.released_us or 0, answered_us=order.answered_us
    )


def _name(field: str, number: int, names: Mapping[str, int]) -> str:
    for name, value in names.items():
        if value == number:
            return name
    raise InvalidArgumentError.field(field, f"is required: one of {', '.join(names)}")


def _rupees(value: Decimal | None) -> str:
    return "" if value is None else format_rupees(value)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
