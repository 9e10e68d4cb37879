"""The schema's history: forward only, packaged with the code, safe to run from several processes at once.

Old code runs on the new schema while a deployment rolls (design §8), so a column that goes away first becomes unused. There is no
downgrade: what was deployed wrongly is corrected by the next revision.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tradewinds.database.addresses import redacted
from tradewinds.database.application_role import grant_to_services
from tradewinds.errors import UnavailableError

# Any constant that nobody else uses: "tradewin" in ASCII, read as a bigint.
ADVISORY_LOCK_KEY: Final = int.from_bytes(b"tradewin", "big")
_LOCK_TIMEOUT_SECONDS = 60


class MigrationError(UnavailableError):
    """The database could not be migrated."""


async def upgrade(url: str, *, services_url: str = "") -> None:
    """Bring the database at `url` (`postgresql://…`) to the newest revision, in one transaction.

    The role of `services_url` gets its rights, where it is not the owner's. Somebody else's migration in progress is waited for, up to
    60 s. Raises `MigrationError` naming the database and the reason, and as `grant_to_services`.
    """

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, timeout=10, server_settings={"application_name": "tradewinds migrate"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK_KEY})
            await connection.run_sync(_upgrade)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as e:
        raise MigrationError(f"{redacted(url)} was not migrated, nothing was changed: {e}") from e
    finally:
        await engine.dispose()
    if services_url and services_url != url:
        await grant_to_services(url, services_url)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
