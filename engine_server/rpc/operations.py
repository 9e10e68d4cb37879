"""Operations: protobuf to domain and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.fleet.cordons import Cordons
from engine_server.oms.not_found import no_account
from engine_server.operations.health import HealthCheck
from engine_server.operations.listings import AccountListing, Listings
from engine_server.rpc.audit import AuditRpcs
from engine_server.rpc.broker_accounts import OwnersWord
from engine_server.rpc.broker_logins import BrokerLogins
from engine_server.rpc.risk import RiskParts, RiskRpcs
from tradewinds import auth
from tradewinds.paging import decode_token, encode_token, page_size
from tradewinds.v1 import common_pb2, operations_pb2, operations_pb2_grpc


class OperationsServicer(AuditRpcs, RiskRpcs, operations_pb2_grpc.OperationsServicer):
    """Shows how the system is, sets runners aside, limits trading and stops it."""

    def __init__(
        self,
        health: HealthCheck,
        listings: Listings,
        cordons: Cordons,
        risk: RiskParts,
        logins: BrokerLogins,
        owners: OwnersWord,
    ) -> None:
        self._health = health
        self._cordons = cordons
        self._listings = listings
        self._risk = risk
        self._logins = logins
        self._owners = owners
        self._database = risk.database

    async def GetHealth(  # noqa: N802
        self, request: operations_pb2.GetHealthRequest, context: Any
    ) -> operations_pb2.GetHealthResponse:
        """What is well and what is not."""
        health = await self._health.look()
        return operations_pb2.GetHealthResponse(
            healthy=health.healthy,
            database=health.database,
            redis=health.redis,
            feed=health.feed,
            runners=health.runners,
            accounts=health.accounts,
            instruments=health.instruments,
            problems=health.problems,
        )

    async def ListRunners(  # noqa: N802
        self, request: operations_pb2.ListRunnersRequest, context: Any
    ) -> operations_pb2.ListRunnersResponse:
        """The runners that hold a lease."""
        return operations_pb2.ListRunnersResponse(runners=map(_runner, await self._listings.runners()))

    async def CordonRunner(  # noqa: N802
        self, request: operations_pb2.CordonRunnerRequest, context: Any
    ) -> operations_pb2.Runner:
        """Nothing new for a runner."""
        return await self._cordon(request, is_drained=False)

    async def DrainRunner(  # noqa: N802
        self, request: operations_pb2.DrainRunnerRequest, context: Any
    ) -> operations_pb2.Runner:
        """Nothing new for a runner, and away with what it has."""
        return await self._cordon(request, is_drained=True)

    async def UncordonRunner(  # noqa: N802
        self, request: operations_pb2.UncordonRunnerRequest, context: Any
    ) -> operations_pb2.UncordonRunnerResponse:
        """A runner takes strategies again."""
        actor = auth.principal().subject
        await self._cordons.uncordon(request.runner_id, reason=request.reason, actor=actor)
        return operations_pb2.UncordonRunnerResponse()

    async def _cordon(self, request: Any, *, is_drained: bool) -> operations_pb2.Runner:
        actor, runner_id = auth.principal().subject, request.runner_id
        await self._cordons.cordon(runner_id, is_drained=is_drained, reason=request.reason, actor=actor)
        rows = [row for row in await self._listings.runners() if row["runner_id"] == runner_id]
        return _runner(rows[0]) if rows else operations_pb2.Runner(runner_id=runner_id, draining=True)

    async def ListBrokerAccounts(  # noqa: N802
        self, request: operations_pb2.ListBrokerAccountsRequest, context: Any
    ) -> operations_pb2.ListBrokerAccountsResponse:
        """The caller's accounts."""
        caller = auth.principal()
        listed = await self._listings.accounts(None if caller.sees_everything else caller.subject)
        return operations_pb2.ListBrokerAccountsResponse(broker_accounts=[_account(one) for one in listed])

    async def GetBrokerAccount(  # noqa: N802
        self, request: operations_pb2.GetBrokerAccountRequest, context: Any
    ) -> operations_pb2.BrokerAccount:
        """One account, with what its owner knows."""
        account = await self._visible_account(request.account_id)
        status = await self._owners.about(request, context)
        if status is not None:
            account.status.CopyFrom(status)
        return account

    async def LoginBrokerAccount(  # noqa: N802
        self, request: operations_pb2.LoginBrokerAccountRequest, context: Any
    ) -> operations_pb2.BrokerAccount:
        """A new session at the broker, now."""
        await self._logins.login(request, context)
        return await self._visible_account(request.account_id)

    async def _visible_account(self, account_id: str) -> operations_pb2.BrokerAccount:
        caller = auth.principal()
        listed = await self._listings.accounts(None if caller.sees_everything else caller.subject)
        for one in listed:
            if one.account_id == account_id:
                return _account(one)
        raise no_account(account_id)

    async def ListAuditEvents(  # noqa: N802
        self, request: operations_pb2.ListAuditEventsRequest, context: Any
    ) -> operations_pb2.ListAuditEventsResponse:
        """A page of the audit log; those who do not see everything see what they did themselves."""
        caller = auth.principal()
        after = decode_token(request.page_token, 1)
        limit = page_size(request.page_size)
        rows = await self._listings.audit(
            before=int(after[0]) if after else None,
            subject_type=request.subject_type,
            subject_id=request.subject_id,
            actor=None if caller.sees_everything else caller.subject,
            limit=limit + 1,
        )
        events = [
            common_pb2.AuditEvent(
                audit_id=row["audit_id"],
                recorded_at=_timestamp(row["recorded_at"]),
                actor=row["actor"],
                action=row["action"],
                subject_type=row["subject_type"],
                subject_id=row["subject_id"],
                reason=row["reason"],
            )
            for row in rows[:limit]
        ]
        token = encode_token(str(events[-1].audit_id)) if len(rows) > limit else ""
        return operations_pb2.ListAuditEventsResponse(audit_events=events, next_page_token=token)


def _runner(row: Any) -> operations_pb2.Runner:
    return operations_pb2.Runner(
        runner_id=row["runner_id"],
        instance_id=row["instance_id"],
        capacity=row["capacity"],
        running=row["running"],
        heartbeat_at=_timestamp(row["heartbeat_at"]),
        draining=row["draining"],
        cordon_reason=row["cordon_reason"],
        build=row["build"],
        engine_id=row["engine_id"],
    )


def _account(listing: AccountListing) -> operations_pb2.BrokerAccount:
    return operations_pb2.BrokerAccount(
        account_id=listing.account_id,
        user_id=listing.user_id,
        broker=listing.broker,
        client_code=listing.client_code,
        gate=operations_pb2.Gate.GATE_OPEN if listing.gate_open else operations_pb2.Gate.GATE_CLOSED,
        gate_reason=listing.gate_reason,
        session=listing.session,
        session_error=listing.session_error,
        logged_in_at=_timestamp(listing.logged_in_at),
        owner_id=listing.owner_id,
        epoch=listing.epoch,
    )


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
