"""Valkey from the wheel: empty at every start, closed to strangers, bounded."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, OutOfMemoryError
from sqlalchemy.engine import make_url

from tests.integration.database.owners import ONLY_LINUX, abandoned_server, has_ended, owned_server
from tests.support.waiting import eventually
from tradewinds.embedded.server_process import EmbeddedServerError
from tradewinds.embedded.valkey import EmbeddedValkey


async def test_it_starts_empty_at_the_same_address(state_dir: Path) -> None:
    async with EmbeddedValkey(state_dir / "valkey") as server:
        url = server.url
        async with Redis.from_url(url) as client:
            await client.set("a", "1")

    async with EmbeddedValkey(state_dir / "valkey") as server, Redis.from_url(server.url) as client:
        assert server.url == url
        assert await client.dbsize() == 0


async def test_only_who_knows_the_password_gets_in(own_valkey: EmbeddedValkey, state_dir: Path) -> None:
    port = make_url(own_valkey.url).port

    async with Redis.from_url(f"redis://127.0.0.1:{port}/0") as client:
        with pytest.raises(AuthenticationError):
            await client.ping()

    assert (state_dir / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
    command_line = " ".join(psutil.Process(own_valkey.pid).cmdline())
    assert str(make_url(own_valkey.url).password) not in command_line


async def test_a_full_store_refuses_instead_of_forgetting(state_dir: Path) -> None:
    async with EmbeddedValkey(state_dir / "valkey", max_memory="4mb") as server, Redis.from_url(server.url) as client:
        await client.set("first", "kept")
        with pytest.raises(OutOfMemoryError):
            await _fill(client)

        assert await client.get("first") == b"kept"


async def _fill(client: Redis) -> None:
    for n in range(100):
        await client.set(f"filler{n}", b"x" * 100_000)


async def test_a_second_owner_is_told_who_the_first_is(own_valkey: EmbeddedValkey, state_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=f"in use by process {os.getpid()}"):
        await EmbeddedValkey(state_dir / "valkey").start()

    async with Redis.from_url(own_valkey.url) as client:
        await client.ping()


async def test_a_server_that_cannot_start_says_why(state_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="argument must be a memory value"):
        await EmbeddedValkey(state_dir / "valkey", max_memory="plenty").start()


async def test_starting_twice_is_refused(own_valkey: EmbeddedValkey) -> None:
    with pytest.raises(EmbeddedServerError, match="was started already"):
        await own_valkey.start()


async def test_what_is_not_running_has_no_url(state_dir: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"is not running: call start\(\) first"):
        _ = EmbeddedValkey(state_dir / "valkey").url


async def test_a_killed_server_starts_again(state_dir: Path) -> None:
    async with EmbeddedValkey(state_dir / "valkey") as server:
        os.kill(server.pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL

    async with EmbeddedValkey(state_dir / "valkey") as server, Redis.from_url(server.url) as client:
        await client.ping()


async def test_a_server_that_outlived_its_owner_is_ended_first(state_dir: Path) -> None:
    old_pid = (await abandoned_server("valkey.EmbeddedValkey", state_dir / "valkey")).pid

    async with EmbeddedValkey(state_dir / "valkey") as server:
        assert not has_ended(server.pid)
        assert has_ended(old_pid)


async def test_a_taken_port_is_replaced(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with EmbeddedValkey(state_dir / "first") as first:
        taken = make_url(first.url).port
        server = EmbeddedValkey(state_dir / "second")
        monkeypatch.setattr(server._state, "choose_port", lambda: taken)

        async with server:
            assert make_url(server.url).port != taken


@pytest.mark.skipif(sys.platform != "linux", reason=ONLY_LINUX)
async def test_a_server_whose_owner_is_killed_ends_by_itself(state_dir: Path) -> None:
    owner = await owned_server("valkey.EmbeddedValkey", state_dir / "valkey")

    await owner.kill()

    await eventually(lambda: has_ended(owner.pid), timeout=10, what="the server has ended")
