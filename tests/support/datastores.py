"""The PostgreSQL and the Valkey of a test run: real servers, started once, with a fresh database or an emptied store per test."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey

# The data of a test run is thrown away: a crash of the machine may lose it. synchronous_commit stays on, services assert it.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
_PREFIX = "tradewinds-tests-"
_TEMPLATE = "tradewinds_template"
_MEMORY_FOLDER = Path("/dev/shm")
_MEMORY_NEEDED_BYTES = 1024**3


@contextmanager
def temporary_state_dir() -> Iterator[Path]:
    """A folder that is removed afterwards, which a server under another user may pass through (pytest's `tmp_path` it may not)."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_parent_of_many_files()))
    folder.chmod(0o711)
    _remove_abandoned(folder.parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _remove_abandoned(parent: Path) -> None:
    """A test run that was killed could not clean up; its servers died with it."""
    for folder in parent.glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _parent_of_many_files() -> Path | None:
    """A database is 300 files: a copy takes 20 ms in memory and 300 ms on a disk. A container's small /dev/shm is not used."""
    if _MEMORY_FOLDER.is_dir() and shutil.disk_usage(_MEMORY_FOLDER).free > _MEMORY_NEEDED_BYTES:
        return _MEMORY_FOLDER
    return None


@contextmanager
def running_postgres(runner: asyncio.Runner) -> Iterator[PostgresForTests]:
    """The shared server with its migrated template database; gone afterwards."""
    with temporary_state_dir() as folder:
        server = EmbeddedPostgres(folder / "postgres", settings=_NOT_DURABLE)
        runner.run(server.start())
        try:
            postgres = PostgresForTests(runner, server.url)
            postgres.migrate_template()
            yield postgres
        finally:
            runner.run(server.stop())


@contextmanager
def running_valkey(runner: asyncio.Runner) -> Iterator[str]:
    """The URL of the shared Valkey; gone afterwards."""
    with temporary_state_dir() as folder:
        server = EmbeddedValkey(folder / "valkey")
        runner.run(server.start())
        try:
            yield server.url
        finally:
            runner.run(server.stop())


class PostgresForTests:
    """Makes and drops the databases of tests on one server."""

    def __init__(self, runner: asyncio.Runner, admin_url: str) -> None:
        self._runner = runner
        self._admin_url = admin_url

    def migrate_template(self) -> None:
        """Migrate once; every test's database is a copy."""
        from tradewinds.database import (
            migrations,
        )  # half a second of imports that a run without a database does not need

        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        self._runner.run(migrations.upgrade(self._url_of(_TEMPLATE)))

    @contextmanager
    def fresh_database(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a database of its own, dropped afterwards whoever is still connected."""
        name = f"test_{secrets.token_hex(6)}"
        template = _TEMPLATE if migrated else "template0"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self._url_of(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{database}"))

    def _execute(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self._admin_url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        self._runner.run(execute())
