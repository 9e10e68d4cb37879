"""What the role that services connect as may do, where it is not the owner of the database: everything but change the record.

It reads and appends the audit log and the log of order events, and reads and writes the rest. It owns nothing but the partitioned tables,
whose partitions the services make and drop; so it can switch no trigger off. Granted anew after every migration.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from tradewinds.database.addresses import redacted
from tradewinds.errors import ConfigurationError, UnavailableError

_GRANTS: Final = """
GRANT USAGE, CREATE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role};
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log, audit_links, order_events FROM {role};
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM {role};
"""
_PARTITIONED: Final = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind = 'p' OR c.relispartition AND c.relkind = 'r')
  AND c.relowner <> (SELECT oid FROM pg_roles WHERE rolname = $1)
"""
_PATIENCE: Final = "SET LOCAL lock_timeout = '60s'"  # a change of owner waits for whoever uses the table
_CONNECT_SECONDS: Final = 10.0


async def grant_to_services(owner_url: str, services_url: str) -> None:
    """Give the role of `services_url` its rights, as the owner of the database; nothing where both are one role.

    Raises `ConfigurationError` with the remedy when the services cannot connect or the owner may not grant, `UnavailableError` when
    the server does not answer.
    """
    services = await _connect("DATABASE_URL", services_url)
    try:
        role = str(await services.fetchval("SELECT current_user"))
    finally:
        await services.close(timeout=_CONNECT_SECONDS)
    owner = await _connect("DATABASE_OWNER_URL", owner_url)
    try:
        if role != await owner.fetchval("SELECT current_user"):
            await _grant(owner, role)
    except asyncpg.InsufficientPrivilegeError as e:
        raise ConfigurationError(
            f"DATABASE_OWNER_URL {redacted(owner_url)} may not grant to {role}: {e}; it must own the tables and be a member of that role: "
            f'GRANT "{role}" TO its user'
        ) from e
    finally:
        await owner.close(timeout=_CONNECT_SECONDS)


async def _grant(owner: asyncpg.Connection, role: str) -> None:
    quoted = '"' + role.replace('"', '""') + '"'
    async with owner.transaction():
        await owner.execute(_PATIENCE)
        await owner.execute(_GRANTS.format(role=quoted))
        for row in await owner.fetch(_PARTITIONED, role):
            await owner.execute(f"ALTER TABLE {row[0]} OWNER TO {quoted}")


async def _connect(variable: str, url: str) -> asyncpg.Connection:
    """Raises with the variable's name and the remedy."""
    try:
        return await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError) as e:
        raise UnavailableError(f"{variable} {redacted(url)} does not answer: {e}") from e
    except (ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as e:
        raise ConfigurationError(
            f"{variable} {redacted(url)} was refused: {redacted(str(e))}; create its role first (CREATE ROLE … LOGIN PASSWORD …)"
        ) from e
