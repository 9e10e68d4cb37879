"""PostgreSQL from the wheel: what survives what."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy.engine import make_url

from tests.integration.database.owners import ONLY_LINUX, abandoned_server, has_ended, owned_server
from tests.support.waiting import eventually
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.server_process import EmbeddedServerError


@contextlib.asynccontextmanager
async def connected(server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(server.url)
    try:
        yield connection
    finally:
        await connection.close()


async def write_a_row(server: EmbeddedPostgres) -> None:
    async with connected(server) as connection:
        await connection.execute("CREATE TABLE kept (value text); INSERT INTO kept VALUES ('committed')")


async def read_the_row(server: EmbeddedPostgres) -> str | None:
    async with connected(server) as connection:
        value: str | None = await connection.fetchval("SELECT value FROM kept")
        return value


async def test_state_and_address_survive_a_restart(state_dir: Path) -> None:
    async with EmbeddedPostgres(state_dir / "pg") as server:
        url = server.url
        await write_a_row(server)

    async with EmbeddedPostgres(state_dir / "pg") as server:
        assert server.url == url
        assert await read_the_row(server) == "committed"


async def test_by_default_a_commit_is_on_disk(state_dir: Path) -> None:
    async with EmbeddedPostgres(state_dir / "pg") as server, connected(server) as connection:
        names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "server_encoding", "TimeZone")
        values = [await connection.fetchval("SELECT current_setting($1)", name) for name in names]

    assert values == ["on", "on", "on", "on", "UTF8", "UTC"]


async def test_only_who_knows_the_password_gets_in(own_postgres: EmbeddedPostgres, state_dir: Path) -> None:
    url = make_url(own_postgres.url)
    for host in ("127.0.0.1", str(state_dir / "postgres" / "socket")):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host=host, port=url.port, user="tradewinds", database="tradewinds", password="guess")

    through_the_socket = await asyncpg.connect(
        host=str(state_dir / "postgres" / "socket"),
        port=url.port,
        user="tradewinds",
        database="tradewinds",
        password=url.password,
    )
    await through_the_socket.close()
    assert (state_dir / "postgres" / "password").stat().st_mode & 0o077 == 0


async def test_it_listens_on_loopback_alone(own_postgres: EmbeddedPostgres) -> None:
    addresses = {
        c.laddr.ip for c in psutil.Process(own_postgres.pid).net_connections() if c.status == "LISTEN" and c.laddr
    }

    assert addresses - {""} == {"127.0.0.1"}


async def test_a_second_owner_is_told_who_the_first_is(own_postgres: EmbeddedPostgres, state_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=f"in use by process {os.getpid()}; stop that one, or choose another"):
        await EmbeddedPostgres(state_dir / "postgres").start()

    async with connected(own_postgres) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_starting_twice_is_refused(own_postgres: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedServerError, match="was started already"):
        await own_postgres.start()


async def test_what_is_not_running_has_no_url(state_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"is not running: call start\(\) first"):
        _ = EmbeddedPostgres(state_dir / "pg").url


async def test_a_killed_server_recovers_at_the_next_start(state_dir: Path) -> None:
    async with EmbeddedPostgres(state_dir / "pg") as server:
        await write_a_row(server)
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL

    async with EmbeddedPostgres(state_dir / "pg") as server:
        assert await read_the_row(server) == "committed"


@pytest.mark.skipif(sys.platform != "linux", reason=ONLY_LINUX)
async def test_a_server_whose_owner_is_killed_shuts_down_by_itself(state_dir: Path) -> None:
    owner = await owned_server("postgres.EmbeddedPostgres", state_dir / "pg")
    connection = await asyncpg.connect(owner.url)
    await connection.execute("CREATE TABLE kept (value text); INSERT INTO kept VALUES ('committed')")

    await owner.kill()

    await eventually(lambda: has_ended(owner.pid), timeout=20, what="the server has ended")
    assert "received fast shutdown request" in (state_dir / "pg" / "server.log").read_text()
    connection.terminate()
    async with EmbeddedPostgres(state_dir / "pg") as server:
        assert await read_the_row(server) == "committed"


async def test_a_new_owner_may_come_while_the_old_server_is_still_shutting_down(state_dir: Path) -> None:
    await (await owned_server("postgres.EmbeddedPostgres", state_dir / "pg")).kill()

    async with EmbeddedPostgres(state_dir / "pg") as server, connected(server) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_server_that_outlived_its_owner_is_ended_first(state_dir: Path) -> None:
    old_pid = (await abandoned_server("postgres.EmbeddedPostgres", state_dir / "pg")).pid

    async with EmbeddedPostgres(state_dir / "pg") as server, connected(server) as connection:
        assert await connection.fetchval("SELECT 1") == 1
        assert has_ended(old_pid)
    assert "received fast shutdown request" in (state_dir / "pg" / "server.log").read_text()


async def test_a_pid_file_that_names_somebody_else_is_stale(state_dir: Path) -> None:
    async with EmbeddedPostgres(state_dir / "pg") as server:
        await write_a_row(server)
        pid_file = state_dir / "pg" / "data" / "postmaster.pid"
        content = pid_file.read_text()
        os.kill(server.pid, signal.SIGKILL)
        await server.wait()
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    pid_file.write_text(content.replace(content.split()[0], str(bystander.pid), 1))

    async with EmbeddedPostgres(state_dir / "pg") as server:
        assert await read_the_row(server) == "committed"
        assert bystander.returncode is None
    bystander.kill()
    await bystander.wait()


async def test_an_interrupted_initialisation_is_begun_again(state_dir: Path) -> None:
    unfinished = state_dir / "pg" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    async with EmbeddedPostgres(state_dir / "pg") as server, connected(server) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    assert not unfinished.exists()


async def test_data_of_another_version_is_left_alone(state_dir: Path) -> None:
    data = state_dir / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("13\n")

    with pytest.raises(
        EmbeddedServerError, match="was written by PostgreSQL 13, this is 18: dump it with the old version"
    ):
        await EmbeddedPostgres(state_dir / "pg").start()

    assert [file.name for file in data.iterdir()] == ["PG_VERSION"]


async def test_a_lost_password_is_said_to_be(state_dir: Path) -> None:
    async with EmbeddedPostgres(state_dir / "pg"):
        pass
    (state_dir / "pg" / "password").unlink()

    with pytest.raises(EmbeddedServerError, match="refused its own owner: password authentication failed"):
        await EmbeddedPostgres(state_dir / "pg").start()


async def test_a_taken_port_is_replaced(state_dir: Path) -> None:
    async with EmbeddedPostgres(state_dir / "pg") as server:
        port = make_url(server.url).port
    assert port is not None
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()

        async with EmbeddedPostgres(state_dir / "pg") as server:
            assert make_url(server.url).port != port


async def test_a_port_that_is_taken_between_choice_and_use_is_replaced(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with EmbeddedPostgres(state_dir / "pg") as first:
        taken = make_url(first.url).port
        server = EmbeddedPostgres(state_dir / "other")
        monkeypatch.setattr(server._state, "choose_port", lambda: taken)

        async with server:
            assert make_url(server.url).port != taken


async def test_a_server_that_cannot_start_says_why(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir / "pg", settings={"shared_buffers": "plenty"})

    with pytest.raises(EmbeddedServerError, match='invalid value for parameter "shared_buffers": "plenty"'):
        await server.start()

    async with EmbeddedPostgres(state_dir / "pg"):
        pass  # and the folder is free again


async def test_stopping_does_not_wait_for_clients(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir / "pg")
    await server.start()
    connection = await asyncpg.connect(server.url)
    await connection.execute("BEGIN")
    started = time.monotonic()

    await server.stop()
    await server.stop()

    assert time.monotonic() - started < 5
    connection.terminate()
