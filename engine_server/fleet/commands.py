"""Commands: rows of strategy_commands, written by the API or by anybody's plain SQL, claimed and applied one by one.

One transaction takes the command, changes what is wanted, ends the older command that it replaces, and writes the audit
row. The strategy's runner ends the command (reports.py), or time does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet import market_wishes
from engine_server.fleet.config_update import Examined
from engine_server.fleet.domain.command import STOPPED, Verdict, Wish, judge, judge_signal, judge_update
from engine_server.fleet.leadership import Leadership
from tradewinds import audit
from tradewinds.database.connecting import to_json
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("fleet.command")

# The oldest of each strategy first: were a younger one taken beside it (by another engine), the older could win.
# Parameters that no runner has looked at yet hold nothing back: a stop does not wait for them.
_CLAIM = text(
    """
    SELECT k.command_id::text AS command_id, k.config_id, k.verb, k.issuer, k.reason, k.payload
    FROM strategy_commands k
    WHERE k.status = 'PENDING' AND k.expires_at >= now() AND (k.verb <> 'UPDATE_CONFIG' OR k.payload ? 'examined')
      AND NOT EXISTS (
        SELECT 1 FROM strategy_commands older
        WHERE older.config_id = k.config_id AND older.status = 'PENDING' AND older.expires_at >= now()
          AND (older.verb <> 'UPDATE_CONFIG' OR older.payload ? 'examined')
          AND (older.created_at, older.command_id) < (k.created_at, k.command_id))
    ORDER BY k.created_at, k.command_id
    LIMIT 1
    FOR UPDATE OF k SKIP LOCKED
    """
)
# Read in a statement of its own after the lock: one that waits for a lock sees the joined assignment as it was before.
_LOCK_CONFIG = text("SELECT 1 FROM strategy_configs WHERE config_id = :config_id FOR UPDATE")
_READ_CONFIG = text(
    """
    SELECT c.desired_state, c.state, c.state_reason, c.generation, a.instance_id IS NOT NULL AS is_held,
           c.process_generation, c.is_paused, c.pause_reason, c.is_killed, c.is_off_schedule, c.config
    FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id
    WHERE c.config_id = :config_id
    """
)
_CHANGE_CONFIG = text(
    """
    UPDATE strategy_configs
    SET desired_state = :desired_state, state = :state, state_reason = :state_reason, generation = :generation,
        process_generation = :process_generation, is_paused = :is_paused,
        pause_reason = :pause_reason, is_killed = :is_killed, updated_at = now()
    WHERE config_id = :config_id
    """
)
_CHANGE_PARAMETERS = text(
    "UPDATE strategy_configs SET config = CAST(:config AS jsonb), updated_at = now() WHERE config_id = :config_id"
)
_CHANGE_ON_CRASH = text(
    "UPDATE strategy_configs SET on_crash = :on_crash, updated_at = now() WHERE config_id = :config_id"
)
_CHANGE_SCHEDULE = text(
    "UPDATE strategy_configs SET schedule = CAST(:schedule AS jsonb), updated_at = now() WHERE config_id = :config_id"
)
_EXAMINE_AGAIN = text(
    "UPDATE strategy_commands SET payload = payload - 'examined' WHERE command_id = CAST(:command_id AS uuid)"
)
# NOTIFYs the engine that has the holder's session.
_TELL_HOLDER = text(
    """
    UPDATE assignments SET generation = :generation, updated_at = now()
    WHERE config_id = :config_id AND instance_id IS NOT NULL
    """
)
_TAKE = text(
    """
    UPDATE strategy_commands
    SET status = CAST(:status AS text), attempts = attempts + 1, result = :result,
        claimed_at = CASE WHEN CAST(:status AS text) = 'CLAIMED' THEN now() END,
        completed_at = CASE WHEN CAST(:status AS text) <> 'CLAIMED' THEN now() END
    WHERE command_id = CAST(:command_id AS uuid)
    """
)
_FINISH = text(
    """
    UPDATE strategy_commands
    SET status = CAST(:status AS text), completed_at = now(),
        result = CASE WHEN verb = 'SIGNAL' AND CAST(:status AS text) = 'DONE' THEN 'told; ' ELSE '' END || CAST(:result AS text)
    WHERE config_id = ANY(CAST(:config_ids AS text[])) AND status = 'CLAIMED'
    """
)
# At most once: whether a process that has ended was told, nobody knows.
_FAIL_SIGNALS = text(
    """
    UPDATE strategy_commands
    SET status = 'FAILED', completed_at = now(), result = 'its process ended meanwhile: it may have been told or not'
    WHERE config_id = ANY(CAST(:config_ids AS text[])) AND status = 'CLAIMED' AND verb = 'SIGNAL'
    """
)
_EXPIRE = """
    UPDATE strategy_commands k
    SET status = 'EXPIRED', completed_at = now(),
        result = CASE WHEN k.status = 'PENDING' THEN 'nobody took it in time'
                 ELSE 'taken, but not reached in time (' || c.state || coalesce(nullif(': ' || c.state_reason, ': '), '')
                      || '); what is wanted stays as it is' END
    FROM strategy_configs c
    WHERE k.status IN ('PENDING', 'CLAIMED') AND k.expires_at < now() AND c.config_id = k.config_id
"""


class CommandDesk:
    """Takes what is pending, while this engine leads."""

    def __init__(self, database: Database, leadership: Leadership, engine_id: str) -> None:
        self._database = database
        self._leadership = leadership
        self._engine_id = engine_id

    async def expire(self) -> None:
        """End the commands whose time has passed."""
        await self._database.pool.execute(_EXPIRE)

    async def apply_next(self) -> str | None:
        """Take and apply the oldest pending command; returns its config_id, None when there is none. Raises `NotLeaderError`."""
        async with self._database.session() as session:
            await self._leadership.fence(session)
            command = (await session.execute(_CLAIM)).one_or_none()
            if command is None:
                return None
            await self._apply(session, command)
            await session.commit()
        return str(command.config_id)

    async def _apply(self, session: AsyncSession, command: Row[Any]) -> None:
        key = {"config_id": command.config_id}
        await session.execute(_LOCK_CONFIG, key)
        row = (await session.execute(_READ_CONFIG, key)).one()
        before = Wish(
            row.desired_state, row.state, row.state_reason, row.generation, row.is_held,
            row.process_generation, row.is_paused, row.is_killed, row.is_off_schedule, row.pause_reason,
        )  # fmt: skip
        if command.verb == "UPDATE_CONFIG":
            examined = Examined.of_payload(command.payload)
            if examined.base != row.config:  # changed meanwhile: what was examined is not what it would become
                await session.execute(_EXAMINE_AGAIN, {"command_id": command.command_id})
                return
            verdict = await _update(session, command.config_id, command.payload, examined, before)
        elif command.verb == "SIGNAL":
            verdict = judge_signal(before, command.payload)
        else:
            verdict = judge(command.verb, before, command.reason)
        await self._conclude(session, command, before, verdict)

    async def _conclude(self, session: AsyncSession, command: Row[Any], before: Wish, verdict: Verdict) -> None:
        after = verdict.wish
        if verdict.status != "FAILED" and _replaces(command.verb, before, after):
            superseded = f"superseded by {command.verb} {command.command_id}"
            await finish(session, [command.config_id], "FAILED", superseded)
        if after != before:
            await _change(session, command.config_id, after)
        await session.execute(
            _TAKE, {"command_id": command.command_id, "status": verdict.status, "result": verdict.result}
        )
        await self._record(session, command, before, verdict)
        log.info(
            "applied",
            config_id=command.config_id,
            command_id=command.command_id,
            verb=command.verb,
            issuer=command.issuer,
            status=verdict.status,
            result=verdict.result,
        )

    async def _record(self, session: AsyncSession, command: Row[Any], before: Wish, verdict: Verdict) -> None:
        await audit.record(
            session,
            actor=command.issuer,
            action=f"strategy.{command.verb.lower()}",
            subject=("strategy_config", command.config_id),
            reason=command.reason,
            before=_facts(before),
            after={**_facts(verdict.wish), "command_id": command.command_id, "status": verdict.status},
            source=self._engine_id,
        )


async def finish(session: AsyncSession, config_ids: Sequence[str], status: str, result: str) -> None:
    """End the unfinished commands of these strategies."""
    await session.execute(_FINISH, {"config_ids": list(config_ids), "status": status, "result": result})


async def fail_signals(session: AsyncSession, config_ids: Sequence[str]) -> None:
    """The processes that were to be told are no more; their successors are not told."""
    await session.execute(_FAIL_SIGNALS, {"config_ids": list(config_ids)})


def _replaces(verb: str, before: Wish, after: Wish) -> bool:
    """Whether what was asked before is over with this; a pause, say, leaves a start on its way."""
    return verb in ("START", "STOP", "RESTART", "KILL") or after.process_generation != before.process_generation


async def _update(
    session: AsyncSession, config_id: str, payload: Mapping[str, Any], examined: Examined, wish: Wish
) -> Verdict:
    if examined.error:
        return Verdict(wish, "FAILED", examined.error)
    await _change_settings(session, config_id, payload)
    if examined.config == examined.base and (payload.get("on_crash") or "schedule" in payload):
        return Verdict(wish, "DONE", "changed")
    if examined.config == examined.base:
        return Verdict(wish, "DONE", "it has these parameters already")
    await session.execute(_CHANGE_PARAMETERS, {"config_id": config_id, "config": to_json(examined.config)})
    return judge_update(wish, is_live=examined.is_live)


async def _change_settings(session: AsyncSession, config_id: str, payload: Mapping[str, Any]) -> None:
    """What is not a parameter: it needs no process. The schedule keeper sees a new schedule within the second."""
    if on_crash := payload.get("on_crash"):
        await session.execute(_CHANGE_ON_CRASH, {"config_id": config_id, "on_crash": on_crash})
    if "schedule" in payload:
        schedule = payload["schedule"]
        values = {"config_id": config_id, "schedule": to_json(schedule) if schedule else None}
        await session.execute(_CHANGE_SCHEDULE, values)


async def _change(session: AsyncSession, config_id: str, wish: Wish) -> None:
    await session.execute(
        _CHANGE_CONFIG,
        {
            "config_id": config_id,
            "desired_state": wish.desired_state,
            "state": wish.state,
            "state_reason": wish.state_reason,
            "generation": wish.generation,
            "process_generation": wish.process_generation,
            "is_paused": wish.is_paused,
            "pause_reason": wish.pause_reason,
            "is_killed": wish.is_killed,
        },
    )
    await session.execute(_TELL_HOLDER, {"config_id": config_id, "generation": wish.generation})
    if wish.state == STOPPED:
        await market_wishes.want_nothing(session, [config_id])


def _facts(wish: Wish) -> dict[str, object]:
    facts = {"desired_state": wish.desired_state, "state": wish.state, "generation": wish.generation}
    return {**facts, "is_paused": True} if wish.is_paused else facts
