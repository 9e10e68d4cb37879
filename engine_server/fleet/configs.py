"""Configured instances: created, shown, deleted. What happens to them is the business of commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet import market_wishes
from tradewinds import audit
from tradewinds.database.connecting import to_json
from tradewinds.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, PreconditionError

_REGISTER_CLASS = text(
    """
    INSERT INTO strategies (module_path, class_name, code_hash, params_schema, description)
    VALUES (:module_path, :class_name, :code_hash, CAST(:params_schema AS jsonb), :description)
    ON CONFLICT (module_path, class_name) DO UPDATE
    SET code_hash = excluded.code_hash, params_schema = excluded.params_schema, description = excluded.description,
        registered_at = now()
    """
)
_CREATE = text(
    """
    INSERT INTO strategy_configs (config_id, user_id, account_id, module_path, class_name, config, on_crash, schedule,
                                  is_off_schedule)
    VALUES (:config_id, :user_id, :account_id, :module_path, :class_name, CAST(:config AS jsonb), :on_crash,
            CAST(:schedule AS jsonb), CAST(:schedule AS jsonb) IS NOT NULL)
    ON CONFLICT DO NOTHING
    RETURNING config_id
    """
)
# A configuration of this id that was deleted left its epoch in the audit log and its orders on record: epochs go on from
# there (a zombie of the old one must not match the new one's), and its order events are not told again.
_CONTINUE_EPOCH = text(
    """
    INSERT INTO assignments (config_id, epoch)
    SELECT :config_id, coalesce(max((after ->> 'epoch')::bigint), 0) FROM audit_log
    WHERE subject_type = 'strategy_config' AND subject_id = :config_id AND action = 'strategy_config.delete'
    """
)
_CONTINUE_EVENTS = text(
    """
    INSERT INTO strategy_checkpoints (config_id, epoch, last_event_sequence, state)
    SELECT :config_id, 0, max(config_sequence), '{}'::jsonb FROM order_events WHERE config_id = :config_id
    HAVING max(config_sequence) IS NOT NULL
    """
)
_FOREIGN_ORDERS = text(
    "SELECT account_id FROM orders WHERE config_id = :config_id AND account_id <> :account_id LIMIT 1"
)
_USER = text("SELECT 1 FROM users WHERE user_id = :user_id")
_ACCOUNTS = text("SELECT account_id FROM broker_accounts WHERE user_id = :user_id ORDER BY account_id")

_SHOWN = """
    SELECT c.config_id, c.user_id, c.account_id, c.module_path, c.class_name, c.config, c.desired_state, c.state,
           c.state_reason, c.is_paused, c.pause_reason, c.on_crash, c.schedule, c.flatten_because,
           c.heartbeat_at, c.created_at, c.updated_at,
           coalesce(a.runner_id, '') AS runner_id, coalesce(a.epoch, 0) AS epoch,
           coalesce(run.pid, 0) AS process_id, coalesce(run.code_hash, '') AS running_code_hash,
           (SELECT count(*) FROM strategy_runs r WHERE r.config_id = c.config_id AND r.outcome = 'CRASHED'
              AND r.started_at >= coalesce((SELECT max(k.claimed_at) FROM strategy_commands k
                    WHERE k.config_id = c.config_id AND k.verb IN ('START', 'RESTART', 'RELEASE')), '-infinity')) AS crash_count
    FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id
    LEFT JOIN LATERAL (SELECT r.pid, r.code_hash FROM strategy_runs r
                       WHERE r.config_id = c.config_id AND r.outcome = 'RUNNING' ORDER BY r.started_at DESC LIMIT 1) run ON true
"""
_GET = text(f"{_SHOWN} WHERE c.config_id = :config_id AND (CAST(:user_id AS text) IS NULL OR c.user_id = :user_id)")
_LIST = text(
    f"""{_SHOWN}
    WHERE (CAST(:user_id AS text) IS NULL OR c.user_id = :user_id)
      AND (CAST(:only AS text[]) IS NULL OR c.config_id = ANY(CAST(:only AS text[])))
      AND (CAST(:after_time AS timestamptz) IS NULL OR (c.created_at, c.config_id) > (CAST(:after_time AS timestamptz), :after_id))
    ORDER BY c.created_at, c.config_id LIMIT :limit
    """
)
_LIST_CLASSES = text(
    """
    SELECT module_path, class_name, params_schema, description, code_hash, registered_at FROM strategies
    WHERE (module_path, class_name) > (:module_path, :class_name)
    ORDER BY module_path, class_name LIMIT :limit
    """
)
_LOCK = text(
    """
    SELECT c.desired_state, c.state, coalesce(a.epoch, 0) AS epoch, a.instance_id
    FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id
    WHERE c.config_id = :config_id AND (CAST(:user_id AS text) IS NULL OR c.user_id = :user_id)
    FOR UPDATE OF c
    """
)
_DELETE = tuple(
    text(f"DELETE FROM {table} WHERE config_id = :config_id")  # noqa: S608 - constant tables
    for table in (
        "strategy_commands",
        "strategy_runs",
        "strategy_metrics",
        "strategy_checkpoints",
        "assignments",
        "strategy_configs",
    )
)


@dataclass(frozen=True)
class InspectedClass:
    """A strategy class as a runner described it."""

    module_path: str
    class_name: str
    params_schema: Mapping[str, object]
    description: str
    code_hash: str


@dataclass(frozen=True)
class NewConfig:
    """A configuration that is fit to be stored: its parameters are complete and its symbols canonical."""

    config_id: str
    user_id: str
    account_id: str
    strategy: InspectedClass
    config: Mapping[str, object]
    on_crash: str = "RESUME"
    schedule: Mapping[str, object] | None = None


async def account_for(session: AsyncSession, user_id: str, account_id: str) -> str:
    """The account to trade: the one asked for, or the user's only one. Raises `InvalidArgumentError` naming the field."""
    if (await session.execute(_USER, {"user_id": user_id})).one_or_none() is None:
        raise InvalidArgumentError.field("user_id", f"there is no user {user_id!r}")
    accounts = [str(row.account_id) for row in await session.execute(_ACCOUNTS, {"user_id": user_id})]
    if not accounts:
        raise InvalidArgumentError.field("account_id", f"user {user_id} has no broker account; add one first")
    if account_id in accounts:
        return account_id
    if account_id:
        raise InvalidArgumentError.field(
            "account_id", f"{account_id!r} is not an account of user {user_id}; there is {', '.join(accounts)}"
        )
    if len(accounts) > 1:
        raise InvalidArgumentError.field(
            "account_id", f"user {user_id} has several accounts, say which: {', '.join(accounts)}"
        )
    return accounts[0]


async def create(session: AsyncSession, new: NewConfig, *, actor: str, source: str) -> None:
    """Store it, its class and the audit row; the caller commits. Raises `AlreadyExistsError`."""
    strategy, key = new.strategy, {"config_id": new.config_id}
    foreign = (await session.execute(_FOREIGN_ORDERS, {**key, "account_id": new.account_id})).one_or_none()
    values: dict[str, object] = {
        **key,
        "user_id": new.user_id,
        "account_id": new.account_id,
        "config": to_json(new.config),
    }
    values |= {"on_crash": new.on_crash, "schedule": to_json(new.schedule) if new.schedule else None}
    names = {"module_path": strategy.module_path, "class_name": strategy.class_name}
    if foreign is not None or (await session.execute(_CREATE, {**values, **names})).one_or_none() is None:
        raise AlreadyExistsError(f"config_id {new.config_id!r} is taken; choose another")
    await session.execute(_CONTINUE_EPOCH, key)
    await session.execute(_CONTINUE_EVENTS, key)
    described = {"code_hash": strategy.code_hash, "description": strategy.description}
    await session.execute(_REGISTER_CLASS, {**names, **described, "params_schema": to_json(strategy.params_schema)})
    await audit.record(
        session,
        actor=actor,
        action="strategy_config.create",
        subject=("strategy_config", new.config_id),
        after={**names, "account_id": new.account_id, "config": dict(new.config), "code_hash": strategy.code_hash},
        source=source,
    )


async def get(session: AsyncSession, config_id: str, user_id: str | None) -> Row[Any]:
    """One configuration with its live state; `user_id` None sees everybody's. Raises `NotFoundError`."""
    row = (await session.execute(_GET, {"config_id": config_id, "user_id": user_id})).one_or_none()
    if row is None:
        raise not_found(config_id)
    return row


async def list_page(
    session: AsyncSession,
    user_id: str | None,
    after: tuple[object, str] | None,
    limit: int,
    only: Sequence[str] | None = None,
) -> Sequence[Row[Any]]:
    """Configurations, oldest first, after (created_at, config_id); `only` these, where given."""
    after_time, after_id = after or (None, "")
    values = {"user_id": user_id, "after_time": after_time, "after_id": after_id, "limit": limit, "only": only}
    return (await session.execute(_LIST, values)).all()


async def list_classes(session: AsyncSession, after: Sequence[str], limit: int) -> Sequence[Row[Any]]:
    """Registered classes after (module_path, class_name)."""
    module_path, class_name = after
    values = {"module_path": module_path, "class_name": class_name, "limit": limit}
    return (await session.execute(_LIST_CLASSES, values)).all()


async def delete(session: AsyncSession, config_id: str, user_id: str | None, *, actor: str, source: str) -> None:
    """Delete a stopped one with all that hangs on it but its orders. Raises `NotFoundError`, `PreconditionError` STILL_RUNNING."""
    row = (await session.execute(_LOCK, {"config_id": config_id, "user_id": user_id})).one_or_none()
    if row is None:
        raise not_found(config_id)
    if row.desired_state != "STOPPED" or row.instance_id is not None:
        raise PreconditionError(f"{config_id} is {row.state}; stop it first", reason="STILL_RUNNING")
    for statement in _DELETE:
        await session.execute(statement, {"config_id": config_id})
    await market_wishes.want_nothing(session, [config_id])
    await audit.record(
        session,
        actor=actor,
        action="strategy_config.delete",
        subject=("strategy_config", config_id),
        after={"epoch": row.epoch},
        source=source,
    )


def not_found(config_id: str) -> NotFoundError:
    """There is none, or it is somebody else's: a caller cannot tell."""
    return NotFoundError(f"there is no strategy configuration {config_id!r}")
