"""One broker account as its owner knows it: passed to the engine that runs it, domain to proto."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.oms.account_status import AccountStatus, MarginStatus
from engine_server.oms.registry import AccountRegistry
from engine_server.oms.vitals import Vitals
from engine_server.rpc.callers import current_caller
from engine_server.rpc.forwarding import answered_by_owner
from engine_server.rpc.peers import Peers
from tradewinds.errors import UnavailableError
from tradewinds.money import format_rupees
from tradewinds.telemetry import get_logger
from tradewinds.v1 import operations_pb2 as pb

log = get_logger("rpc.accounts")

_METHOD = "Operations/GetBrokerAccount"


class OwnersWord:
    """What the owner of an account says of it, from whichever engine."""

    def __init__(self, registry: AccountRegistry, peers: Peers) -> None:
        self._registry = registry
        self._peers = peers

    async def about(self, request: pb.GetBrokerAccountRequest, context: Any) -> pb.BrokerAccountStatus | None:
        """None where no engine owns the account, or the owner does not answer. Raises `NotFoundError` for another's."""
        try:
            answer = await answered_by_owner(
                self._here(request.account_id), self._peers, _METHOD, request, pb.BrokerAccount, context
            )
        except UnavailableError as e:
            log.warning_throttled("unanswered", account_id=request.account_id, error=e.message)
            return None
        return answer.status if answer.HasField("status") else None

    async def _here(self, account_id: str) -> pb.BrokerAccount:
        account = await self._registry.accounts.of_caller(current_caller(), account_id)
        management = await self._registry.management_of(account.account_id)
        return pb.BrokerAccount(account_id=account.account_id, status=_status(management.status()))


def _status(status: AccountStatus) -> pb.BrokerAccountStatus:
    connection, fence, vitals = status.connection, status.fence, status.vitals
    return pb.BrokerAccountStatus(
        as_of=_timestamp(status.as_of),
        session_usable=connection.session_usable,
        session_expires_at=_timestamp(connection.session_ends_at),
        source_address=fence.report.source_address if fence.report is not None else "",
        problem=connection.problem,
        fence_epoch=fence.report.epoch if fence.report is not None else 0,
        fence_confirmed_at=_timestamp(fence.confirmed_at),
        order_stream=_stream(vitals, connection.stream_age_seconds),
        reconciling=vitals.reconciling,
        reconciled_at=_timestamp(vitals.reconciled_at),
        positions_compared_at=_timestamp(vitals.positions_compared_at),
        trades_compared_at=_timestamp(vitals.trades_compared_at),
        budgets=[
            pb.BudgetWindow(
                category=one.category,
                window_seconds=one.window_seconds,
                limit=one.limit,
                left=one.left,
                paused_seconds=one.paused_seconds,
            )
            for one in connection.budgets
        ],
        margin=_margin(status.margin),
        working_orders=status.working_orders,
        unknown_orders=status.unknown_orders,
        holds=status.holds,
        guards=status.guards,
    )


def _stream(vitals: Vitals, age_seconds: float | None) -> pb.OrderStreamStatus:
    return pb.OrderStreamStatus(
        connected=vitals.stream_connected,
        problem=vitals.stream_problem,
        changed_at=_timestamp(vitals.stream_changed_at),
        age_ms=-1 if age_seconds is None else int(age_seconds * 1000),
    )


def _margin(margin: MarginStatus) -> pb.MarginFigures:
    return pb.MarginFigures(
        available=_rupees(margin.available),
        utilised=_rupees(margin.utilised),
        committed=_rupees(margin.committed),
        read_at=_timestamp(margin.read_at),
        current=margin.is_current,
        problem=margin.problem,
    )


def _rupees(amount: Decimal | None) -> str:
    return format_rupees(amount) if amount is not None else ""


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
