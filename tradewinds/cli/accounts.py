"""`tradewinds accounts`: can it trade, and if not, why not? And the login by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from tradewinds.cli.output import console, print_json, print_table, rupees, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.client.connection import Connection
from tradewinds.v1 import operations_pb2 as pb

accounts = typer.Typer(no_args_is_help=True, help="Broker accounts: session, fence, gate, budgets, books.")


@accounts.command()
def status(
    account: Annotated[str, typer.Argument(help="Of this account only.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what the owner of each account knows of it now; exit code 1 where a gate is closed."""

    async def look(link: Connection) -> list[pb.BrokerAccount]:
        listed = await link.call(link.operations.ListBrokerAccounts, pb.ListBrokerAccountsRequest())
        ids = [account] if account else [one.account_id for one in listed.broker_accounts]
        return [
            await link.call(link.operations.GetBrokerAccount, pb.GetBrokerAccountRequest(account_id=one)) for one in ids
        ]

    found = with_connection(state_dir, look)
    if as_json:
        print_json([to_dict(one) for one in found])
    else:
        for one in found:
            print_account(one)
    if any(one.gate != pb.GATE_OPEN for one in found):
        raise typer.Exit(1)


@accounts.command()
def login(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    one_time_password: Annotated[
        str,
        typer.Option(help="The six digits that the authenticator shows; without them the stored secret makes some."),
    ] = "",
    reason: Annotated[str, typer.Option(help="Why; goes into the audit log.")] = "",
    state_dir: StateDir = None,
) -> None:
    """Log in now, on a day on which it does not succeed by itself. The gate opens once the books have been read."""
    asked = pb.LoginBrokerAccountRequest(account_id=account, one_time_password=one_time_password, reason=reason)

    async def log_in(link: Connection) -> pb.BrokerAccount:
        await link.call(link.operations.LoginBrokerAccount, asked)
        found: pb.BrokerAccount = await link.call(
            link.operations.GetBrokerAccount, pb.GetBrokerAccountRequest(account_id=account)
        )
        return found

    print_account(with_connection(state_dir, log_in))


def print_account(account: pb.BrokerAccount) -> None:
    """One account, line by line, then its budgets."""
    gate = short(pb.Gate, account.gate) + (f": {account.gate_reason}" if account.gate_reason else "")
    rows = [("gate", gate), ("owner", f"{account.owner_id or 'none'}, epoch {account.epoch}")]
    if account.HasField("status"):
        rows += _facts(account, account.status)
    else:
        rows += [("session", account.session), ("", "no owner answers: the rest is not known now")]
    title = f"{account.account_id} ({account.broker} {account.client_code})"
    print_table(title, ("", ""), rows, empty="")
    if account.status.budgets:
        print_table("Left of the broker's rates", ("", "left"), _budgets(account.status.budgets), empty="")
    console.print()


def _facts(account: pb.BrokerAccount, status: pb.BrokerAccountStatus) -> list[tuple[str, str]]:
    stream, margin, now = status.order_stream, status.margin, status.as_of
    session = "usable" if status.session_usable else "not usable"
    trading = f"{status.working_orders} working, {status.unknown_orders} unknown"
    return [
        ("session", f"{session}, until {when(status.session_expires_at, date=True)} IST"),
        ("problem", status.problem or account.session_error or "none known"),
        ("broker sees", status.source_address or "nothing was sent yet"),
        ("fence", f"epoch {status.fence_epoch}, confirmed {_age(status.fence_confirmed_at, now)}"),
        ("order stream", f"{'stands' if stream.connected else stream.problem}, heard {_milliseconds(stream.age_ms)}"),
        ("reconciled", f"{_age(status.reconciled_at, now)}{f' ({status.reconciling})' if status.reconciling else ''}"),
        ("positions", f"compared {_age(status.positions_compared_at, now)}"),
        ("trades", f"compared {_age(status.trades_compared_at, now)}"),
        ("orders", f"{trading}; {status.guards} guards, {status.holds} holds"),
        ("margin", f"{rupees(margin.available)} ₹ available, {rupees(margin.committed)} ₹ committed since"),
        ("", margin.problem or f"read {_age(margin.read_at, now)}"),
    ]


def _budgets(budgets: Sequence[pb.BudgetWindow]) -> list[tuple[str, str]]:
    by_category: dict[str, list[str]] = {}
    for one in budgets:
        paused = f" paused {one.paused_seconds:.0f} s" if one.paused_seconds else ""
        by_category.setdefault(one.category, []).append(f"{one.left}/{one.limit} in {one.window_seconds:g} s{paused}")
    return [(category, ", ".join(windows)) for category, windows in by_category.items()]


def _age(moment: Timestamp, now: Timestamp) -> str:
    """By the owner's own clock."""
    if not moment.seconds:
        return "never"
    seconds = (_of(now) - _of(moment)).total_seconds()
    return f"{max(0.0, seconds):.0f} s ago"


def _of(moment: Timestamp) -> datetime:
    return moment.ToDatetime()


def _milliseconds(age_ms: int) -> str:
    return "never" if age_ms < 0 else f"{age_ms / 1000:.0f} s ago"
