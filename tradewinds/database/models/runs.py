"""What a strategy's processes leave behind: runs, metrics, and the one checkpoint."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

RUN_OUTCOMES = ("RUNNING", "STOPPED", "MOVED", "CRASHED", "LOST")


class StrategyRun(Base):
    """One process of one configuration, from its start to its end."""

    __tablename__ = "strategy_runs"
    __table_args__ = (one_of("outcome", RUN_OUTCOMES), Index(None, "config_id", text("started_at DESC")))

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    config_id: Mapped[str] = mapped_column(ForeignKey("strategy_configs.config_id"))
    epoch: Mapped[BigInt]
    runner_id: Mapped[str]
    instance_id: Mapped[str]
    pid: Mapped[int]
    code_hash: Mapped[str]
    started_at: Mapped[CreatedAt]
    ended_at: Mapped[dt.datetime | None]
    outcome: Mapped[str] = mapped_column(server_default=text("'RUNNING'"))
    detail: Mapped[str] = mapped_column(server_default=text("''"))


class StrategyMetric(Base):
    """A number that a strategy reported about itself. Not money: a float is what it gave."""

    __tablename__ = "strategy_metrics"

    config_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    recorded_at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    value: Mapped[float]


class StrategyCheckpoint(Base):
    """A strategy's saved state, fenced by `epoch`, and the last event it had seen when it was saved."""

    __tablename__ = "strategy_checkpoints"

    config_id: Mapped[str] = mapped_column(ForeignKey("strategy_configs.config_id"), primary_key=True)
    epoch: Mapped[BigInt]
    last_event_sequence: Mapped[BigInt] = mapped_column(server_default=text("0"))
    state: Mapped[dict[str, Any]]
    updated_at: Mapped[UpdatedAt]
