"""`tradewinds positions`: what is open, and the books by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewinds.cli.output import print_json, print_table, rupees, short, to_dict
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.cli.trading import ConfigFilter, enum_value, print_orders, show_order
from tradewinds.ids import new_id
from tradewinds.v1 import common_pb2, trading_pb2

positions = typer.Typer(invoke_without_command=True, help="What is open, and the books by hand.")

Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]
Account = Annotated[str, typer.Option("--account", help="Broker account; your only one when left out.")]
Strategy = Annotated[
    str, typer.Option("--config", help="In the book of this strategy; without it what no strategy holds.")
]
Instrument = Annotated[str, typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ")]
Quantity = Annotated[int, typer.Argument(min=1, help="Units.")]
RequestId = Annotated[str, typer.Option(help="Repeat with the same id to be sure that it is done once.")]


@positions.callback()
def list_positions(
    context: typer.Context, config: ConfigFilter = "", state_dir: StateDir = None, as_json: AsJson = False
) -> None:
    """Show positions: the account's totals, or with --config one strategy's book."""
    if context.invoked_subcommand is not None:
        return
    request = trading_pb2.ListPositionsRequest(config_id=config)
    found = list(with_connection(state_dir, lambda link: link.call(link.trading.ListPositions, request)).positions)
    print_json([to_dict(position) for position in found]) if as_json else print_positions(found)


def print_positions(listed: list[trading_pb2.Position]) -> None:
    """The table of positions."""
    rows = [
        (
            position.instrument,
            short(common_pb2.Product, position.product),
            str(position.net_quantity),
            str(position.unowned_quantity) if not position.config_id else "–",
            rupees(position.average_price),
            rupees(position.last_price),
            rupees(position.unrealised_pnl),
            rupees(position.realised_pnl),
        )
        for position in listed
    ]
    columns = (
        "instrument",
        "product",
        ">net",
        ">of no strategy",
        ">average ₹",
        ">last ₹",
        ">unrealised ₹",
        ">realised ₹",
    )
    print_table("Positions", columns, rows, empty="No positions.")


@positions.command()
def attribute(
    order_id: Annotated[str, typer.Argument(help="An external order, or a person's.")],
    config: Annotated[str, typer.Argument(help="The strategy whose position it closed, or opened.")],
    reason: Reason,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Count an order that no strategy placed in a strategy's book, and tell the strategy."""
    request = trading_pb2.AttributePositionRequest(order_id=order_id, config_id=config, reason=reason)
    order = with_connection(state_dir, lambda link: link.call(link.trading.AttributePosition, request))
    show_order(order, as_json=as_json)


@positions.command()
def adjust(
    side: Annotated[str, typer.Argument(help="BUY adds units, SELL takes them away.")],
    instrument: Instrument,
    quantity: Quantity,
    price: Annotated[str, typer.Option(help="In rupees; 0 where nothing was paid.")],
    reason: Reason,
    product: Annotated[str, typer.Option(help="MIS, NRML or CNC")] = "MIS",
    config: Strategy = "",
    account: Account = "",
    request_id: RequestId = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Book by hand what the broker has and we do not, or the reverse. Nothing is sent to the broker."""
    request = trading_pb2.AdjustPositionRequest(
        request_id=request_id or new_id("cli"),
        account_id=account,
        config_id=config,
        instrument=instrument,
        product=enum_value(common_pb2.Product, "PRODUCT", product, "--product"),
        side=enum_value(common_pb2.Side, "SIDE", side, "SIDE"),
        quantity=quantity,
        price=price,
        reason=reason,
    )
    order = with_connection(state_dir, lambda link: link.call(link.trading.AdjustPosition, request))
    show_order(order, as_json=as_json)


@positions.command()
def convert(
    instrument: Instrument,
    quantity: Quantity,
    from_product: Annotated[str, typer.Argument(help="MIS, NRML or CNC")],
    to_product: Annotated[str, typer.Argument(help="MIS, NRML or CNC")],
    reason: Reason,
    config: Strategy = "",
    account: Account = "",
    request_id: RequestId = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the broker to make a part of a position another product's."""
    request = trading_pb2.ConvertPositionRequest(
        request_id=request_id or new_id("cli"),
        account_id=account,
        config_id=config,
        instrument=instrument,
        from_product=enum_value(common_pb2.Product, "PRODUCT", from_product, "FROM_PRODUCT"),
        to_product=enum_value(common_pb2.Product, "PRODUCT", to_product, "TO_PRODUCT"),
        quantity=quantity,
        reason=reason,
    )
    answer = with_connection(state_dir, lambda link: link.call(link.trading.ConvertPosition, request))
    bookings = list(answer.bookings)
    print_json([to_dict(one) for one in bookings]) if as_json else print_orders(bookings)
