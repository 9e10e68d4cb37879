"""The connection to Valkey: what it refuses, what it waits for, what it survives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from sqlalchemy.engine import make_url

from notifier.realtime import stream_store
from tests.support.settings import redis_settings
from tests.support.waiting import eventually
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.errors import ConfigurationError, PreconditionError, UnavailableError


async def test_a_server_that_is_still_starting_is_waited_for(own_valkey: EmbeddedValkey) -> None:
    url = own_valkey.url
    await own_valkey.stop()
    connection = RedisConnection(redis_settings(url))

    connecting = asyncio.create_task(connection.connect())
    await asyncio.sleep(0)
    await own_valkey.start()
    await connecting

    assert await connection.is_healthy()
    await connection.close()


async def test_a_server_that_stays_away_is_named_with_the_variable_and_the_remedy(own_valkey: EmbeddedValkey) -> None:
    url = own_valkey.url
    await own_valkey.stop()

    with pytest.raises(
        UnavailableError, match=r"Redis redis://:\*\*\*@127\.0\.0\.1:.* within 0\.3 s.*REDIS_URL"
    ) as caught:
        await RedisConnection(redis_settings(url)).connect(deadline_seconds=0.3)

    assert str(make_url(url).password) not in caught.value.message


async def test_a_wrong_password_is_refused_at_once(redis_url: str) -> None:
    url = make_url(redis_url).set(password="wrong").render_as_string(hide_password=False)

    with pytest.raises(ConfigurationError, match=r"REDIS_URL .* was refused: .*password"):
        await RedisConnection(redis_settings(url)).connect()


async def test_a_bad_url_is_refused_by_the_name_of_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL redis://h:port/0 was refused"):
        await RedisConnection(redis_settings("redis://h:port/0")).connect()


async def test_commands_survive_a_restart_of_the_server(own_valkey: EmbeddedValkey) -> None:
    connection = RedisConnection(redis_settings(own_valkey.url))
    await connection.connect()
    await connection.client.set("a", "1")

    await own_valkey.stop()
    assert not await connection.is_healthy()
    await own_valkey.start()

    assert await connection.client.get("a") is None, "nothing is kept over a restart"
    assert await connection.is_healthy()
    await connection.close()


async def test_a_cancellation_is_never_lost(redis: RedisConnection) -> None:
    """Whenever it comes: while a command is sent, too, where `asyncio.wait_for` of Python 3.11 forgets one in a dozen."""

    async def ask_for_ever() -> None:
        while True:
            await redis.client.get("a")

    for number in range(120):
        asking = asyncio.create_task(ask_for_ever())
        for _ in range(number % 12):
            await asyncio.sleep(0)
        asking.cancel()
        _, forgotten = await asyncio.wait([asking], timeout=5)
        asking.cancel()
        assert not forgotten, number
    assert await redis.is_healthy()


async def test_values_are_bytes(redis: RedisConnection) -> None:
    await redis.client.set("a", b"\xff\x00")

    assert await redis.client.get("a") == b"\xff\x00"


async def test_each_test_begins_empty(redis: RedisConnection) -> None:
    assert await redis.client.dbsize() == 0


async def test_what_is_not_connected_says_what_to_call() -> None:
    connection = RedisConnection(redis_settings("redis://127.0.0.1:1/0"))

    with pytest.raises(PreconditionError, match=r"call connect\(\) first"):
        _ = connection.client
    assert not await connection.is_healthy()


async def test_a_command_that_the_server_refuses_is_an_error(redis: RedisConnection) -> None:
    await redis.client.set("a", "text")

    with pytest.raises(ResponseError):
        await redis.client.incr("a")


@pytest.mark.parametrize("connect", ["kernel", "notifier"])
async def test_an_answer_that_nobody_read_is_not_given_to_the_next_command(redis_url: str, connect: str) -> None:
    settings = redis_settings(redis_url)
    connection = RedisConnection(settings)
    await connection.connect()
    client = connection.client if connect == "kernel" else stream_store.connect(settings)
    pool: Any = client.connection_pool
    one = await pool.get_connection()
    await one.send_command("SET", "a", "1")
    await eventually(lambda: one._reader._buffer)
    await pool.release(one)

    assert await client.get("a") == b"1"
    assert await client.get("b") is None
    await client.aclose()
    await connection.close()


def test_a_write_on_a_connection_that_was_just_cut_is_a_lost_connection_under_uvloop(redis_url: str) -> None:
    async def write_after_the_cut() -> None:
        connection = RedisConnection(redis_settings(redis_url))
        await connection.connect()
        pool: Any = connection.client.connection_pool
        one = await pool.get_connection()
        one._writer.transport.abort()
        await asyncio.sleep(0.01)  # the handle is closed in the loop's next round
        with pytest.raises(RedisConnectionError):
            await one.send_command("PING", check_health=False)
        await pool.release(one)
        assert await connection.is_healthy()
        await connection.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(write_after_the_cut())
