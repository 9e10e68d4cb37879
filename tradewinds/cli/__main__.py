"""The command `tradewinds`."""

from __future__ import annotations

import typer

from tradewinds.cli import strategies, trading
from tradewinds.cli.notifications import notifications
from tradewinds.cli.status import health, status
from tradewinds.cli.token import token
from tradewinds.cli.up import up

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tradewinds: a fleet of live trading strategies under one order management system. Start with `tradewinds up`.",
)
app.command()(up)
app.command()(status)
app.add_typer(strategies.app, name="strategies")
app.add_typer(trading.orders, name="orders")
app.command()(trading.positions)
app.command()(notifications)
app.command()(token)
app.command()(health)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
