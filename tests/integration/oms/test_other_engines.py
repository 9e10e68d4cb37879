"""Engines beside each other: an order goes to the account's owner whichever is asked, and what comes of it is heard everywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.event_follower import EventFollower
from tests.integration.oms.engine import Engine, add_account, add_strategy, running_engine
from tests.integration.oms.test_trading_rpc import failure, request
from tests.integration.oms.trading_server import Trading, serving
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database
from tradewinds.embedded.ports import free_ports
from tradewinds.v1 import trading_pb2 as pb


@pytest.fixture
async def engines(database: Database, broker: ScriptedBroker, tmp_path: Path) -> AsyncIterator[tuple[Trading, Engine]]:
    """What engine-1 serves, which does not own the account, and engine-0, which does."""
    await add_account(database)
    await add_strategy(database, epoch=3)
    signing, [port] = Signing(tmp_path), free_ports(1)
    async with (
        running_engine(database, broker, owner="engine-0", address=f"127.0.0.1:{port}") as owner,
        serving(owner, tmp_path, port=port, signing=signing),
        running_engine(database, ScriptedBroker(), owner="engine-1", wait=False) as other,
        serving(other, tmp_path, signing=signing) as elsewhere,
    ):
        yield elsewhere, owner


async def test_an_order_is_passed_on_to_the_owner_in_the_callers_name(engines: tuple[Trading, Engine]) -> None:
    elsewhere, owner = engines
    asha = elsewhere.as_("asha")
    header = (*asha, ("idempotency-key", "r1"))
    placed = await elsewhere.stub.PlaceOrder(request(request_id=""), metadata=header)
    again = await elsewhere.stub.PlaceOrder(request(request_id=""), metadata=header)
    assert (placed.user_id, placed.request_id, again.order_id) == ("asha", "r1", placed.order_id)
    await owner.wait_for(placed.order_id, "OPEN")
    cancel = pb.CancelOrderRequest(order_id=placed.order_id)
    assert (await elsewhere.stub.CancelOrder(cancel, metadata=asha)).cancel_requested
    await owner.wait_for(placed.order_id, "CANCELLED")


async def test_the_owners_refusal_comes_back_as_it_was(engines: tuple[Trading, Engine]) -> None:
    elsewhere, _ = engines
    runner = elsewhere.as_("runner-0", auth.RUNNER)
    stale = await failure(elsewhere.stub.PlaceOrder(request(config_id="momo", epoch=2), metadata=runner))
    assert stale.reason == "LEASE_SUPERSEDED"


async def test_an_order_is_passed_on_once_and_not_back_and_forth(engines: tuple[Trading, Engine]) -> None:
    elsewhere, _ = engines
    hopped = (*elsewhere.as_("asha"), ("x-forwarded-by", "engine-0"))
    refused = await failure(elsewhere.stub.PlaceOrder(request(), metadata=hopped))
    assert refused.reason == "ACCOUNT_ELSEWHERE"


async def test_events_that_another_engine_commits_are_heard_here(
    engine: Engine, database: Database, redis: RedisConnection
) -> None:
    from engine_server.oms.event_log import OrderEventLog

    here = OrderEventLog(database)
    followers = [
        EventFollower(database, redis.client, engine.event_log, engine.owner),
        EventFollower(database, redis.client, here, "engine-1"),
    ]
    subscription = here.subscribe()
    tasks = [asyncio.create_task(run()) for one in followers for run in (one.announce, one.listen, one.follow)]
    try:
        first = await engine.place()
        await engine.wait_for(first.order_id, "OPEN")
        await asyncio.sleep(1.2)  # the follower's first look says from where it follows
        second = await engine.place()
        heard: list[str] = []
        async with asyncio.timeout(10):
            while not heard or "OPEN" not in heard:
                events, _ = await subscription.next_batch()
                heard += [
                    event.order.state for event in events if event.order and event.order.order_id == second.order_id
                ]
    finally:
        subscription.close()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    assert heard[-1] == "OPEN"
