"""What a database that is away looks like from the feed: it reads only, so it waits and reads again."""

from __future__ import annotations

from typing import Final

import asyncpg

from tradewinds.database.connecting import TRANSIENT_ERRORS

DATABASE_ERRORS: Final[tuple[type[Exception], ...]] = (
    *TRANSIENT_ERRORS,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,  # the pool is closing, or a connection broke between two answers
    asyncpg.InternalClientError,  # a connection that was cut in the middle of an operation and is used once more
)
