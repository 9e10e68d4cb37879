"""Answers that fit a telephone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from tradewinds.money import in_rupees
from tradewinds.v1 import operations_pb2, risk_pb2
from tradewinds.v1 import strategy_manager_pb2 as strategies_pb2

_MOST_LINES: Final = 30


def status_text(health: Any, accounts: Iterable[Any], configs: Iterable[Any], kills: Iterable[Any]) -> str:
    """Health, what is stopped, accounts, strategies."""
    lines = ["Everything is well." if health.healthy else "NOT WELL: " + "; ".join(health.problems)]
    engaged = list(kills)
    lines += [_kill_line(kill) for kill in engaged]
    stopped = {kill.subject_id for kill in engaged}
    lines += [
        _account_line(account, is_stopped=not stopped.isdisjoint(("", account.account_id))) for account in accounts
    ]
    strategies = list(configs)
    lines += [_strategy_line(config) for config in strategies[:_MOST_LINES]]
    if rest := strategies[_MOST_LINES:]:
        counts = Counter(_state(config) for config in rest)
        lines.append("and " + ", ".join(f"{count} {state}" for state, count in counts.most_common()))
    return "\n".join(lines)


def pnl_text(days: Iterable[Any]) -> str:
    """Each account's day, and all of them together."""
    rows = list(days)
    if not rows:
        return "Nothing has been counted today."
    lines = [
        f"{row.account_id}: {_rupees(row.net_pnl)} (realised {_rupees(row.realised_pnl)}, open {_rupees(row.unrealised_pnl)}, "
        f"charges {_rupees(row.charges)})"
        + (f", {row.unpriced_positions} without a price" if row.unpriced_positions else "")
        for row in rows
    ]
    if len(rows) > 1:
        lines.append(f"together: {_rupees(str(sum(Decimal(row.net_pnl or '0') for row in rows)))}")
    return "\n".join(lines)


def progress_text(target: str, kill: Any) -> str:
    """How far a kill switch is."""
    left_orders = sum(one.open_orders for one in kill.progress)
    left_positions = sum(one.open_positions for one in kill.progress)
    left = f"{_many(left_orders, 'order')}, {_many(left_positions, 'position')}"
    how = "done" if kill.done else f"engaged; open now: {left}"
    return f"{target}: {_action(kill)} {how}.\nNo entries until it is released: tradewinds release {kill.kill_id}"


def _kill_line(kill: Any) -> str:
    return f"Kill switch: {_action(kill)} of {kill.subject_id or 'everything'} by {kill.engaged_by}: {kill.reason}" + (
        "" if kill.done else " (not done yet)"
    )


def _account_line(account: Any, *, is_stopped: bool) -> str:
    if account.gate != operations_pb2.GATE_OPEN:
        return f"{account.account_id}: orders do NOT pass: {account.gate_reason}"
    return f"{account.account_id}: " + ("only exits and cancels pass" if is_stopped else "orders pass")


def _strategy_line(config: Any) -> str:
    reason = f": {config.state_reason}" if config.state_reason and not config.paused else ""
    return f"{config.config_id}: {_state(config)}{reason}"


def _state(config: Any) -> str:
    state = _words(strategies_pb2.StrategyState.Name(config.state), "STRATEGY_STATE_")
    return f"{state}, paused" if config.paused else state


def _action(kill: Any) -> str:
    return _words(risk_pb2.KillAction.Name(kill.action), "KILL_ACTION_")


def _words(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).replace("_", " ").lower()


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _rupees(amount: str) -> str:
    return in_rupees(Decimal(amount or "0").quantize(Decimal("0.01")))
