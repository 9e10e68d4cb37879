"""What keeps a position from harm: holds on entries, and guards that protect what is open."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from tradewinds.database.models.base import Base, one_of
from tradewinds.database.models.orders import PRODUCTS, SIDES

HOLD_KINDS = (
    "OVERFILL",
    "TAG_DUPLICATED",
    "UNATTRIBUTED",
    "POSITION_DIFFERENCE",
    "TRADE_DIFFERENCE",
    "NOT_ENTERED",
)
ENDED_GUARD_STATES = ("DONE", "CANCELLED")
GUARD_STATES = ("WAITING", "ACTIVE", "EXITING", *ENDED_GUARD_STATES)


class AccountHold(Base):
    """Why an account takes no entries of an instrument ('' is all of them) until a person, or the books, say so."""

    __tablename__ = "account_holds"
    __table_args__ = (one_of("kind", HOLD_KINDS),)
    guarded_because: ClassVar[str | None] = "holds are written by the account's OMS, with the event that caused them"

    account_id: Mapped[str] = mapped_column(ForeignKey("broker_accounts.account_id"), primary_key=True)
    instrument: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[str] = mapped_column(primary_key=True)
    message: Mapped[str]
    held_at: Mapped[dt.datetime]


class Guard(Base):
    """A stop, with or without a target and a trail, over what one strategy (or, without one, the account's people) has open
    of an instrument. `side` is the side of the exit."""

    __tablename__ = "guards"
    __table_args__ = (
        one_of("product", PRODUCTS),
        one_of("side", SIDES),
        one_of("state", GUARD_STATES),
        Index(
            "ix_guards_account_id_living",
            "account_id",
            postgresql_where=text(f"state NOT IN ({', '.join(repr(state) for state in ENDED_GUARD_STATES)})"),
        ),
    )
    guarded_because: ClassVar[str | None] = "guards are written by the account's OMS, under its epoch"

    guard_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("broker_accounts.account_id"))
    user_id: Mapped[str]
    config_id: Mapped[str | None]
    request_key: Mapped[str] = mapped_column(unique=True)
    body_sha256: Mapped[str]
    instrument: Mapped[str]
    product: Mapped[str]
    side: Mapped[str]
    stop_price: Mapped[Decimal]
    target_price: Mapped[Decimal | None]
    trail: Mapped[Decimal | None]
    state: Mapped[str]
    order_id: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    message: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
