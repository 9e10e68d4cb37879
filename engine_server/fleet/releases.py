"""Taking strategies from a runner that is gone: left, replaced by a newer process of its name, or lost.

The assignment row stays, with nobody in it; the next grant raises its epoch. Whoever thaws later is told by the epoch.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet import commands, market_wishes, notices

_LOCK_HELD = text(
    """
    SELECT c.config_id
    FROM strategy_configs c JOIN assignments a ON a.config_id = c.config_id
    WHERE a.instance_id = ANY(CAST(:instances AS text[]))
    ORDER BY c.config_id
    FOR UPDATE OF c
    """
)
_OTHER_INSTANCES = text(
    """
    SELECT DISTINCT instance_id FROM assignments
    WHERE runner_id = :runner_id AND instance_id IS NOT NULL AND instance_id <> :instance_id
    """
)
_RELEASE = text(
    """
    UPDATE assignments SET runner_id = NULL, instance_id = NULL, updated_at = now()
    WHERE instance_id = ANY(CAST(:instances AS text[]))
    RETURNING config_id, epoch
    """
)
# Judged again at the write, in database time: a runner that has renewed meanwhile keeps what it has.
_STILL_LOST = text(
    """
    SELECT i.instance_id FROM unnest(CAST(:instances AS text[])) AS i (instance_id)
    WHERE NOT EXISTS (
        SELECT 1 FROM runner_leases l WHERE l.instance_id = i.instance_id AND l.expires_at + :grace >= now())
    """
)
_END_RUNS = text(
    """
    UPDATE strategy_runs r SET ended_at = now(), detail = :detail,
        outcome = CASE WHEN :outcome = 'MOVED' AND c.desired_state = 'STOPPED' THEN 'STOPPED' ELSE CAST(:outcome AS text) END
    FROM unnest(CAST(:config_ids AS text[]), CAST(:epochs AS bigint[])) AS e (config_id, epoch)
    JOIN strategy_configs c ON c.config_id = e.config_id
    WHERE r.config_id = e.config_id AND r.epoch = e.epoch AND r.outcome = 'RUNNING'
    """
)
_WAIT_AGAIN = text(
    """
    UPDATE strategy_configs
    SET state = CASE WHEN is_off_schedule THEN 'SCHEDULED' ELSE 'PENDING' END,
        state_reason = CASE WHEN is_off_schedule THEN state_reason ELSE :reason END, updated_at = now()
    WHERE config_id = ANY(CAST(:config_ids AS text[])) AND desired_state = 'RUNNING' AND state NOT IN ('FAILED', 'QUARANTINED')
    """
)
_STOPPED = text(
    """
    UPDATE strategy_configs SET state = 'STOPPED', state_reason = '', updated_at = now()
    WHERE config_id = ANY(CAST(:config_ids AS text[])) AND desired_state = 'STOPPED'
    RETURNING config_id, user_id, generation
    """
)


async def release_instances(
    session: AsyncSession, instances: Sequence[str], *, run_outcome: str, reason: str
) -> list[str]:
    """Take everything from these runner processes; returns the strategies concerned. The caller commits."""
    # Configurations are locked before assignments, and in order, everywhere: two such transactions cannot deadlock.
    await session.execute(_LOCK_HELD, {"instances": list(instances)})
    rows = (await session.execute(_RELEASE, {"instances": list(instances)})).all()
    if not rows:
        return []
    config_ids = [str(row.config_id) for row in rows]
    await session.execute(
        _END_RUNS,
        {
            "config_ids": config_ids,
            "epochs": [row.epoch for row in rows],
            "outcome": run_outcome,
            "detail": reason,
        },
    )
    await session.execute(_WAIT_AGAIN, {"config_ids": config_ids, "reason": reason})
    await commands.fail_signals(session, config_ids)
    await _stop_unwanted(session, config_ids, reason)
    return config_ids


async def still_lost(session: AsyncSession, instances: Sequence[str], grace: object) -> list[str]:
    """Those of `instances` that no lease within its grace stands for."""
    rows = await session.execute(_STILL_LOST, {"instances": list(instances), "grace": grace})
    return [str(row.instance_id) for row in rows]


async def older_instances(session: AsyncSession, runner_id: str, instance_id: str) -> list[str]:
    """Other processes under this runner's name that still hold something."""
    rows = await session.execute(_OTHER_INSTANCES, {"runner_id": runner_id, "instance_id": instance_id})
    return [str(row.instance_id) for row in rows]


async def _stop_unwanted(session: AsyncSession, config_ids: Sequence[str], reason: str) -> None:
    stopped = (await session.execute(_STOPPED, {"config_ids": list(config_ids)})).all()
    if not stopped:
        return
    stopped_ids = [str(row.config_id) for row in stopped]
    await commands.finish(session, stopped_ids, "DONE", f"stopped: {reason}")
    await market_wishes.want_nothing(session, stopped_ids)
    for row in stopped:
        await notices.tell(
            session,
            "STRATEGY_STOPPED",
            config_id=row.config_id,
            user_id=row.user_id,
            message=reason,
            occurrence=str(row.generation),
        )
