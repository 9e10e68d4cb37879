"""Who did what, and why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, BigInt, RecordedAt


class AuditEntry(Base):
    """One line of the audit log, written in the transaction of what it records. A trigger refuses UPDATE,
    DELETE and TRUNCATE.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(None, "subject_type", "subject_id", "audit_id"),
        Index(None, "recorded_at"),
    )

    audit_id: Mapped[BigInt] = mapped_column(primary_key=True)
    recorded_at: Mapped[RecordedAt]
    actor: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[str]
    reason: Mapped[str] = mapped_column(server_default=text("''"))
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    source: Mapped[str] = mapped_column(server_default=text("''"))
