"""The part of Operations that limits and stops trading: protobuf to domain and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.messages import risk as messages
from engine_server.oms import risk_decisions, risk_limits
from engine_server.oms.directory import Caller
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.not_found import no_account, no_decision, no_kill_switch
from engine_server.oms.profit_store import ProfitStore
from engine_server.oms.queries import OrderQueries
from engine_server.oms.risk_decisions import Actor, DecisionPolicy
from engine_server.oms.risk_subjects import Subject, find_subject, parse_limit_id
from engine_server.oms.risk_usage import capital_of, usage_of
from tradewinds import audit, auth
from tradewinds.clock import MarketClock, ist
from tradewinds.database.session import Database
from tradewinds.idempotency import once, request_id_of
from tradewinds.ids import IdFactory
from tradewinds.v1 import risk_pb2 as pb

ResponseT = TypeVar("ResponseT", bound=Message)


@dataclass(frozen=True)
class RiskParts:
    """What these rpcs work with."""

    database: Database
    queries: OrderQueries
    desk: KillDesk
    policy: DecisionPolicy
    new_id: IdFactory
    market_clock: MarketClock

    def today(self) -> date:
        """The market day."""
        return ist(self.market_clock.now()).date()


class RiskRpcs:
    """The rpcs of `Operations` around limits, kill switches and decisions."""

    _risk: RiskParts

    async def ListRiskLimits(  # noqa: N802 - proto's name
        self, request: pb.ListRiskLimitsRequest, context: Any
    ) -> pb.ListRiskLimitsResponse:
        """Global, then the caller's accounts and strategies."""
        async with self._risk.database.session() as session:
            subjects = await risk_limits.visible_subjects(session, _caller())
            limits = [await self._limit(session, subject) for subject in subjects]
        return pb.ListRiskLimitsResponse(risk_limits=limits)

    async def GetRiskLimit(self, request: pb.GetRiskLimitRequest, context: Any) -> pb.RiskLimit:  # noqa: N802
        """One scope's."""
        async with self._risk.database.session() as session:
            subject = await find_subject(session, _caller(), *parse_limit_id(request.limit_id), to_change=False)
            return await self._limit(session, subject)

    async def UpdateRiskLimit(self, request: pb.UpdateRiskLimitRequest, context: Any) -> pb.RiskLimit:  # noqa: N802
        """Tighten now, loosen by decision."""
        caller, actor = _caller(), _actor(context)

        async def act(session: AsyncSession) -> pb.RiskLimit:
            subject = await find_subject(session, caller, *parse_limit_id(request.risk_limit.limit_id))
            await risk_limits.update(
                session,
                subject,
                messages.wanted_changes(request),
                request.reason,
                actor,
                may_loosen=auth.principal().has(auth.OPERATOR, auth.ADMIN),
                policy=self._risk.policy,
                new_id=self._risk.new_id,
            )
            return await self._limit(session, subject)

        return await self._once("UpdateRiskLimit", request, context, pb.RiskLimit, act)

    async def EngageKillSwitch(self, request: pb.EngageKillSwitchRequest, context: Any) -> pb.KillSwitch:  # noqa: N802
        """Stop trading; see the contract."""
        caller, actor = _caller(), _actor(context)
        scope, action = messages.scope_of(request.scope), messages.action_of(request.action)

        async def act(session: AsyncSession) -> pb.KillSwitch:
            subject = await find_subject(session, caller, scope, request.subject_id)
            status = await self._risk.desk.engage(
                session, subject, action, request.reason, actor, include_holdings=request.include_holdings
            )
            return messages.kill_message(status)

        engaged = await self._once("EngageKillSwitch", request, context, pb.KillSwitch, act)
        async with self._risk.database.session() as session:
            status = await self._risk.desk.status(session, engaged.kill_id)
        await self._risk.desk.enforce(status.kill)
        async with self._risk.database.session() as session:
            return messages.kill_message(await self._risk.desk.status(session, engaged.kill_id))

    async def GetKillSwitch(self, request: pb.GetKillSwitchRequest, context: Any) -> pb.KillSwitch:  # noqa: N802
        """One and how far it is."""
        async with self._risk.database.session() as session:
            status = await self._risk.desk.status(session, request.kill_id)
            await _check_visible(session, status.kill.account_id, request.kill_id)
        return messages.kill_message(status)

    async def ListKillSwitches(  # noqa: N802
        self, request: pb.ListKillSwitchesRequest, context: Any
    ) -> pb.ListKillSwitchesResponse:
        """The newest first."""
        async with self._risk.database.session() as session:
            listed = await self._risk.desk.listed(session, _caller(), include_released=request.include_released)
        return pb.ListKillSwitchesResponse(kill_switches=[messages.kill_message(status) for status in listed])

    async def ReleaseKillSwitch(self, request: pb.ReleaseKillSwitchRequest, context: Any) -> pb.KillSwitch:  # noqa: N802
        """Ask for its release."""
        async with self._risk.database.session() as session:
            status = await self._risk.desk.release(session, request.kill_id, request.reason, _actor(context))
            await session.commit()
        return messages.kill_message(status)

    async def ListRiskDecisions(  # noqa: N802
        self, request: pb.ListRiskDecisionsRequest, context: Any
    ) -> pb.ListRiskDecisionsResponse:
        """Everybody's for those who see everything, otherwise one's own."""
        caller = _caller()
        async with self._risk.database.session() as session:
            listed = await risk_decisions.listed(session, include_ended=request.include_ended)
        mine = [d for d in listed if caller.sees_everything or d.requested_by == caller.subject]
        return pb.ListRiskDecisionsResponse(risk_decisions=[messages.decision_message(decision) for decision in mine])

    async def ApproveRiskDecision(  # noqa: N802
        self, request: pb.ApproveRiskDecisionRequest, context: Any
    ) -> pb.RiskDecision:
        """One more is for it."""
        async with self._risk.database.session() as session:
            decision = await risk_decisions.approve(session, request.decision_id, _actor(context), request.reason)
            await session.commit()
        return messages.decision_message(decision)

    async def WithdrawRiskDecision(  # noqa: N802
        self, request: pb.WithdrawRiskDecisionRequest, context: Any
    ) -> pb.RiskDecision:
        """Take it back: an operator any, others their own."""
        caller = _caller()
        async with self._risk.database.session() as session:
            decision = await risk_decisions.find(session, request.decision_id)
            if not (caller.sees_everything or decision.requested_by == caller.subject):
                raise no_decision(request.decision_id)
            decision = await risk_decisions.withdraw(session, request.decision_id, _actor(context), request.reason)
            await session.commit()
        return messages.decision_message(decision)

    async def ListProfitAndLoss(  # noqa: N802
        self, request: pb.ListProfitAndLossRequest, context: Any
    ) -> pb.ListProfitAndLossResponse:
        """Days, the newest first; today when none are named."""
        async with self._risk.database.session() as session:
            visible = await risk_limits.visible_subjects(session, _caller())
        accounts = {subject.account_id for subject in visible if subject.account_id}
        if request.account_id and request.account_id not in accounts:
            raise no_account(request.account_id)
        start, end = messages.days_of(request, self._risk.today())
        wanted = [request.account_id] if request.account_id else sorted(accounts)
        rows = await ProfitStore(self._risk.database).history(wanted, request.config_id, start, end)
        return pb.ListProfitAndLossResponse(days=[messages.day_message(row) for row in rows])

    async def _limit(self, session: AsyncSession, subject: Subject) -> pb.RiskLimit:
        limits = await risk_limits.read(session, subject)
        usage = await usage_of(self._risk.queries, ProfitStore(self._risk.database), subject, self._risk.today())
        return messages.limit_message(limits, usage, await capital_of(self._risk.queries, subject))

    async def _once(
        self,
        method: str,
        request: Any,
        context: Any,
        response_type: type[ResponseT],
        act: Callable[[AsyncSession], Awaitable[ResponseT]],
    ) -> ResponseT:
        async with self._risk.database.session() as session:
            response = await once(
                session,
                caller=auth.principal().subject,
                method=method,
                request_id=request_id_of(request, context),
                request=request,
                response_type=response_type,
                act=partial(act, session),
            )
            await session.commit()
        return response


async def _check_visible(session: AsyncSession, account_id: str, kill_id: str) -> None:
    caller = _caller()
    if caller.sees_everything or not account_id:
        return
    own = {subject.account_id for subject in await risk_limits.visible_subjects(session, caller)}
    if account_id not in own:
        raise no_kill_switch(kill_id)


def _caller() -> Caller:
    principal = auth.principal()
    return Caller(subject=principal.subject, sees_everything=principal.sees_everything)


def _actor(context: Any) -> Actor:
    return Actor(auth.principal().subject, audit.source_of(context))
