"""Users, their broker accounts, the sealed broker session of an account, and the lease of its single
writer.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from sqlalchemy import ForeignKey, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradewinds.database.models.base import Base, BigInt, CreatedAt, UpdatedAt, one_of

GATES = ("OPEN", "CLOSED")


class User(Base):
    """A person; `user_id` is the `sub` of their token."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    created_at: Mapped[CreatedAt]

    broker_accounts: Mapped[list[BrokerAccount]] = relationship(back_populates="user", lazy="raise")


class BrokerAccount(Base):
    """An account at a broker. `sealed_credentials` is AES-256-GCM; the key is never in the database."""

    __tablename__ = "broker_accounts"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), index=True)
    broker: Mapped[str] = mapped_column(server_default=text("'ANGEL_ONE'"))
    client_code: Mapped[str]
    sealed_credentials: Mapped[bytes]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = relationship(back_populates="broker_accounts", lazy="raise")
    session: Mapped[BrokerSession | None] = relationship(back_populates="account", lazy="raise")
    lease: Mapped[AccountLease | None] = relationship(lazy="raise", viewonly=True)


class BrokerSession(Base):
    """The one login of an account, shared by its OMS, its successors and the feed. Every write notifies
    `broker_sessions` with the account id."""

    __tablename__ = "broker_sessions"

    account_id: Mapped[str] = mapped_column(ForeignKey("broker_accounts.account_id"), primary_key=True)
    client_code: Mapped[str]
    sealed_tokens: Mapped[bytes | None]
    epoch: Mapped[BigInt]
    logged_in_at: Mapped[dt.datetime | None]
    last_error: Mapped[str] = mapped_column(server_default=text("''"))
    updated_at: Mapped[UpdatedAt]

    account: Mapped[BrokerAccount] = relationship(back_populates="session", lazy="raise")


class AccountLease(Base):
    """Which engine owns an account's OMS, under which epoch, until when (database time), and whether its
    gate is open.
    """

    __tablename__ = "account_leases"
    __table_args__ = (one_of("gate", GATES),)
    guarded_because: ClassVar[str | None] = (
        "a lease changes only by statements that check epoch and expiry in database time"
    )

    account_id: Mapped[str] = mapped_column(ForeignKey("broker_accounts.account_id"), primary_key=True)
    owner_id: Mapped[str]
    owner_address: Mapped[str]
    epoch: Mapped[BigInt]
    expires_at: Mapped[dt.datetime]
    gate: Mapped[str] = mapped_column(server_default=text("'CLOSED'"))
    gate_reason: Mapped[str] = mapped_column(server_default=text("''"))
    updated_at: Mapped[UpdatedAt]
