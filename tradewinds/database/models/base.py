"""What every table shares: column types by Python type, names of constraints, checks of enum-like columns.

Money is `numeric(18,4)` rupees, times are `timestamptz` in UTC, ids are text. Columns have server
defaults, not Python ones, so that a plain SQL `INSERT` by a person gets the same row as one by a service.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Integer, LargeBinary, MetaData, Numeric, Text, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, mapped_column

BigInt = Annotated[int, "bigint"]
CreatedAt = Annotated[dt.datetime, mapped_column(TIMESTAMP(timezone=True), server_default=func.now())]
UpdatedAt = Annotated[
    dt.datetime, mapped_column(TIMESTAMP(timezone=True), server_default=func.now(), onupdate=func.now())
]
# `now()` is the transaction's start; an event log wants the instant of the write.
RecordedAt = Annotated[dt.datetime, mapped_column(TIMESTAMP(timezone=True), server_default=func.clock_timestamp())]


class Base(DeclarativeBase):
    """Base of every model."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: Integer(),
        BigInt: BigInteger(),
        bytes: LargeBinary(),
        Decimal: Numeric(18, 4),
        dt.datetime: TIMESTAMP(timezone=True),
        uuid.UUID: Uuid(),
        list[str]: ARRAY(Text()),
        dict[str, Any]: JSONB(none_as_null=True),
    }

    # Why the generic `Repository` must not write this table; None where it may.
    guarded_because: ClassVar[str | None] = None


def one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    """A CHECK that `column` is one of `values`: enums are text, so that adding a value never rewrites a
    table.
    """
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
