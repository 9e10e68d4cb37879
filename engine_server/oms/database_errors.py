"""What passes by itself while PostgreSQL is away, restarts, fails over or is slow. Anything else is a defect."""

from __future__ import annotations

from typing import Final

import asyncpg

from tradewinds.database.connecting import TRANSIENT_ERRORS

DATABASE_ERRORS: Final[tuple[type[Exception], ...]] = (
    *TRANSIENT_ERRORS,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
)
