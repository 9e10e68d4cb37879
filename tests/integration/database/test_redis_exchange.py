"""One connection, one question at a time: what comes back, and what is left of it after something went wrong."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support.waiting import eventually
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.redis_exchange import Exchange


async def test_answers_come_in_the_order_of_the_commands_as_bytes(redis: RedisConnection) -> None:
    exchange = Exchange(redis.client)
    answers = await exchange.ask([("SET", "a", b"\xff\x00"), ("GET", "a"), ("LRANGE", "b", 0, -1), ("INCR", "c")])
    assert answers == [b"OK", b"\xff\x00", [], 1]
    large = bytes(3_000_000)
    assert await exchange.ask([("SET", "d", large), ("GET", "d")]) == [b"OK", large]
    await exchange.close()


async def test_an_error_among_the_answers_is_raised_and_the_next_question_is_answered(redis: RedisConnection) -> None:
    exchange = Exchange(redis.client)
    with pytest.raises(ResponseError, match="wrong kind of value"):
        await exchange.ask([("SET", "a", "1"), ("LPUSH", "a", "2"), ("SET", "a", "3")])
    assert await exchange.ask([("GET", "a")]) == [b"3"]
    await exchange.close()


async def test_a_connection_that_is_cut_while_it_waits_fails_and_another_one_takes_its_place(
    redis: RedisConnection,
) -> None:
    exchange = Exchange(redis.client)
    asking = asyncio.create_task(exchange.ask([("BLPOP", "nothing", 0)]))

    async def is_blocked() -> bool:
        return bool((await redis.client.info("clients"))["blocked_clients"])

    await eventually(is_blocked, timeout=5)
    await redis.client.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(RedisConnectionError, match="closed"):
        await asking
    assert await exchange.ask([("PING",)]) == [b"PONG"]
    await exchange.close()


async def test_a_connection_that_was_cut_while_nobody_asked_is_not_asked(redis: RedisConnection) -> None:
    exchange = Exchange(redis.client)
    assert await exchange.ask([("PING",)]) == [b"PONG"]
    await redis.client.client_kill_filter(_type="normal", skipme=True)
    await asyncio.sleep(0.05)
    assert await exchange.ask([("PING",)]) == [b"PONG"]
    await exchange.close()


async def test_an_answer_that_does_not_come_in_time_is_never_taken_for_the_next_one(redis_url: str) -> None:
    client = Redis.from_url(redis_url, socket_timeout=0.2)
    exchange = Exchange(client)
    with pytest.raises(RedisTimeoutError, match=r"no answer within 0\.2 s"):
        await exchange.ask([("BLPOP", "nothing", 0)])
    assert await exchange.ask([("PING",)]) == [b"PONG"]
    await exchange.close()
    await client.aclose()


async def test_a_question_that_is_given_up_leaves_nothing_behind(redis: RedisConnection) -> None:
    exchange = Exchange(redis.client)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await exchange.ask([("BLPOP", "nothing", 0)])
    assert await exchange.ask([("ECHO", "now")]) == [b"now"]
    await exchange.close()


async def test_a_question_asked_at_once_needs_a_connection_that_is_there(redis: RedisConnection) -> None:
    exchange = Exchange(redis.client)
    assert exchange.ask_at_once([("PING",)]) is None
    assert await exchange.ask([("SET", "a", "1")]) == [b"OK"]
    answered = exchange.ask_at_once([("INCR", "a"), ("GET", "a")])
    assert answered is not None
    assert await answered == [2, b"2"]
    await redis.client.client_kill_filter(_type="normal", skipme=True)
    await asyncio.sleep(0.05)
    assert exchange.ask_at_once([("PING",)]) is None
    assert await exchange.ask([("GET", "a")]) == [b"2"]
    await exchange.close()


async def test_after_a_question_asked_at_once_went_wrong_its_connection_is_not_asked_again(redis_url: str) -> None:
    client = Redis.from_url(redis_url, socket_timeout=0.2)
    exchange = Exchange(client)
    for wrong, error in (("LPUSH", "a", "1"), ResponseError), (("BLPOP", "nothing", 0), RedisTimeoutError):
        assert await exchange.ask([("SET", "a", "1")]) == [b"OK"]
        answered = exchange.ask_at_once([wrong])
        assert answered is not None
        with pytest.raises(error):
            await answered
        assert exchange.ask_at_once([("PING",)]) is None
    assert await exchange.ask([("ECHO", "now")]) == [b"now"]
    await exchange.close()
    await client.aclose()
