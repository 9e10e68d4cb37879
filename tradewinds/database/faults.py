"""What passes by itself while PostgreSQL or Redis is away, restarts, fails over, is slow or busy. Anything else is a defect."""

from __future__ import annotations

from typing import Final

import asyncpg
from redis import exceptions as redis_errors
from sqlalchemy import exc

from tradewinds.database.connecting import TRANSIENT_ERRORS

# As raw asyncpg raises them.
PASSING_FAULTS: Final[tuple[type[Exception], ...]] = (
    *TRANSIENT_ERRORS,
    asyncpg.InterfaceError,  # the pool is closing, or a connection broke between two answers
    asyncpg.InternalClientError,  # a connection that was cut in the middle of an operation and is used once more
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
)

_PASSING_REDIS_FAULTS: Final[tuple[type[Exception], ...]] = (
    redis_errors.ConnectionError,  # loading its data is one too
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,
)


def is_passing(error: BaseException) -> bool:
    """Whether `error`, of PostgreSQL (raw or wrapped by SQLAlchemy) or of Redis, is one of those."""
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or isinstance(getattr(error.orig, "__cause__", None), PASSING_FAULTS)
    return isinstance(error, (*PASSING_FAULTS, exc.TimeoutError, *_PASSING_REDIS_FAULTS))
