"""`tradewinds orders`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any

import typer

from tradewinds.cli.output import print_json, print_table, rupees, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, say_error, with_connection
from tradewinds.client.connection import Connection
from tradewinds.errors import PreconditionError, TradewindsError
from tradewinds.ids import new_id
from tradewinds.v1 import common_pb2, trading_pb2

orders = typer.Typer(no_args_is_help=True, help="Place, cancel and look at orders.")

ConfigFilter = Annotated[str, typer.Option("--config", help="Of this configured strategy only.")]
OrderId = Annotated[str, typer.Argument(help="The order, see `tradewinds orders list`.")]
_LOOK_SECONDS = 0.2
_ON_ITS_WAY = (trading_pb2.ORDER_STATE_PENDING_SUBMIT, trading_pb2.ORDER_STATE_SUBMITTING)
_WORKS = (*_ON_ITS_WAY, trading_pb2.ORDER_STATE_OPEN, trading_pb2.ORDER_STATE_PARTIALLY_FILLED)
_CAME_TO_NOTHING = (
    trading_pb2.ORDER_STATE_DENIED,
    trading_pb2.ORDER_STATE_REJECTED,
    trading_pb2.ORDER_STATE_NOT_PLACED,
)


@orders.command("list")
def list_orders(
    config: ConfigFilter = "",
    state: Annotated[str, typer.Option(help="In this state only, e.g. OPEN.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show orders, newest first."""
    request = trading_pb2.ListOrdersRequest(config_id=config, page_size=limit)
    if state:
        request.state = enum_value(trading_pb2.OrderState, "ORDER_STATE", state, "--state")
    page = with_connection(state_dir, lambda link: link.call(link.trading.ListOrders, request))
    if as_json:
        print_json([to_dict(order) for order in page.orders])
        return
    print_orders(page.orders)


def print_orders(listed: list[trading_pb2.Order]) -> None:
    """The table of orders."""
    rows = [
        (
            when(order.created_at),
            order.order_id,
            order.config_id or order.user_id,
            short(common_pb2.Side, order.side),
            order.instrument,
            f"{order.filled_quantity}/{order.quantity}",
            rupees(order.price),
            rupees(order.average_price),
            short(trading_pb2.OrderState, order.state),
            order.message or _is_being_cancelled(order),
        )
        for order in listed
    ]
    columns = ("IST", "order", "by", "side", "instrument", ">filled", ">price ₹", ">average ₹", "state", "")
    print_table("Orders", columns, rows, empty="No orders yet.")


def _is_being_cancelled(order: trading_pb2.Order) -> str:
    return "a cancel is on its way" if order.cancel_requested and order.state in _WORKS else ""


@orders.command()
def place(
    side: Annotated[str, typer.Argument(help="BUY or SELL")],
    instrument: Annotated[str, typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ")],
    quantity: Annotated[int, typer.Argument(min=1, help="Units, a multiple of the lot.")],
    price: Annotated[str, typer.Option(help="Limit price in rupees; without it a protected market order.")] = "",
    trigger: Annotated[str, typer.Option(help="Trigger price in rupees: makes it a stop-loss limit order.")] = "",
    product: Annotated[str, typer.Option(help="MIS, NRML or CNC")] = "MIS",
    account: Annotated[str, typer.Option(help="Broker account; your only one when left out.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")] = "",
    request_id: Annotated[str, typer.Option(help="Repeat with the same id to be sure that it is one order.")] = "",
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="So many seconds at most for the broker's answer.")
    ] = 3.0,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Place an order by hand. Exit code 1, and the reason, when it is denied here, rejected by the broker, or was not placed."""
    kind = "SL" if trigger else "LIMIT" if price else "MARKET"
    request = trading_pb2.PlaceOrderRequest(
        request_id=request_id or new_id("cli"),
        account_id=account,
        instrument=instrument,
        side=enum_value(common_pb2.Side, "SIDE", side, "SIDE"),
        quantity=quantity,
        order_type=enum_value(common_pb2.OrderType, "ORDER_TYPE", kind, "--price"),
        product=enum_value(common_pb2.Product, "PRODUCT", product, "--product"),
        price=price,
        trigger_price=trigger,
        reason=reason,
    )
    order = with_connection(state_dir, lambda link: _placed(link, request, wait))
    show_order(order, as_json=as_json)
    if order.state in _CAME_TO_NOTHING:
        state = short(trading_pb2.OrderState, order.state)
        say_error(PreconditionError(f"the order is {state}: {': '.join(filter(None, (order.reason, order.message)))}"))
        raise typer.Exit(1)


async def _placed(link: Connection, request: trading_pb2.PlaceOrderRequest, seconds: float) -> trading_pb2.Order:
    """The order, with the broker's answer when it comes in time; it is placed, whether somebody tells what became of it or not."""
    order: trading_pb2.Order = await link.call(link.trading.PlaceOrder, request)
    with contextlib.suppress(TimeoutError, TradewindsError):
        async with asyncio.timeout(seconds):
            while order.state in _ON_ITS_WAY:
                await asyncio.sleep(_LOOK_SECONDS)
                order = await link.call(link.trading.GetOrder, trading_pb2.GetOrderRequest(order_id=order.order_id))
    return order


@orders.command()
def show(order_id: OrderId, state_dir: StateDir = None) -> None:
    """Show one order whole, as JSON."""
    request = trading_pb2.GetOrderRequest(order_id=order_id)
    print_json(to_dict(with_connection(state_dir, lambda link: link.call(link.trading.GetOrder, request))))


@orders.command()
def modify(
    order_id: OrderId,
    quantity: Annotated[int, typer.Option(min=0, help="Units in all, what is filled included.")] = 0,
    price: Annotated[str, typer.Option(help="Limit price in rupees.")] = "",
    trigger: Annotated[str, typer.Option(help="Trigger price in rupees, of a stop-loss order.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the broker to change a working order; what is left out stays."""
    request = trading_pb2.ModifyOrderRequest(
        order_id=order_id, quantity=quantity, price=price, trigger_price=trigger, reason=reason
    )
    order = with_connection(state_dir, lambda link: link.call(link.trading.ModifyOrder, request))
    show_order(order, as_json=as_json)


@orders.command()
def cancel(
    order_id: OrderId,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")] = "",
    external: Annotated[bool, typer.Option("--external", help="Also what was not placed here.")] = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the broker to cancel a working order."""
    request = trading_pb2.CancelOrderRequest(order_id=order_id, reason=reason, external=external)
    order = with_connection(state_dir, lambda link: link.call(link.trading.CancelOrder, request))
    show_order(order, as_json=as_json)


def show_order(order: trading_pb2.Order, *, as_json: bool) -> None:
    """What became of one order, for people or for a script."""
    print_json(to_dict(order)) if as_json else print_orders([order])


def enum_value(enum: Any, prefix: str, word: str, field: str) -> Any:
    """The number of a word that a person typed; raises `BadParameter` with the words there are."""
    names = {name.removeprefix(f"{prefix}_"): number for name, number in enum.items()}
    names.pop("UNSPECIFIED", None)
    if word.upper() not in names:
        raise typer.BadParameter(f"{field}: {word!r} is not one of {', '.join(names)}")
    return names[word.upper()]
