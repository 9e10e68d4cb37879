"""The role that services connect as reads and appends the audit log, and can change nothing of it; migrating grants it its rights."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from engine_server.operations.audit_chain import verify
from tests.support.datastores import PostgresForTests
from tests.support.settings import database_settings
from tradewinds.database import migrations
from tradewinds.database.application_role import grant_to_services
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError

APPEND = "INSERT INTO audit_log (actor, action, subject_type, subject_id) VALUES ('asha', 'order.place', 'order', 'o1')"


@dataclass(frozen=True)
class Roles:
    """As whom a database is looked after, migrated and used."""

    superuser_url: str
    owner_url: str
    services_url: str


def as_role(url: str, role: str, password: str) -> str:
    return make_url(url).set(username=role, password=password).render_as_string(hide_password=False)


@pytest.fixture
def empty_database_url(postgres_server: PostgresForTests) -> Iterator[str]:
    with postgres_server.fresh_database(migrated=False) as url:
        yield url


@pytest.fixture
async def roles(empty_database_url: str) -> AsyncIterator[Roles]:
    """As a managed PostgreSQL has them: an owner who is no superuser, and a role that may connect."""
    password, mark = secrets.token_hex(8), secrets.token_hex(4)
    owner, services = f"owner_{mark}", f"Services-{mark}"  # a name that has to be quoted
    superuser = await asyncpg.connect(empty_database_url)
    try:
        await superuser.execute(f"CREATE ROLE {owner} LOGIN PASSWORD '{password}'")
        await superuser.execute(f"CREATE ROLE \"{services}\" LOGIN PASSWORD '{password}'")
        await superuser.execute(f'ALTER DATABASE "{make_url(empty_database_url).database}" OWNER TO {owner}')
        yield Roles(
            empty_database_url,
            as_role(empty_database_url, owner, password),
            as_role(empty_database_url, services, password),
        )
    finally:
        for role in (owner, f'"{services}"'):
            await superuser.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
            await superuser.execute(f"DROP OWNED BY {role}")
            await superuser.execute(f"DROP ROLE {role}")
        await superuser.close()


async def make_member(roles: Roles) -> None:
    superuser = await asyncpg.connect(roles.superuser_url)
    try:
        services, owner = make_url(roles.services_url).username, make_url(roles.owner_url).username
        await superuser.execute(f'GRANT "{services}" TO {owner}')
    finally:
        await superuser.close()


@pytest.fixture
async def migrated(roles: Roles) -> Roles:
    """Migrated twice, as with every release: the second time as the member of a role that owns tables."""
    await make_member(roles)
    for _ in range(2):
        await migrations.upgrade(roles.owner_url, services_url=roles.services_url)
    return roles


@pytest.fixture
async def services(migrated: Roles) -> AsyncIterator[Any]:
    """A session as the services have it."""
    connection = await asyncpg.connect(migrated.services_url)
    yield connection
    await connection.close()


async def test_it_cannot_change_the_audit_log(services: Any) -> None:
    await services.execute(APPEND)
    for statement in (
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_links SET hash = ''",
        "DELETE FROM audit_links",
        "TRUNCATE audit_links",
        "UPDATE order_events SET payload = '{}'",
        "DELETE FROM order_events",
        "DELETE FROM alembic_version",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_log_link ON audit_log",
        "CREATE OR REPLACE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = 'replica'",
        "DROP TABLE audit_log",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
            await services.execute(statement)
        assert "append-only" not in str(refused.value), (
            statement
        )  # for want of the privilege: not even the trigger was asked


async def test_it_appends_and_trades_and_what_it_appended_verifies(services: Any, migrated: Roles) -> None:
    await services.execute(APPEND)
    await services.execute("INSERT INTO users (user_id, display_name) VALUES ('asha', 'Asha')")
    await services.execute("UPDATE users SET display_name = 'A.'")
    await services.execute("CREATE TABLE p_of_a_day PARTITION OF minute_bars DEFAULT")
    await services.execute("DROP TABLE p_of_a_day")
    database = Database(database_settings(migrated.services_url))
    await database.connect()
    try:
        verdict = await asyncio.wait_for(verify(database), 10)
    finally:
        await database.close()
    assert (verdict.checked, verdict.problem) == (1, None)


async def test_an_owner_who_may_not_hand_tables_over_is_told_what_to_grant(roles: Roles) -> None:
    with pytest.raises(
        ConfigurationError, match=r"DATABASE_OWNER_URL .* may not grant .*GRANT \"Services-.*\" TO its user"
    ):
        await migrations.upgrade(roles.owner_url, services_url=roles.services_url)


async def test_a_role_that_cannot_connect_is_named_without_its_password(roles: Roles) -> None:
    wrong = make_url(roles.services_url).set(password="guessed").render_as_string(hide_password=False)
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL .*CREATE ROLE") as refused:
        await grant_to_services(roles.owner_url, wrong)
    assert "guessed" not in str(refused.value)
