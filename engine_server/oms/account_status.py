"""What the owner of an account says of it when people ask: everything from memory, nobody is asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine_server.broker.connection_report import ConnectionReport
from engine_server.broker.fence import FenceReport
from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.margin_desk import MarginDesk
from engine_server.oms.vitals import Vitals
from tradewinds.clock import Clock


@dataclass(frozen=True)
class FenceStatus:
    """What the egress last confirmed, and when."""

    report: FenceReport | None
    confirmed_at: datetime | None


@dataclass(frozen=True)
class MarginStatus:
    """Rupees; None where the broker gives none."""

    available: Decimal | None = None
    utilised: Decimal | None = None
    committed: Decimal = Decimal(0)
    read_at: datetime | None = None
    is_current: bool = False
    problem: str = ""


@dataclass(frozen=True)
class AccountStatus:
    """One account, now."""

    as_of: datetime
    vitals: Vitals
    connection: ConnectionReport
    fence: FenceStatus
    margin: MarginStatus
    working_orders: int
    unknown_orders: int
    holds: int
    guards: int


def status_of(
    vitals: Vitals,
    connection: ConnectionReport,
    fence: FenceStatus,
    state: AccountState | None,
    desk: MarginDesk | None,
    clock: Clock,
) -> AccountStatus:
    """Put together; without a state the account is still being read from the database."""
    working = state.working if state is not None else WorkingOrders()
    return AccountStatus(
        as_of=clock.now(),
        vitals=vitals,
        connection=connection,
        fence=fence,
        margin=_margin(state, desk, clock) if state is not None and desk is not None else MarginStatus(),
        working_orders=len(working),
        unknown_orders=len(working.unknown),
        holds=len(state.holds) if state is not None else 0,
        guards=len(state.guards) if state is not None else 0,
    )


def _margin(state: AccountState, desk: MarginDesk, clock: Clock) -> MarginStatus:
    figures, report = state.margins, desk.report
    return MarginStatus(
        available=figures.funds.available if figures.funds is not None else None,
        utilised=report.utilised if report is not None else None,
        committed=figures.committed,
        read_at=desk.read_at,
        is_current=figures.is_current(clock.monotonic()),
        problem=desk.problem,
    )
