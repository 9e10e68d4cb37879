"""Engaging a kill switch: a durable row, then every owner of an account acknowledges that it admits nothing, or is fenced off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.broker.fence import FenceUnreachableError
from engine_server.egress.fences import FenceAheadError
from engine_server.oms import risk_decisions
from engine_server.oms.directory import Caller
from engine_server.oms.domain.kill_switch import KillAction, KillSwitch
from engine_server.oms.fencing import Fence
from engine_server.oms.not_found import no_kill_switch
from engine_server.oms.risk_board import KILL_COLUMNS, kill_switch
from engine_server.oms.risk_decisions import RELEASE_KILL_SWITCH, Actor, Decision, DecisionPolicy
from engine_server.oms.risk_subjects import Subject
from tradewinds import audit
from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError
from tradewinds.ids import IdFactory
from tradewinds.telemetry import get_logger

log = get_logger("oms.kill_desk")

ACKNOWLEDGE_SECONDS: Final = 0.25
_LOOK_SECONDS = 0.01
_RECORD_SECONDS = 1.0
_LIST_LIMIT: Final = 100

_COLUMNS = f"{KILL_COLUMNS}, released_by, release_reason, released_at"
_ENGAGE = text(
    f"""
    INSERT INTO kill_switches (kill_id, scope, subject_id, account_id, action, include_holdings, reason, engaged_by)
    VALUES (:kill_id, :scope, :subject_id, :account_id, :action, :include_holdings, :reason, :actor)
    RETURNING {_COLUMNS}
    """  # noqa: S608 - constant columns
)
# A row for each account concerned: `done` is said when all of them are.
_EXPECT = text(
    """
    INSERT INTO kill_progress (kill_id, account_id)
    SELECT :kill_id, account_id FROM broker_accounts WHERE enabled AND (:account_id = '' OR account_id = :account_id)
    """
)
_STOP_STRATEGIES = text(
    """
    INSERT INTO strategy_commands (config_id, verb, issuer, reason)
    SELECT config_id, 'STOP', :issuer, :reason FROM strategy_configs
    WHERE desired_state <> 'STOPPED'
      AND CASE :scope WHEN 'GLOBAL' THEN true WHEN 'ACCOUNT' THEN account_id = :subject_id ELSE config_id = :subject_id END
    """
)
_TELL = text(
    """
    INSERT INTO outbox (topic, dedupe_key, payload)
    SELECT 'KILL_SWITCH_ENGAGED', :kill_id || ':' || a.user_id,
           jsonb_build_object('user_id', a.user_id, 'type', 'KILL_SWITCH_ENGAGED', 'title', CAST(:title AS text),
                              'message', CAST(:message AS text), 'data', jsonb_build_object('kill_id', CAST(:kill_id AS text)))
    FROM (SELECT DISTINCT user_id FROM broker_accounts
          WHERE enabled AND (:account_id = '' OR account_id = :account_id)) a
    """
)
_GET = text(f"SELECT {_COLUMNS} FROM kill_switches WHERE kill_id = :kill_id")  # noqa: S608
_LIST = text(
    f"""
    SELECT {_COLUMNS} FROM kill_switches k
    WHERE (:include_released OR released_at IS NULL)
      AND (:user_id = '' OR account_id = ''
           OR EXISTS (SELECT FROM broker_accounts a WHERE a.account_id = k.account_id AND a.user_id = :user_id))
    ORDER BY engaged_at DESC LIMIT {_LIST_LIMIT}
    """  # noqa: S608 - constant columns
)
_PROGRESS = text(
    """
    SELECT account_id, owner_id, epoch, acknowledged_at, fenced_at, open_orders, open_positions, proven_at, problem
    FROM kill_progress WHERE kill_id = :kill_id ORDER BY account_id
    """
)
_OWNERS = """
SELECT account_id, owner_id, epoch, expires_at > clock_timestamp() AS is_live FROM account_leases
WHERE $1 = '' OR account_id = $1
"""
_ACKNOWLEDGED = """
SELECT account_id, epoch FROM kill_progress WHERE kill_id = $1 AND acknowledged_at IS NOT NULL
"""
_FENCED = """
UPDATE kill_progress
SET owner_id = $3, epoch = $4, fenced_at = clock_timestamp(), problem = $5, updated_at = clock_timestamp()
WHERE kill_id = $1 AND account_id = $2 AND (acknowledged_at IS NULL OR epoch < $4)
"""
# The next owner need not wait for the lease to run out.
_SUPERSEDE = """
UPDATE account_leases
SET epoch = epoch + 1, expires_at = clock_timestamp() - interval '1 ms', gate = 'CLOSED', gate_reason = $3,
    updated_at = clock_timestamp()
WHERE account_id = $1 AND epoch = $2
"""


@dataclass(frozen=True)
class AccountProgress:
    """A row of `kill_progress`."""

    account_id: str
    owner_id: str
    epoch: int
    acknowledged_at: datetime | None
    fenced_at: datetime | None
    open_orders: int
    open_positions: int
    proven_at: datetime | None
    problem: str


@dataclass(frozen=True)
class KillStatus:
    """A kill switch, how far it is, and whether its release waits."""

    kill: KillSwitch
    released_by: str = ""
    release_reason: str = ""
    released_at: datetime | None = None
    progress: Sequence[AccountProgress] = field(default=())
    pending_release: Decision | None = None

    @property
    def is_done(self) -> bool:
        """Whether every account has proven that nothing is left to do."""
        return all(one.proven_at is not None for one in self.progress)


@dataclass(frozen=True)
class _Owner:
    account_id: str
    owner_id: str
    epoch: int
    is_live: bool


class KillDesk:
    """`engage` within the caller's transaction, `enforce` after its commit."""

    def __init__(
        self, database: Database, fence: Fence, clock: Clock, new_id: IdFactory, policy: DecisionPolicy
    ) -> None:
        self._database = database
        self._fence = fence
        self._clock = clock
        self._new_id = new_id
        self._policy = policy
        self._superseding: set[asyncio.Task[None]] = set()

    async def engage(
        self,
        session: AsyncSession,
        subject: Subject,
        action: KillAction,
        reason: str,
        actor: Actor,
        *,
        include_holdings: bool = False,
    ) -> KillStatus:
        """Row, strategies told to stop, notice and audit record; the caller commits, which wakes every owner."""
        reason, kill_id = risk_decisions.checked_reason(reason), self._new_id("kill")
        values = {
            "kill_id": kill_id,
            "scope": subject.scope,
            "subject_id": subject.subject_id,
            "account_id": subject.account_id,
            "action": action,
            "include_holdings": include_holdings,
            "reason": reason,
            "actor": actor.name,
        }
        row = (await session.execute(_ENGAGE, values)).one()
        await session.execute(_EXPECT, {"kill_id": kill_id, "account_id": subject.account_id})
        if action.stops_strategies:
            stop = {"issuer": f"kill:{kill_id}", "reason": reason, "scope": subject.scope}
            await session.execute(_STOP_STRATEGIES, {**stop, "subject_id": subject.subject_id})
        await self._tell_and_record(session, subject, kill_id, action, reason, actor, include_holdings=include_holdings)
        return await self._status(session, row)

    async def enforce(self, kill: KillSwitch) -> None:
        """Returns when nothing is admitted under the kill switch any more: within 250 ms of waiting and one call of the egress.
        Whoever is frozen cannot delay it."""
        owners = await self._owners(kill)
        missing = await self._without_answer(kill, [owner for owner in owners if owner.is_live])
        # One whose lease ran out may only be frozen: nobody has taken the account from it yet.
        gone = [owner for owner in owners if not owner.is_live]
        await asyncio.gather(*(self._fence_off(kill, owner) for owner in (*missing, *gone)))

    async def release(self, session: AsyncSession, kill_id: str, reason: str, actor: Actor) -> KillStatus:
        """Ask for its release; the caller commits. Raises `NotFoundError`, `PreconditionError` (KILL_RELEASED)."""
        reason = risk_decisions.checked_reason(reason)
        status = await self.status(session, kill_id)
        if status.released_at is not None:
            raise PreconditionError(f"kill switch {kill_id} was released already", reason="KILL_RELEASED")
        if status.pending_release is not None:
            return status
        subject = (status.kill.scope, status.kill.subject_id)
        changes = {"kill_id": kill_id}
        await risk_decisions.ask(
            session, self._new_id("decision"), RELEASE_KILL_SWITCH, subject, changes, reason, actor, self._policy
        )
        return await self.status(session, kill_id)

    async def status(self, session: AsyncSession, kill_id: str) -> KillStatus:
        """One; raises `NotFoundError`."""
        row = (await session.execute(_GET, {"kill_id": kill_id})).one_or_none()
        if row is None:
            raise no_kill_switch(kill_id)
        return await self._status(session, row)

    async def listed(self, session: AsyncSession, caller: Caller, *, include_released: bool) -> list[KillStatus]:
        """Those that concern the caller, the newest first, at most 100."""
        wanted = {
            "include_released": include_released,
            "user_id": "" if caller.sees_everything else caller.subject,
        }
        rows = (await session.execute(_LIST, wanted)).all()
        return [await self._status(session, row) for row in rows]

    async def _status(self, session: AsyncSession, row: Any) -> KillStatus:
        kill = kill_switch(row._mapping)
        progress = await session.execute(_PROGRESS, {"kill_id": kill.kill_id})
        pending = await risk_decisions.pending_of(session, RELEASE_KILL_SWITCH, kill.scope, kill.subject_id)
        return KillStatus(
            kill,
            row.released_by,
            row.release_reason,
            row.released_at,
            [AccountProgress(*one) for one in progress],
            next((decision for decision in pending if decision.changes.get("kill_id") == kill.kill_id), None),
        )

    async def _tell_and_record(
        self,
        session: AsyncSession,
        subject: Subject,
        kill_id: str,
        action: KillAction,
        reason: str,
        actor: Actor,
        *,
        include_holdings: bool,
    ) -> None:
        title = f"Kill switch: {action.replace('_', ' ').lower()} of {subject.subject_id or 'everything'}"
        message = f"engaged by {actor.name}: {reason}"
        told = {"kill_id": kill_id, "title": title, "message": message, "account_id": subject.account_id}
        await session.execute(_TELL, told)
        await audit.record(
            session,
            actor=actor.name,
            action="kill_switch.engage",
            subject=("kill_switch", kill_id),
            reason=reason,
            after={
                "scope": subject.scope,
                "subject_id": subject.subject_id,
                "action": action,
                "include_holdings": include_holdings,
            },
            source=actor.source,
            account_id=subject.account_id,
        )

    async def _owners(self, kill: KillSwitch) -> list[_Owner]:
        return [_owner(row) for row in await self._database.pool.fetch(_OWNERS, kill.account_id, timeout=2)]

    async def _without_answer(self, kill: KillSwitch, owners: Sequence[_Owner]) -> list[_Owner]:
        missing = list(owners)
        deadline = self._clock.monotonic() + ACKNOWLEDGE_SECONDS
        while missing and (left := deadline - self._clock.monotonic()) > 0:
            try:
                rows = await self._database.pool.fetch(_ACKNOWLEDGED, kill.kill_id, timeout=left)
            except PASSING_FAULTS as e:
                log.warning("acknowledgements.unread", kill_id=kill.kill_id, error=repr(e))
                break
            answered = {(row["account_id"], row["epoch"]) for row in rows}
            missing = [owner for owner in missing if (owner.account_id, owner.epoch) not in answered]
            await asyncio.sleep(_LOOK_SECONDS if missing else 0)
        return missing

    async def _fence_off(self, kill: KillSwitch, owner: _Owner) -> None:
        """From now on nothing of this owner leaves the egress, whether it thaws or not."""
        epoch, problem = owner.epoch + 1, ""
        try:
            await self._fence.raise_to(owner.account_id, epoch)
        except FenceAheadError as e:
            log.info("fenced.already", account_id=owner.account_id, in_force=e.fence.epoch)
        except FenceUnreachableError as e:
            # Nothing passes an egress that is away either; the next owner cannot begin before it is back.
            problem = f"{owner.owner_id} did not acknowledge, and could not be fenced off: {e.message}"
            log.error("not_fenced", kill_id=kill.kill_id, account_id=owner.account_id, error=e.message)  # noqa: TRY400
        else:
            log.warning("fenced_off", kill_id=kill.kill_id, account_id=owner.account_id, owner_id=owner.owner_id)
        await self._recorded(_FENCED, kill.kill_id, owner.account_id, owner.owner_id, owner.epoch, problem)
        # A frozen owner may hold a lock on its lease: nobody waits for that.
        reason = f"kill switch {kill.kill_id}: {owner.owner_id} did not acknowledge and was fenced off"
        task = asyncio.get_running_loop().create_task(
            self._recorded(_SUPERSEDE, owner.account_id, owner.epoch, reason), name=f"supersede {owner.account_id}"
        )
        self._superseding.add(task)
        task.add_done_callback(self._superseding.discard)

    async def _recorded(self, statement: str, *arguments: object) -> None:
        try:
            async with self._database.pool.acquire(timeout=_RECORD_SECONDS) as connection:
                await connection.execute(statement, *arguments, timeout=_RECORD_SECONDS)
        except PASSING_FAULTS as e:
            log.warning("unrecorded", arguments=arguments, error=repr(e))


def _owner(row: Mapping[str, Any]) -> _Owner:
    return _Owner(row["account_id"], row["owner_id"], row["epoch"], row["is_live"])
