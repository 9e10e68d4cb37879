"""The fleet: registered strategies, their configurations and commands, runner leases and assignments."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, ClassVar

from sqlalchemy import Computed, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradewinds.database.models.accounts import BrokerAccount, User
from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

DESIRED_STATES = ("STOPPED", "RUNNING")
CONFIG_STATES = (
    "STOPPED",
    "PENDING",
    "STARTING",
    "RUNNING",
    "STOPPING",
    "BACKOFF",
    "FAILED",
    "QUARANTINED",
    "SCHEDULED",
)
ON_CRASH = ("RESUME", "LEAVE_OPEN", "SQUARE_OFF")
COMMAND_VERBS = ("START", "STOP", "RESTART", "PAUSE", "RESUME", "UPDATE_CONFIG", "KILL", "RELEASE", "SIGNAL")
COMMAND_STATUSES = ("PENDING", "CLAIMED", "DONE", "FAILED", "EXPIRED")


class Strategy(Base):
    """A registered strategy class, as a runner that loaded it described it."""

    __tablename__ = "strategies"

    module_path: Mapped[str] = mapped_column(primary_key=True)
    class_name: Mapped[str] = mapped_column(primary_key=True)
    code_hash: Mapped[str]
    params_schema: Mapped[dict[str, Any]]
    description: Mapped[str]
    registered_at: Mapped[CreatedAt]


class StrategyConfig(Base):
    """A configured instance: what somebody wants (`desired_state`) and what is (`state`) are two columns."""

    __tablename__ = "strategy_configs"
    __table_args__ = (
        one_of("desired_state", DESIRED_STATES),
        one_of("state", CONFIG_STATES),
        one_of("on_crash", ON_CRASH),
    )

    config_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), index=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("broker_accounts.account_id"), index=True)
    module_path: Mapped[str]
    class_name: Mapped[str]
    config: Mapped[dict[str, Any]]
    desired_state: Mapped[str] = mapped_column(server_default=text("'STOPPED'"))
    state: Mapped[str] = mapped_column(server_default=text("'STOPPED'"))
    state_reason: Mapped[str] = mapped_column(server_default=text("''"))
    generation: Mapped[BigInt] = mapped_column(server_default=text("0"))
    process_generation: Mapped[BigInt] = mapped_column(server_default=text("0"))
    is_paused: Mapped[bool] = mapped_column(server_default=text("false"))
    pause_reason: Mapped[str] = mapped_column(server_default=text("''"))
    is_killed: Mapped[bool] = mapped_column(server_default=text("false"))
    on_crash: Mapped[str] = mapped_column(server_default=text("'RESUME'"))
    schedule: Mapped[dict[str, Any] | None]
    is_off_schedule: Mapped[bool] = mapped_column(server_default=text("false"))
    flatten_because: Mapped[str] = mapped_column(server_default=text("''"))
    is_wanted: Mapped[bool] = mapped_column(
        Computed(
            # In PostgreSQL's own words, which migrations are compared with.
            "(desired_state = 'RUNNING'::text) AND (state <> ALL (ARRAY['FAILED'::text, 'QUARANTINED'::text]))"
            " AND (NOT is_off_schedule) AND (flatten_because = ''::text)",
            persisted=True,
        )
    )
    heartbeat_at: Mapped[dt.datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped[User] = relationship(lazy="raise")
    account: Mapped[BrokerAccount] = relationship(lazy="raise")
    commands: Mapped[list[StrategyCommand]] = relationship(back_populates="strategy_config", lazy="raise")
    assignment: Mapped[Assignment | None] = relationship(lazy="raise", viewonly=True)


class StrategyCommand(Base):
    """A request to change a configuration's life. A plain `INSERT INTO strategy_commands (config_id,
    verb)` is enough; every insert notifies `strategy_commands` with the command id.
    """

    __tablename__ = "strategy_commands"
    __table_args__ = (
        one_of("verb", COMMAND_VERBS),
        one_of("status", COMMAND_STATUSES),
        Index(None, "status", "created_at"),
    )

    command_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    config_id: Mapped[str] = mapped_column(ForeignKey("strategy_configs.config_id"), index=True)
    verb: Mapped[str]
    issuer: Mapped[str] = mapped_column(server_default=text("CURRENT_USER"))
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    status: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[dt.datetime] = mapped_column(server_default=text("(now() + '00:05:00'::interval)"))
    claimed_at: Mapped[dt.datetime | None]
    completed_at: Mapped[dt.datetime | None]
    result: Mapped[str] = mapped_column(server_default=text("''"))

    strategy_config: Mapped[StrategyConfig] = relationship(back_populates="commands", lazy="raise")


class RunnerLease(Base):
    """One runner (stable name) and its live process (`instance_id`), leased by heartbeat in database time."""

    __tablename__ = "runner_leases"
    guarded_because: ClassVar[str | None] = (
        "heartbeats renew all runners in one statement, in database time, and the newest instance wins"
    )

    runner_id: Mapped[str] = mapped_column(primary_key=True)
    instance_id: Mapped[str]
    engine_id: Mapped[str]
    capacity: Mapped[int]
    running: Mapped[int] = mapped_column(server_default=text("0"))
    build: Mapped[str]
    registered_at: Mapped[CreatedAt]
    heartbeat_at: Mapped[CreatedAt]
    expires_at: Mapped[dt.datetime]
    draining: Mapped[bool] = mapped_column(server_default=text("false"))


class RunnerCordon(Base):
    """A runner that an operator has set aside; `is_drained`: what was there is moved away."""

    __tablename__ = "runner_cordons"

    runner_id: Mapped[str] = mapped_column(primary_key=True)
    is_drained: Mapped[bool]
    reason: Mapped[str]
    actor: Mapped[str]
    created_at: Mapped[CreatedAt]


class EngineLease(Base):
    """An engine that is there, and where the others reach it; in database time."""

    __tablename__ = "engine_leases"

    engine_id: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str]
    expires_at: Mapped[dt.datetime]
    started_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class FleetLeader(Base):
    """The one row, `fleet`: which engine takes commands and gives out strategies, under which epoch."""

    __tablename__ = "fleet_leader"
    guarded_because: ClassVar[str | None] = (
        "a takeover raises the epoch in the same statement; decisions read it FOR SHARE"
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    engine_id: Mapped[str]
    epoch: Mapped[BigInt]
    expires_at: Mapped[dt.datetime]
    updated_at: Mapped[UpdatedAt]


class Assignment(Base):
    """Which runner instance holds a configuration. The row is never deleted (`instance_id` NULL: nobody
    holds it), so that `epoch`, + 1 at every grant, never repeats. Every write notifies `assignments` with
    the config id.
    """

    __tablename__ = "assignments"
    guarded_because: ClassVar[str | None] = "a grant raises the epoch in the same statement; a zombie is told by it"

    config_id: Mapped[str] = mapped_column(ForeignKey("strategy_configs.config_id"), primary_key=True)
    runner_id: Mapped[str | None]
    instance_id: Mapped[str | None] = mapped_column(index=True)
    epoch: Mapped[BigInt] = mapped_column(server_default=text("0"))
    generation: Mapped[BigInt] = mapped_column(server_default=text("0"))
    assigned_at: Mapped[dt.datetime | None]
    updated_at: Mapped[UpdatedAt]
