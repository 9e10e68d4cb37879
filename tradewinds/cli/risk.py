"""`tradewinds risk`, `tradewinds kill` and `tradewinds release`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from tradewinds.cli.output import console, print_json, print_json_line, print_table, rupees, short, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, say_error, with_connection
from tradewinds.client.connection import Connection
from tradewinds.errors import TradewindsError, UnavailableError
from tradewinds.ids import new_id
from tradewinds.v1 import risk_pb2 as pb

risk = typer.Typer(no_args_is_help=True, help="See and change risk limits, and what waits for approval.")
kill = typer.Typer(no_args_is_help=True, help="Stop trading. Cancels and exits always pass.")

LimitId = Annotated[str, typer.Argument(help="global, account-ACCOUNT_ID or strategy-CONFIG_ID")]
DecisionId = Annotated[str, typer.Argument(help="The decision, see `tradewinds risk decisions`.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; goes into the audit log.")]
Account = Annotated[str, typer.Option("--account", help="Everything of this account.")]
Strategy = Annotated[str, typer.Option("--strategy", help="This configured strategy alone.")]
Everything = Annotated[bool, typer.Option("--all", help="Every account.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0, help="Wait so many seconds at most until it is proven at the broker.")
]
_WAIT_SECONDS = 0.5
_PROVEN_SECONDS = (
    300.0  # two hundred orders are cancelled in half a minute; a close that nobody takes is chased for minutes
)
_NOT_PROVEN = 3  # exit code: engaged, and not done when the time was over
_LIMITS = [
    field.name
    for field in pb.RiskLimit.DESCRIPTOR.fields
    if field.type == field.TYPE_STRING and field.name not in ("limit_id", "subject_id")
]


@risk.command()
def limits(
    limit_id: Annotated[str, typer.Argument(help="One scope; all when left out.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in force, what was set, and what is used of it."""

    async def act(link: Connection) -> list[pb.RiskLimit]:
        if limit_id:
            return [await link.call(link.operations.GetRiskLimit, pb.GetRiskLimitRequest(limit_id=limit_id))]
        return list((await link.call(link.operations.ListRiskLimits, pb.ListRiskLimitsRequest())).risk_limits)

    found = with_connection(state_dir, act)
    print_json([to_dict(limit) for limit in found]) if as_json else _print_limits(found)


@risk.command("set")
def set_limits(
    limit_id: LimitId,
    values: Annotated[list[str], typer.Argument(help="NAME=VALUE …; NAME= goes back to the default.")],
    reason: Reason,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Change limits: tighter at once, looser after approvals and a cool-off."""
    pairs = [_pair(text) for text in values]
    limit = pb.RiskLimit(limit_id=limit_id)
    for name, value in pairs:
        setattr(limit, name, value)
    request = pb.UpdateRiskLimitRequest(
        risk_limit=limit,
        update_mask=FieldMask(paths=[name for name, _ in pairs]),
        reason=reason,
        request_id=new_id("cli"),
    )
    changed = with_connection(state_dir, lambda link: link.call(link.operations.UpdateRiskLimit, request))
    if as_json:
        print_json(to_dict(changed))
        return
    _print_limits([changed])
    _print_decisions(list(changed.pending))


@risk.command()
def decisions(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what waits for approvals or for its cool-off."""
    request = pb.ListRiskDecisionsRequest(include_ended=every)
    found = with_connection(state_dir, lambda link: link.call(link.operations.ListRiskDecisions, request))
    listed = list(found.risk_decisions)
    print_json([to_dict(one) for one in listed]) if as_json else _print_decisions(listed)


@risk.command()
def approve(decision_id: DecisionId, reason: Reason = "", state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Approve a decision."""
    request = pb.ApproveRiskDecisionRequest(decision_id=decision_id, reason=reason)
    decision = with_connection(state_dir, lambda link: link.call(link.operations.ApproveRiskDecision, request))
    _show_decision(decision, as_json=as_json)


@risk.command()
def withdraw(decision_id: DecisionId, reason: Reason = "", state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Take a decision back before it is applied."""
    request = pb.WithdrawRiskDecisionRequest(decision_id=decision_id, reason=reason)
    decision = with_connection(state_dir, lambda link: link.call(link.operations.WithdrawRiskDecision, request))
    _show_decision(decision, as_json=as_json)


@kill.command("reduce-only")
def reduce_only(
    reason: Reason,
    account: Account = "",
    strategy: Strategy = "",
    everything: Everything = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """No entries; strategies go on and may exit."""
    _engage("REDUCE_ONLY", reason, account, strategy, everything=everything, state_dir=state_dir, as_json=as_json)


@kill.command()
def halt(
    reason: Reason,
    account: Account = "",
    strategy: Strategy = "",
    everything: Everything = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """No entries, and strategies are stopped. What works and what is open is left alone."""
    _engage("HALT", reason, account, strategy, everything=everything, state_dir=state_dir, as_json=as_json)


@kill.command("cancel-all")
def cancel_all(
    reason: Reason,
    account: Account = "",
    strategy: Strategy = "",
    everything: Everything = False,
    timeout: Timeout = _PROVEN_SECONDS,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Halt, and cancel every working order of ours; waits until the broker shows none.

    Exit code 3 when the time is over before: it stays engaged and goes on. With --json a line for each step.
    """
    _engage(
        "CANCEL_ALL",
        reason,
        account,
        strategy,
        everything=everything,
        timeout=timeout,
        state_dir=state_dir,
        as_json=as_json,
    )


@kill.command("square-off")
def square_off(
    reason: Reason,
    account: Account = "",
    strategy: Strategy = "",
    everything: Everything = False,
    holdings: Annotated[bool, typer.Option("--holdings", help="Sell delivered shares (CNC) as well.")] = False,
    timeout: Timeout = _PROVEN_SECONDS,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Cancel all, buy shorts back, sell longs; waits until the broker shows nothing open.

    Exit code 3 when the time is over before: it stays engaged and goes on. With --json a line for each step.
    """
    _engage(
        "SQUARE_OFF",
        reason,
        account,
        strategy,
        everything=everything,
        holdings=holdings,
        timeout=timeout,
        state_dir=state_dir,
        as_json=as_json,
    )


@kill.command()
def show(
    every: Annotated[bool, typer.Option("--released", help="Released ones too.")] = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show kill switches and how far they are."""
    request = pb.ListKillSwitchesRequest(include_released=every)
    found = with_connection(state_dir, lambda link: link.call(link.operations.ListKillSwitches, request))
    listed = list(found.kill_switches)
    print_json([to_dict(one) for one in listed]) if as_json else _print_kills(listed)


def release(
    kill_id: Annotated[str, typer.Argument(help="The kill switch, see `tradewinds kill show`.")],
    reason: Reason,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask for the release of a kill switch. Strategies stay stopped: start them yourself."""
    request = pb.ReleaseKillSwitchRequest(kill_id=kill_id, reason=reason)
    released = with_connection(state_dir, lambda link: link.call(link.operations.ReleaseKillSwitch, request))
    _show_decision(released.pending_release, as_json=as_json)


def pnl(
    config: Annotated[str, typer.Option("--config", help="The book of this configured strategy.")] = "",
    account: Annotated[str, typer.Option("--account", help="Of this account only.")] = "",
    start: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD; today when left out.")] = "",
    end: Annotated[str, typer.Option("--to", help="Last day.")] = "",
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the results of days, charges deducted."""
    request = pb.ListProfitAndLossRequest(account_id=account, config_id=config, start_day=start, end_day=end)
    days = list(with_connection(state_dir, lambda link: link.call(link.operations.ListProfitAndLoss, request)).days)
    if as_json:
        print_json([to_dict(day) for day in days])
        return
    rows = [
        (
            day.day,
            day.config_id or day.account_id,
            rupees(day.realised_pnl),
            rupees(day.unrealised_pnl),
            rupees(day.charges),
            rupees(day.net_pnl),
            rupees(day.drawdown),
            f"{day.unpriced_positions} positions without a price" if day.unpriced_positions else "",
        )
        for day in days
    ]
    columns = ("day", "whose", ">realised ₹", ">unrealised ₹", ">charges ₹", ">net ₹", ">drawdown ₹", "")
    print_table("Profit and loss", columns, rows, empty="No trades in these days.")


def _engage(
    action: str,
    reason: str,
    account: str,
    strategy: str,
    *,
    everything: bool,
    state_dir: StateDir,
    as_json: bool,
    holdings: bool = False,
    timeout: float = _PROVEN_SECONDS,
) -> None:
    named = {"GLOBAL": "*" if everything else "", "ACCOUNT": account, "STRATEGY": strategy}
    chosen = [(scope, subject) for scope, subject in named.items() if subject]
    if len(chosen) != 1:
        raise typer.BadParameter("say whom: one of --account ID, --strategy ID, --all")
    ((scope, subject),) = chosen
    request = pb.EngageKillSwitchRequest(
        scope=f"RISK_SCOPE_{scope}",
        subject_id="" if scope == "GLOBAL" else subject,
        action=f"KILL_ACTION_{action}",
        include_holdings=holdings,
        reason=reason,
        request_id=new_id("cli"),
    )
    tell = _tell_json if as_json else _tell
    last = with_connection(state_dir, lambda link: _until_done(link, request, tell, timeout))
    if not as_json:
        _print_kills([last])
    if not last.done:
        say_error(UnavailableError(f"after {timeout:g} s it is not proven: {_left(last)}; {_still(last.kill_id)}"))
        raise typer.Exit(_NOT_PROVEN)


def _tell(engaged: pb.KillSwitch) -> None:
    if not engaged.done:
        console.print(f"{engaged.kill_id}: entries are stopped; {_left(engaged)}", markup=False)


def _tell_json(engaged: pb.KillSwitch) -> None:
    print_json_line(to_dict(engaged))


async def _until_done(
    link: Connection, request: pb.EngageKillSwitchRequest, tell: Callable[[pb.KillSwitch], None], seconds: float
) -> pb.KillSwitch:
    """Entries are stopped when the first call returns; each step from there is told, the last one included. Ctrl-C leaves it going on."""
    engaged: pb.KillSwitch = await link.call(link.operations.EngageKillSwitch, request)
    tell(engaged)
    ends_at = time.monotonic() + seconds
    while not engaged.done and time.monotonic() < ends_at:
        await asyncio.sleep(min(_WAIT_SECONDS, seconds))
        now = await _look(link, engaged)
        if now != engaged:
            tell(now)
        engaged = now
    return engaged


async def _look(link: Connection, engaged: pb.KillSwitch) -> pb.KillSwitch:
    """How far it is; as it was where nobody answers now: it is engaged all the same."""
    try:
        now: pb.KillSwitch = await link.call(
            link.operations.GetKillSwitch, pb.GetKillSwitchRequest(kill_id=engaged.kill_id)
        )
    except TradewindsError:
        return engaged
    return now


def _still(kill_id: str) -> str:
    return (
        f"{kill_id} stays in force and goes on, look again with `tradewinds kill show`, "
        f"end it with `tradewinds release {kill_id}`"
    )


def _left(engaged: pb.KillSwitch) -> str:
    parts = [
        f"{one.account_id}: {one.open_orders} orders and {one.open_positions} positions open"
        f"{f' ({one.problem})' if one.problem else ''}"
        for one in engaged.progress
        if not one.HasField("proven_at")
    ]
    return "; ".join(parts) or "the broker's books are being read"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in _LIMITS:
        raise typer.BadParameter(
            f"VALUES: {text!r} is not of the form max_order_value=500000; see `tradewinds risk limits`"
        )
    return name, value


def _print_limits(listed: list[pb.RiskLimit]) -> None:
    rows = [
        (limit.limit_id, name, value, _set_here(limit, name), limit.usage.get(name, ""))
        for limit in listed
        for name, value in sorted(limit.in_force.items())
    ]
    columns = ("whose", "limit", ">in force", ">set here", ">used")
    print_table("Risk limits (rupees unless the name says otherwise)", columns, rows, empty="No limits.")


def _set_here(limit: pb.RiskLimit, name: str) -> str:
    """`capital_allocated` is the configuration's."""
    return getattr(limit, name) or "default" if name in _LIMITS else "configuration"


def _print_decisions(listed: list[pb.RiskDecision]) -> None:
    rows = [
        (
            one.decision_id,
            short(pb.RiskDecisionKind, one.kind),
            one.subject_id or "everybody",
            " ".join(f"{name}={value}" for name, value in sorted(one.changes.items())),
            f"{len(one.approvals)}/{one.approvals_needed}",
            when(one.applies_at),
            short(pb.RiskDecisionState, one.state),
            one.reason,
        )
        for one in listed
    ]
    columns = ("decision", "what", "whose", "changes", ">approvals", "not before IST", "state", "reason")
    print_table("Decisions", columns, rows, empty="Nothing waits.")


def _show_decision(decision: pb.RiskDecision, *, as_json: bool) -> None:
    print_json(to_dict(decision)) if as_json else _print_decisions([decision])


def _print_kills(listed: list[pb.KillSwitch]) -> None:
    rows = [
        (
            one.kill_id,
            short(pb.KillAction, one.action),
            one.subject_id or "everything",
            when(one.engaged_at),
            one.engaged_by,
            progress.account_id,
            f"fenced off at {when(progress.fenced_at)}"
            if progress.HasField("fenced_at")
            else when(progress.acknowledged_at),
            str(progress.open_orders),
            str(progress.open_positions),
            when(progress.proven_at),
            progress.problem or one.reason,
        )
        for one in listed
        for progress in one.progress
    ]
    columns = (
        *("kill switch", "action", "whose", "since IST", "by", "account", "acknowledged", ">orders", ">positions"),
        *("proven", ""),
    )
    print_table("Kill switches", columns, rows, empty="No kill switch is engaged.")
