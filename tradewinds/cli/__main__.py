"""The command `tradewinds`."""

from __future__ import annotations

import typer

from tradewinds.cli import market, order_day, runners, strategies
from tradewinds.cli.accounts import accounts
from tradewinds.cli.alerts import alerts
from tradewinds.cli.audit import audit
from tradewinds.cli.broker import broker
from tradewinds.cli.calendar import calendar
from tradewinds.cli.guards import guards
from tradewinds.cli.instruments import instruments
from tradewinds.cli.interventions import holds
from tradewinds.cli.notifications import notifications
from tradewinds.cli.positions import positions
from tradewinds.cli.risk import kill, pnl, release, risk
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
app.add_typer(accounts, name="accounts")
app.add_typer(strategies.app, name="strategies")
app.add_typer(runners.app, name="runners")
app.add_typer(order_day.orders, name="orders")
app.add_typer(holds, name="holds")
app.add_typer(guards, name="guards")
app.add_typer(positions, name="positions")
app.command()(market.quotes)
app.command()(market.chain)
app.command()(market.bars)
app.command()(market.feed)
app.add_typer(instruments, name="instruments")
app.add_typer(calendar, name="calendar")
app.add_typer(broker, name="broker")
app.add_typer(alerts, name="alerts")
app.add_typer(notifications, name="notifications")
app.add_typer(audit, name="audit")
app.add_typer(risk, name="risk")
app.add_typer(kill, name="kill")
app.command()(release)
app.command()(pnl)
app.command()(token)
app.command()(health)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
