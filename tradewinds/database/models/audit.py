"""Who did what, and why."""

from __future__ import annotations

from typing import Any, ClassVar

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
        Index(None, "account_id", "audit_id"),
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
    account_id: Mapped[str] = mapped_column(server_default=text("''"))


class AuditLink(Base):
    """The place of an audit entry in the hash chain of its stream, made by a trigger when the entry is committed. Append-only too."""

    __tablename__ = "audit_links"
    guarded_because: ClassVar[str | None] = "a trigger links what is written; nothing is ever changed"

    stream: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[BigInt] = mapped_column(primary_key=True)
    audit_id: Mapped[BigInt] = mapped_column(unique=True)
    hash: Mapped[bytes]
