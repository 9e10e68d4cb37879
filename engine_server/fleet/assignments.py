"""The assignment pass: read the fleet, decide (domain/assignment.py), write the decision as guarded statements."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet import market_wishes, notices, releases
from engine_server.fleet.domain.assignment import (
    AssignmentView,
    ConfigView,
    Decision,
    FleetView,
    Grant,
    LeaseView,
    Release,
    decide,
)
from engine_server.fleet.leadership import Leadership
from tradewinds import audit
from tradewinds.clock import seconds
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("fleet.assignment")

_CONFIGS = text(
    """
    SELECT c.config_id, c.is_wanted,
           a.runner_id, a.instance_id, coalesce(a.epoch, 0) AS epoch
    FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id
    WHERE c.is_wanted OR a.instance_id IS NOT NULL
    """
)
_LEASES = text(
    """
    SELECT l.runner_id, l.instance_id, l.capacity, l.expires_at, l.draining OR c.runner_id IS NOT NULL AS draining,
           coalesce(c.reason, '') AS cordon_reason
    FROM runner_leases l LEFT JOIN runner_cordons c ON c.runner_id = l.runner_id
    """
)

_LOCK_CONFIGS = text(
    "SELECT 1 FROM strategy_configs WHERE config_id = ANY(CAST(:config_ids AS text[])) ORDER BY config_id FOR UPDATE"
)
_GRANT = text(
    """
    INSERT INTO assignments AS a (config_id, runner_id, instance_id, epoch, generation, assigned_at)
    SELECT c.config_id, l.runner_id, l.instance_id, 1, c.generation, now()
    FROM unnest(CAST(:config_ids AS text[]), CAST(:instances AS text[])) AS g (config_id, instance_id)
    JOIN strategy_configs c ON c.config_id = g.config_id
    JOIN runner_leases l ON l.instance_id = g.instance_id
    WHERE c.is_wanted AND l.expires_at >= now()
    ON CONFLICT (config_id) DO UPDATE
    SET runner_id = excluded.runner_id, instance_id = excluded.instance_id, epoch = a.epoch + 1,
        generation = excluded.generation, assigned_at = excluded.assigned_at, updated_at = now()
    WHERE a.instance_id IS NULL
    RETURNING a.config_id, a.runner_id, a.epoch
    """
)
_STARTING = text(
    """
    UPDATE strategy_configs c SET state = 'STARTING', state_reason = 'given to ' || a.runner_id, updated_at = now()
    FROM assignments a
    WHERE c.config_id = ANY(CAST(:config_ids AS text[])) AND a.config_id = c.config_id
    RETURNING c.config_id, c.config
    """
)
# Where it ran last, and why it runs there no more.
_MOVED = text(
    """
    SELECT c.config_id, c.user_id, a.epoch, a.runner_id, r.runner_id AS left_runner_id, r.detail
    FROM assignments a
    JOIN strategy_configs c ON c.config_id = a.config_id
    CROSS JOIN LATERAL (
        SELECT runner_id, outcome, detail FROM strategy_runs WHERE config_id = a.config_id ORDER BY epoch DESC, started_at DESC LIMIT 1
    ) r
    WHERE a.config_id = ANY(CAST(:config_ids AS text[])) AND r.runner_id <> a.runner_id
      AND r.outcome IN ('LOST', 'MOVED')
    """
)
_PENDING = text(
    """
    UPDATE strategy_configs c SET state = 'PENDING', state_reason = p.reason, updated_at = now()
    FROM unnest(CAST(:config_ids AS text[]), CAST(:reasons AS text[])) AS p (config_id, reason)
    WHERE c.config_id = p.config_id AND c.is_wanted
      AND (c.state, c.state_reason) IS DISTINCT FROM ('PENDING', p.reason)
      AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.config_id = c.config_id AND a.instance_id IS NOT NULL)
    RETURNING c.config_id
    """
)


class AssignmentDesk:
    """Runs assignment passes for one engine."""

    def __init__(self, database: Database, leases: LeaseSettings, leadership: Leadership, engine_id: str) -> None:
        self._database = database
        self._leadership = leadership
        self._grace = seconds(leases.grace_seconds)
        self._engine_id = engine_id

    async def run_pass(self, *, may_declare_lost: bool) -> set[str]:
        """One pass; returns the strategies whose state changed. Raises `NotLeaderError`."""
        async with self._database.session() as session:
            decision = decide(await self._view(session, may_declare_lost))
            changed: set[str] = set()
            if decision.releases or decision.grants or decision.pending:
                await self._lock(session, decision)
                changed |= await self._release(session, decision.releases)
                changed |= await self._grant(session, decision.grants)
                changed |= await self._tell_why(session, decision)
            await session.commit()
        return changed

    async def _view(self, session: AsyncSession, may_declare_lost: bool) -> FleetView:
        # Two engines that decided at once would each see the room that the other is filling, and give a runner more than it takes.
        now = await self._leadership.fence(session)
        configs = (await session.execute(_CONFIGS)).all()
        leases = (await session.execute(_LEASES)).all()
        return FleetView(
            now=now,
            grace=self._grace,
            may_declare_lost=may_declare_lost,
            configs=[ConfigView(row.config_id, row.is_wanted) for row in configs],
            leases=[
                LeaseView(row.runner_id, row.instance_id, row.capacity, row.expires_at, row.draining, row.cordon_reason)
                for row in leases
            ],
            assignments=[AssignmentView(row.config_id, row.runner_id, row.instance_id, row.epoch) for row in configs],
        )

    async def _lock(self, session: AsyncSession, decision: Decision) -> None:
        config_ids = {g.config_id for g in decision.grants} | {r.config_id for r in decision.releases}
        await session.execute(_LOCK_CONFIGS, {"config_ids": sorted(config_ids | set(decision.pending))})

    async def _release(self, session: AsyncSession, lost: Sequence[Release]) -> set[str]:
        changed: set[str] = set()
        runners = {release.instance_id: release.runner_id for release in lost}
        for instance_id in await releases.still_lost(session, sorted(runners), self._grace) if runners else ():
            runner_id = runners[instance_id]
            reason = f"runner {runner_id} was lost: no heartbeat within its lease and the grace"
            config_ids = await releases.release_instances(session, [instance_id], run_outcome="LOST", reason=reason)
            await audit.record(
                session,
                actor=self._engine_id,
                action="runner.lost",
                subject=("runner", runner_id),
                reason=reason,
                after={"instance_id": instance_id, "released": config_ids},
                source=self._engine_id,
            )
            log.warning("runner.lost", runner_id=runner_id, instance_id=instance_id, released=config_ids)
            changed |= set(config_ids)
        return changed

    async def _grant(self, session: AsyncSession, grants: Sequence[Grant]) -> set[str]:
        if not grants:
            return set()
        granted = await session.execute(
            _GRANT,
            {"config_ids": [g.config_id for g in grants], "instances": [g.instance_id for g in grants]},
        )
        config_ids = set()
        for row in granted:
            log.info("granted", config_id=row.config_id, runner_id=row.runner_id, epoch=row.epoch)
            config_ids.add(str(row.config_id))
        await self._tell_moves(session, config_ids)
        starting = await session.execute(_STARTING, {"config_ids": sorted(config_ids)})
        await market_wishes.want(
            session, [(row.config_id, key) for row in starting for key in market_wishes.instruments_of(row.config)]
        )
        return config_ids

    async def _tell_moves(self, session: AsyncSession, config_ids: set[str]) -> None:
        for row in await session.execute(_MOVED, {"config_ids": sorted(config_ids)}):
            await notices.tell(
                session,
                "STRATEGY_MOVED",
                config_id=row.config_id,
                user_id=row.user_id,
                message=f"from {row.left_runner_id} to {row.runner_id}: {row.detail}",
                occurrence=str(row.epoch),
                data={"from_runner_id": row.left_runner_id, "runner_id": row.runner_id},
            )

    async def _tell_why(self, session: AsyncSession, decision: Decision) -> set[str]:
        if not decision.pending:
            return set()
        pending = sorted(decision.pending.items())
        rows = await session.execute(
            _PENDING, {"config_ids": [c for c, _ in pending], "reasons": [reason for _, reason in pending]}
        )
        return {str(row.config_id) for row in rows}
