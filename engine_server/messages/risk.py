"""Limits, kill switches and decisions as protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.oms.domain.kill_switch import KillAction
from engine_server.oms.domain.risk.limits import LimitName, Scope
from engine_server.oms.kill_desk import AccountProgress, KillStatus
from engine_server.oms.risk_decisions import Decision
from engine_server.oms.risk_limits import LimitsOf
from tradewinds.errors import InvalidArgumentError
from tradewinds.money import format_rupees
from tradewinds.v1 import risk_pb2 as pb


def scope_of(value: int) -> Scope:
    """Raises `InvalidArgumentError` where none is said."""
    name = pb.RiskScope.Name(value).removeprefix("RISK_SCOPE_") if value in pb.RiskScope.values() else ""
    if name not in Scope.__members__:
        raise InvalidArgumentError.field("scope", f"say one of {', '.join(Scope)}")
    return Scope(name)


def action_of(value: int) -> KillAction:
    """Raises `InvalidArgumentError` where none is said."""
    name = pb.KillAction.Name(value).removeprefix("KILL_ACTION_") if value in pb.KillAction.values() else ""
    if name not in KillAction.__members__:
        raise InvalidArgumentError.field("action", f"say one of {', '.join(KillAction)}")
    return KillAction(name)


def wanted_changes(request: pb.UpdateRiskLimitRequest) -> dict[str, str]:
    """Limit name to new value: what the mask names, or without one what is not empty."""
    paths = [path.removeprefix("risk_limit.") for path in request.update_mask.paths]
    limit = request.risk_limit
    if paths:
        return {path: getattr(limit, path) if path in LimitName.__members__.values() else "" for path in paths}
    return {name: getattr(limit, name) for name in LimitName if getattr(limit, name)}


_CAPITAL: Final = "capital_allocated"


def limit_message(
    limits: LimitsOf, usage: Mapping[LimitName, Decimal], capital: tuple[Decimal, Decimal] | None = None
) -> pb.RiskLimit:
    """One scope's limits; `capital` is what a strategy was allocated and what it uses of it."""
    subject = limits.subject
    message = pb.RiskLimit(
        limit_id=subject.limit_id,
        scope=f"RISK_SCOPE_{subject.scope}",
        subject_id=subject.subject_id,
        in_force={name.value: _figure(value) for name, value in limits.in_force.items()},
        usage={name.value: _figure(value) for name, value in usage.items()},
        pending=[decision_message(decision) for decision in limits.pending],
        **{name.value: _figure(value) for name, value in limits.set_values.items()},
    )
    if capital is not None:
        message.in_force[_CAPITAL], message.usage[_CAPITAL] = map(_figure, capital)
    return message


def decision_message(decision: Decision) -> pb.RiskDecision:
    """One decision."""
    return pb.RiskDecision(
        decision_id=decision.decision_id,
        kind=f"RISK_DECISION_KIND_{decision.kind}",
        scope=f"RISK_SCOPE_{decision.scope}",
        subject_id=decision.subject_id,
        changes=dict(decision.changes),
        reason=decision.reason,
        requested_by=decision.requested_by,
        requested_at=_timestamp(decision.requested_at),
        approvals=decision.approvals,
        approvals_needed=decision.approvals_needed,
        applies_at=_timestamp(decision.applies_at),
        state=f"RISK_DECISION_STATE_{decision.state}",
    )


def kill_message(status: KillStatus) -> pb.KillSwitch:
    """One kill switch and how far it is."""
    kill = status.kill
    return pb.KillSwitch(
        kill_id=kill.kill_id,
        scope=f"RISK_SCOPE_{kill.scope}",
        subject_id=kill.subject_id,
        action=f"KILL_ACTION_{kill.action}",
        include_holdings=kill.include_holdings,
        reason=kill.reason,
        engaged_by=kill.engaged_by,
        engaged_at=_timestamp(kill.engaged_at),
        released_by=status.released_by,
        release_reason=status.release_reason,
        released_at=_timestamp(status.released_at),
        progress=[_progress_message(one) for one in status.progress],
        done=status.is_done,
        pending_release=decision_message(status.pending_release) if status.pending_release is not None else None,
    )


def days_of(request: pb.ListProfitAndLossRequest, today: date) -> tuple[date, date]:
    """First and last day; today where none is said. Raises `InvalidArgumentError`."""
    start = _day(request.start_day, "start_day", today)
    return start, _day(request.end_day, "end_day", today if not request.start_day else max(start, today))


def day_message(row: Mapping[str, Any]) -> pb.ProfitAndLoss:
    """One day of one book."""
    net = row["realised"] + row["unrealised"] - row["charges"]
    return pb.ProfitAndLoss(
        account_id=row["account_id"],
        config_id=row["config_id"],
        day=row["day"].isoformat(),
        realised_pnl=format_rupees(row["realised"]),
        unrealised_pnl=format_rupees(row["unrealised"]),
        charges=format_rupees(row["charges"]),
        net_pnl=format_rupees(net),
        drawdown=format_rupees(row["best"] - net),
        unpriced_positions=row["unpriced"],
        updated_at=_timestamp(row["updated_at"]),
    )


def _day(text: str, field: str, default: date) -> date:
    try:
        return date.fromisoformat(text) if text else default
    except ValueError as e:
        raise InvalidArgumentError.field(field, f"is {text!r}; write a day as YYYY-MM-DD") from e


def _progress_message(progress: AccountProgress) -> pb.KillProgress:
    return pb.KillProgress(
        account_id=progress.account_id,
        owner_id=progress.owner_id,
        epoch=progress.epoch,
        acknowledged_at=_timestamp(progress.acknowledged_at),
        fenced_at=_timestamp(progress.fenced_at),
        open_orders=progress.open_orders,
        open_positions=progress.open_positions,
        proven_at=_timestamp(progress.proven_at),
        problem=progress.problem,
    )


def _figure(value: Decimal) -> str:
    """Without trailing zeros: `200`, `2.5`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
