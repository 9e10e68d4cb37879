"""`tradewinds guards`: stops, targets and trails that the OMS keeps at the exchange."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewinds.cli.output import print_json, print_table, rupees, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.cli.trading import ConfigFilter, enum_value
from tradewinds.v1 import common_pb2, trading_pb2

guards = typer.Typer(no_args_is_help=True, help="Stops, targets and trails that the OMS keeps at the exchange.")

Account = Annotated[str, typer.Option("--account", help="Broker account; your only one when left out.")]


@guards.command("set")
def set_guard(
    instrument: Annotated[str, typer.Argument(help="RELIANCE, or NSE:RELIANCE-EQ")],
    stop: Annotated[str, typer.Option(help="Where to get out, in rupees.")],
    target: Annotated[str, typer.Option(help="Where to take the profit, in rupees.")] = "",
    trail: Annotated[str, typer.Option(help="The stop follows the market at this distance, in rupees.")] = "",
    product: Annotated[str, typer.Option(help="MIS, NRML or CNC")] = "MIS",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")] = "",
    account: Account = "",
    state_dir: StateDir = None,
) -> None:
    """Guard what is open of an instrument, or move the guard that is there."""
    request = trading_pb2.CreateGuardRequest(
        account_id=account,
        instrument=instrument,
        product=enum_value(common_pb2.Product, "PRODUCT", product, "--product"),
        stop_price=stop,
        target_price=target,
        trail=trail,
        reason=reason,
    )
    print_guards([with_connection(state_dir, lambda link: link.call(link.trading.CreateGuard, request))])


@guards.command("list")
def list_guards(
    config: ConfigFilter = "",
    ended: Annotated[bool, typer.Option("--ended", help="Those of the past, too.")] = False,
    account: Account = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show guards, newest first."""
    request = trading_pb2.ListGuardsRequest(account_id=account, config_id=config, ended=ended)
    found = list(with_connection(state_dir, lambda link: link.call(link.trading.ListGuards, request)).guards)
    print_json([to_dict(guard) for guard in found]) if as_json else print_guards(found)


@guards.command()
def cancel(
    guard_id: Annotated[str, typer.Argument(help="The guard, see `tradewinds guards list`.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit.")] = "",
    state_dir: StateDir = None,
) -> None:
    """Guard it no more; its exit at the broker is cancelled."""
    request = trading_pb2.CancelGuardRequest(guard_id=guard_id, reason=reason)
    print_guards([with_connection(state_dir, lambda link: link.call(link.trading.CancelGuard, request))])


def print_guards(listed: list[trading_pb2.Guard]) -> None:
    """The table of guards."""
    rows = [
        (
            when(guard.created_at),
            guard.guard_id,
            guard.config_id,
            guard.instrument,
            short(common_pb2.Side, guard.side),
            rupees(guard.stop_price),
            rupees(guard.target_price),
            rupees(guard.trail),
            guard.state,
            guard.message,
        )
        for guard in listed
    ]
    columns = ("IST", "guard", "strategy", "instrument", "exit", ">stop ₹", ">target ₹", ">trail ₹", "state", "")
    print_table("Guards", columns, rows, empty="Nothing is guarded.")
