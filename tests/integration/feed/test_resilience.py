"""What the feed survives: the broker, its session, and Redis going away and coming back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import certifi
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from engine_server.instruments.catalog import InstrumentCatalog
from tests.support.feed_process import (
    FeedProcess,
    TickReader,
    Valkey,
    feed_state,
    is_state,
    log_in,
    metric,
    open_market,
    quoted,
    wish,
    write_session,
)
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.database.session import Database


@pytest.fixture
async def sandbox(unused_tcp_port: int) -> AsyncIterator[SandboxProcess]:
    """On a port that it keeps over a restart."""
    async with SandboxProcess(arguments=("--tls-port", str(unused_tcp_port))) as sandbox:
        yield sandbox


async def test_it_waits_for_a_session_and_says_so(
    sandbox: SandboxProcess, database_url: str, database: Database, redis_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    async with FeedProcess(database_url, redis_url, sandbox, tmp_path) as feed:
        await is_state(valkey, "WAITING_FOR_SESSION")
        assert "feed.state.waiting_for_session" in feed.log_actions()
        await wish(database, "NSE:SBIN-EQ")
        await write_session(database, feed.seal_key, await log_in(sandbox))
        await is_state(valkey, "LIVE")


async def test_a_refused_session_is_said_and_the_next_one_is_taken(
    sandbox: SandboxProcess, database_url: str, database: Database, redis_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    feed = FeedProcess(database_url, redis_url, sandbox, tmp_path)
    await write_session(database, feed.seal_key, await log_in(sandbox) | {"feed_token": "not-a-token"})
    async with feed:

        async def names_the_reason() -> bool:
            return "Invalid Feed Token" in (await feed_state(valkey)).get("reason", "")

        await eventually(names_the_reason, timeout=15)
        await write_session(database, feed.seal_key, await log_in(sandbox))
        await is_state(valkey, "IDLE")


async def test_a_new_session_is_taken_without_losing_subscriptions(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ")
    await is_state(valkey, "LIVE")
    await write_session(database, feed.seal_key, await log_in(feed.sandbox))

    async def reconnected() -> bool:
        opened = [r for r in await feed.sandbox.truth("socket") if r["stream"] == "market" and r["event"] == "opened"]
        return len(opened) == 4  # two sockets, twice

    await eventually(reconnected, timeout=10)
    reader = TickReader(valkey)
    assert await reader.read(5000)


async def test_a_broker_that_dies_and_returns_is_subscribed_again(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ", "NSE:TCS-EQ")
    await is_state(valkey, "LIVE")
    await feed.sandbox.kill()
    await is_state(valkey, "CONNECTING")
    await feed.sandbox.restart()
    # Its tokens died with it or not: the engine would log in again.
    await write_session(database, feed.seal_key, await log_in(feed.sandbox))
    await is_state(valkey, "LIVE")
    reader = TickReader(valkey)
    assert await reader.read(5000)


async def test_a_frozen_broker_is_stale_within_seconds_and_live_when_it_thaws(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await open_market(database, feed.sandbox)
    await wish(database, "NSE:SBIN-EQ")
    await is_state(valkey, "LIVE")
    assert await TickReader(valkey).read(5000)
    await eventually(partial(metric, feed, "tradewinds_feed_canary_ticked"), timeout=20)
    os.kill(feed.sandbox.pid, signal.SIGSTOP)
    try:
        await is_state(valkey, "STALE")
        assert await valkey.hkeys(redis_keys.STALE) == [b"NSE:SBIN-EQ"]
    finally:
        os.kill(feed.sandbox.pid, signal.SIGCONT)
    await is_state(valkey, "LIVE")
    assert not await valkey.exists(redis_keys.STALE)
    events = [json.loads(fields[b"e"]) for _, fields in await valkey.xrange(redis_keys.FEED_EVENTS)]
    assert [(event["kind"], event["instruments"]) for event in events] == [
        ("STALE", ["NSE:SBIN-EQ"]),
        ("RESUMED", ["NSE:SBIN-EQ"]),
    ]


async def test_a_frozen_broker_in_a_closed_market_alarms_nobody(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ")  # the calendar does not know the day
    await is_state(valkey, "LIVE")
    os.kill(feed.sandbox.pid, signal.SIGSTOP)
    try:
        await is_state(valkey, "IDLE")
    finally:
        os.kill(feed.sandbox.pid, signal.SIGCONT)
    await is_state(valkey, "LIVE")
    assert not await valkey.exists(redis_keys.FEED_EVENTS, redis_keys.STALE)


async def test_what_redis_lost_comes_back(feed: FeedProcess, database: Database, valkey: Valkey) -> None:
    catalog = InstrumentCatalog(valkey)
    await wish(database, "NSE:SBIN-EQ", "NSE:NIFTY BANK")
    await eventually(catalog.load, timeout=10)
    await is_state(valkey, "LIVE")
    await valkey.flushall()

    async def is_back() -> bool:
        assert await quoted(valkey) == {"NSE:SBIN-EQ", "NSE:NIFTY BANK"}
        there = await valkey.exists(redis_keys.INSTRUMENTS, redis_keys.INSTRUMENTS_VERSION, redis_keys.MARKET_CLOCK)
        return there == 3 and (await feed_state(valkey)).get("state") == "LIVE"

    await eventually(is_back, timeout=5)
    again = InstrumentCatalog(valkey)
    await again.load()
    assert again.instruments == catalog.instruments


async def test_while_redis_refuses_the_newest_tick_of_each_instrument_is_kept_and_goes_out_afterwards(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ")
    await is_state(valkey, "LIVE")
    await valkey.config_set("maxmemory", "1")  # every write is refused from now on, as a full Redis does

    async def dropped() -> float:
        return await metric(feed, 'tradewinds_feed_ticks_dropped_total{reason="overload"}')

    await eventually(dropped, timeout=15)
    reader = TickReader(valkey)
    refused_until_ns = time.time_ns()
    await valkey.config_set("maxmemory", "0")
    [first, *_] = [record for records in await reader.read(5000) for record in records]
    assert first["received_ns"] < refused_until_ns  # received meanwhile, and its own time says so
    await is_state(valkey, "LIVE")
    opened = [r for r in await feed.sandbox.truth("socket") if r["stream"] == "market" and r["event"] == "opened"]
    assert len(opened) == 2


async def test_a_certificate_of_another_authority_is_refused(
    sandbox: SandboxProcess, database_url: str, database: Database, redis_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    feed = FeedProcess(database_url, redis_url, sandbox, tmp_path, environment={"BROKER_CA_FILE": certifi.where()})
    await write_session(database, feed.seal_key, await log_in(sandbox))
    async with feed:

        async def names_the_reason() -> bool:
            return "CERTIFICATE_VERIFY_FAILED" in (await feed_state(valkey)).get("reason", "")

        await eventually(names_the_reason, timeout=15)
    assert not await feed.sandbox.truth("socket")


async def test_it_stops_when_it_is_told_to(feed: FeedProcess) -> None:
    assert await feed.stop() == 0


async def test_health_and_metrics_are_served(feed: FeedProcess, database: Database, valkey: Valkey) -> None:
    await wish(database, "NSE:SBIN-EQ")
    await is_state(valkey, "LIVE")
    async with grpc.aio.insecure_channel(feed.grpc) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING

    async def counted() -> bool:
        assert await metric(feed, 'tradewinds_feed_subscriptions{outcome="streamed"}') == 1
        return await metric(feed, "tradewinds_feed_live") == 1

    await eventually(counted)


async def test_lost_database_connections_change_nothing_and_wishes_are_heard_again(
    feed: FeedProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ")
    await is_state(valkey, "LIVE")
    await database.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await wish(database, "NSE:TCS-EQ")

    async def both() -> bool:
        return await quoted(valkey) == {"NSE:SBIN-EQ", "NSE:TCS-EQ"}

    await eventually(both, timeout=10)
    opened = [r for r in await feed.sandbox.truth("socket") if r["stream"] == "market" and r["event"] == "opened"]
    assert len(opened) == 2
