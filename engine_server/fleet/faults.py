"""What the database raises while it is away, restarting or busy: wait and do it again."""

from __future__ import annotations

import asyncpg
from sqlalchemy import exc

from tradewinds.database.connecting import TRANSIENT_ERRORS

RETRY_SECONDS = 0.25

DATABASE_FAULTS: tuple[type[Exception], ...] = (
    *TRANSIENT_ERRORS,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of an operation and is used once more
    asyncpg.PostgresError,
    exc.DBAPIError,
    exc.TimeoutError,
)
# Doing it again does not mend these: the data are wrong.
_BAD_DATA = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, exc.DataError, exc.IntegrityError)


def is_bad_data(error: Exception) -> bool:
    """Whether the database refused the values themselves."""
    return isinstance(error, _BAD_DATA)
