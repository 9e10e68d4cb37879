"""Answered requests, so that the same id gets the first answer again."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, CreatedAt


class ApiRequest(Base):
    """The serialized first response to (caller, method, request_id), and the lower-case hex hash of the
    body it answered.
    """

    __tablename__ = "api_requests"

    caller: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[str]
    response: Mapped[bytes]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
