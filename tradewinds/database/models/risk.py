"""What limits trading and what stops it: risk limits, kill switches, and decisions that wait for approval and time."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, RecordedAt, UpdatedAt, one_of

RISK_SCOPES = ("GLOBAL", "ACCOUNT", "STRATEGY")
KILL_ACTIONS = ("REDUCE_ONLY", "HALT", "CANCEL_ALL", "SQUARE_OFF")
DECISION_KINDS = ("LOOSEN_LIMITS", "RELEASE_KILL_SWITCH")
DECISION_STATES = ("PENDING", "APPLIED", "WITHDRAWN")


class RiskLimit(Base):
    """One limit of one scope; what has no row has its default. Every write notifies `risk`."""

    __tablename__ = "risk_limits"
    __table_args__ = (
        one_of("scope", RISK_SCOPES),
        CheckConstraint("(scope = 'GLOBAL') = (subject_id = '')", name="subject_given"),
        CheckConstraint("value >= 0", name="value_not_negative"),
    )
    guarded_because: ClassVar[str | None] = "loosening a limit needs its approvals and leaves an audit record"

    scope: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True, server_default=text("''"))
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Decimal]
    updated_by: Mapped[str] = mapped_column(server_default=text("CURRENT_USER"))
    updated_at: Mapped[UpdatedAt]


class KillSwitch(Base):
    """A kill switch, engaged until `released_at`. `account_id` is the account concerned, '' for GLOBAL. Every write
    notifies `risk`; a plain INSERT engages it as well, without waiting for anybody's acknowledgement.
    """

    __tablename__ = "kill_switches"
    __table_args__ = (
        one_of("scope", RISK_SCOPES),
        one_of("action", KILL_ACTIONS),
        CheckConstraint(
            "(scope = 'GLOBAL') = (subject_id = '') AND (scope = 'GLOBAL') = (account_id = '')", name="subject_given"
        ),
        CheckConstraint("reason <> ''", name="reason_given"),
        Index("ix_kill_switches_engaged", "scope", "subject_id", postgresql_where=text("released_at IS NULL")),
        Index("ix_kill_switches_engaged_at", text("engaged_at DESC")),
    )
    guarded_because: ClassVar[str | None] = "a release is a decision of its own, with approvals and a cool-off"

    kill_id: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str]
    subject_id: Mapped[str] = mapped_column(server_default=text("''"))
    account_id: Mapped[str] = mapped_column(server_default=text("''"))
    action: Mapped[str]
    include_holdings: Mapped[bool] = mapped_column(server_default=text("false"))
    reason: Mapped[str]
    engaged_by: Mapped[str] = mapped_column(server_default=text("CURRENT_USER"))
    engaged_at: Mapped[RecordedAt]
    released_by: Mapped[str] = mapped_column(server_default=text("''"))
    release_reason: Mapped[str] = mapped_column(server_default=text("''"))
    released_at: Mapped[dt.datetime | None]


class KillProgress(Base):
    """How far one account is with a kill switch: who acknowledged it or was fenced off, and what is left open."""

    __tablename__ = "kill_progress"

    kill_id: Mapped[str] = mapped_column(ForeignKey("kill_switches.kill_id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(server_default=text("''"))
    epoch: Mapped[BigInt] = mapped_column(server_default=text("0"))
    acknowledged_at: Mapped[dt.datetime | None]
    fenced_at: Mapped[dt.datetime | None]
    open_orders: Mapped[int] = mapped_column(server_default=text("0"))
    open_positions: Mapped[int] = mapped_column(server_default=text("0"))
    proven_at: Mapped[dt.datetime | None]
    problem: Mapped[str] = mapped_column(server_default=text("''"))
    updated_at: Mapped[UpdatedAt]


class RiskDecision(Base):
    """Something that lets more through: it is applied when enough people approved and its cool-off is over."""

    __tablename__ = "risk_decisions"
    __table_args__ = (
        one_of("kind", DECISION_KINDS),
        one_of("state", DECISION_STATES),
        CheckConstraint("reason <> ''", name="reason_given"),
        CheckConstraint("approvals_needed > 0", name="approvals_positive"),
        Index("ix_risk_decisions_requested_at", text("requested_at DESC")),
        Index("ix_risk_decisions_pending", "applies_at", postgresql_where=text("state = 'PENDING'")),
    )
    guarded_because: ClassVar[str | None] = "it is applied by one statement that checks approvals and time"

    decision_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    scope: Mapped[str]
    subject_id: Mapped[str] = mapped_column(server_default=text("''"))
    changes: Mapped[dict[str, Any]]
    reason: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[RecordedAt]
    approvals: Mapped[list[str]]
    approvals_needed: Mapped[int]
    applies_at: Mapped[dt.datetime]
    state: Mapped[str] = mapped_column(server_default=text("'PENDING'"))
    ended_at: Mapped[dt.datetime | None]
