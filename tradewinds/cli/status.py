"""`tradewinds status` and `tradewinds health`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from tradewinds.cli.output import console, print_json, print_table, short, to_dict, when
from tradewinds.cli.positions import print_positions
from tradewinds.cli.runners import print_runners
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.cli.strategies import print_strategies
from tradewinds.cli.trading import print_orders
from tradewinds.client import acts
from tradewinds.client.connection import Connection
from tradewinds.errors import TradewindsError
from tradewinds.v1 import market_data_pb2, operations_pb2, trading_pb2

_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Overview:
    """Everything that one look at the system needs."""

    health: Any
    clock: Any
    accounts: Any
    runners: Any
    configs: list[Any]
    positions: Any
    orders: Any


async def _overview(link: Connection) -> Overview:
    health, clock, accounts, runners, configs, positions, orders = await asyncio.gather(
        link.call(link.operations.GetHealth, operations_pb2.GetHealthRequest()),
        link.call(link.market_data.GetMarketClock, market_data_pb2.GetMarketClockRequest()),
        link.call(link.operations.ListBrokerAccounts, operations_pb2.ListBrokerAccountsRequest()),
        link.call(link.operations.ListRunners, operations_pb2.ListRunnersRequest()),
        acts.list_strategy_configs(link),
        link.call(link.trading.ListPositions, trading_pb2.ListPositionsRequest()),
        link.call(link.trading.ListOrders, trading_pb2.ListOrdersRequest(page_size=5)),
    )
    return Overview(health, clock, accounts, runners, configs, positions, orders)


def status(
    state_dir: StateDir = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
) -> None:
    """Show the whole system at a glance: health, accounts, runners, strategies, positions, last orders."""
    if watch:
        with_connection(state_dir, lambda link: _watch(link, as_json=as_json))
        return
    _show(with_connection(state_dir, _overview), as_json=as_json)


async def _watch(link: Connection, *, as_json: bool) -> None:
    """One screen, or line, after the other; an engine that does not answer is said to, and asked again."""
    while True:
        try:
            seen = await _overview(link)
        except TradewindsError as e:
            print_json({"error": e.message}) if as_json else console.print(f"[red]{e.message}[/red]")
        else:
            console.clear()  # nothing where no terminal is
            _show(seen, as_json=as_json)
        await asyncio.sleep(_LOOK_SECONDS)


def _show(seen: Overview, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "health": to_dict(seen.health),
                "market_clock": to_dict(seen.clock),
                **to_dict(seen.accounts),
                **to_dict(seen.runners),
                "strategy_configs": [to_dict(config) for config in seen.configs],
                **to_dict(seen.positions),
                **to_dict(seen.orders),
            }
        )
        return
    _print_health(seen.health)
    console.print(f"Market time {when(seen.clock.market_time, date=True)} IST, running at ×{seen.clock.rate:g}\n")
    _print_accounts(seen.accounts.broker_accounts)
    print_runners(seen.runners.runners)
    console.print()
    print_strategies(seen.configs)
    console.print()
    print_positions(list(seen.positions.positions))
    console.print()
    print_orders(list(seen.orders.orders))


def health(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show what the system stands on; exit code 1 when something is down."""
    request = operations_pb2.GetHealthRequest()
    response = with_connection(state_dir, lambda link: link.call(link.operations.GetHealth, request))
    print_json(to_dict(response)) if as_json else _print_health(response)
    if not response.healthy:
        raise typer.Exit(1)


def _print_health(health_response: operations_pb2.GetHealthResponse) -> None:
    parts = ("database", "redis", "feed", "instruments", "runners", "accounts")
    marks = [f"{'[green]●[/green]' if getattr(health_response, part) else '[red]●[/red]'} {part}" for part in parts]
    console.print("  ".join(marks))
    for problem in health_response.problems:
        console.print(f"  [red]![/red] {problem}")


def _print_accounts(accounts: list[operations_pb2.BrokerAccount]) -> None:
    rows = [
        (
            account.account_id,
            account.broker,
            account.client_code,
            account.session,
            short(operations_pb2.Gate, account.gate),
            account.owner_id or "–",
            str(account.epoch),
            account.gate_reason or account.session_error,
        )
        for account in accounts
    ]
    columns = ("account", "broker", "client", "session", "gate", "owner", ">epoch", "")
    print_table("Broker accounts", columns, rows, empty="No broker accounts.")
    console.print()
