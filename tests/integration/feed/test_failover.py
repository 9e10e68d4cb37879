"""Two feeds of one broker session: one streams, the other stands by, and begins when the first is no more."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.support.feed_process import (
    FeedProcess,
    TickReader,
    Valkey,
    feed_state,
    is_state,
    log_in,
    metric,
    wish,
    write_session,
)
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database

TOKENS = {3045, 2885}


async def test_the_second_feed_goes_on_where_a_killed_one_ended_and_the_broker_refuses_no_socket(
    sandbox: SandboxProcess, database_url: str, database: Database, redis_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    first = FeedProcess(database_url, redis_url, sandbox, tmp_path, name="feed-0")
    second = FeedProcess(database_url, redis_url, sandbox, tmp_path, name="feed-1", seal_key=first.seal_key)
    await write_session(database, first.seal_key, await log_in(sandbox))
    await wish(database, "NSE:SBIN-EQ", "NSE:RELIANCE-EQ")
    async with first, second:
        await is_state(valkey, "LIVE")
        active, standing_by = (first, second) if await _is_active(first) else (second, first)
        assert not await _is_active(standing_by)
        assert "feed.stream.connected" not in standing_by.log_actions()

        epoch = (await feed_state(valkey))["epoch"]
        await active.kill()
        await eventually(lambda: _is_active(standing_by), timeout=20, what="the other one streams")
        reader, seen, times = TickReader(valkey), set[int](), dict[int, list[int]]()

        async def both_tick() -> bool:
            for records in await reader.read():
                for record in records:
                    seen.add(int(record["token"]))
                    times.setdefault(int(record["token"]), []).append(int(record["exchange_ms"]))
            return seen >= TOKENS

        await eventually(both_tick, timeout=20)
        assert all(moments == sorted(moments) for moments in times.values()), "nothing goes back"
        await is_state(valkey, "LIVE")
        await eventually(lambda: _is_later(valkey, epoch), timeout=10)
        refused = [r for r in await sandbox.truth("socket") if r.get("status") == 429]
        assert refused == []
        assert not [a for a in standing_by.log_actions() if a.startswith("feed.stream.too_many_connections")]


async def test_a_frozen_feeds_connections_leave_its_successor_the_spare_one_and_that_carries_everything(
    database_url: str, database: Database, redis_url: str, valkey: Valkey, tmp_path: Path
) -> None:
    """Its kernel answers for it, so the broker goes on counting both of its connections, until it drops those that say nothing."""
    async with SandboxProcess(arguments=("--socket-idle-seconds", "12")) as sandbox:
        first = FeedProcess(database_url, redis_url, sandbox, tmp_path, name="feed-0")
        second = FeedProcess(database_url, redis_url, sandbox, tmp_path, name="feed-1", seal_key=first.seal_key)
        await write_session(database, first.seal_key, await log_in(sandbox))
        await wish(database, "NSE:SBIN-EQ", "NSE:RELIANCE-EQ")
        async with first, second:
            await is_state(valkey, "LIVE")
            active, standing_by = (first, second) if await _is_active(first) else (second, first)
            await eventually(lambda: _connected(valkey, 2), what="both sockets carry")
            os.kill(active.pid, signal.SIGSTOP)
            try:
                await eventually(lambda: _is_active(standing_by), timeout=20, what="the other one streams")
                await _both_tick(valkey, within=8)
                await eventually(lambda: _connected(valkey, 2), timeout=60, what="the broker has dropped the dead ones")
            finally:
                os.kill(active.pid, signal.SIGCONT)
            await eventually(lambda: _is_active_now(active, False), timeout=10, what="it steps back when it thaws")
            await _both_tick(valkey, within=8)
            refused = [r for r in await sandbox.truth("socket") if r.get("status") == 429]
            assert len(refused) <= 8, "it knocks ever more seldom"
            assert await _is_active(standing_by)


async def _connected(valkey: Valkey, count: int) -> bool:
    sockets = json.loads((await feed_state(valkey)).get("sockets") or "[]")
    return [socket["connected"] for socket in sockets].count(True) == count


async def _both_tick(valkey: Valkey, *, within: float) -> None:
    reader, seen = TickReader(valkey), set[int]()

    async def ticked() -> bool:
        for records in await reader.read():
            seen.update(records["token"].tolist())
        return seen >= TOKENS

    await eventually(ticked, timeout=within, what="both instruments tick")


async def _is_active_now(feed: FeedProcess, wanted: bool) -> bool:
    return await _is_active(feed) is wanted


async def _is_active(feed: FeedProcess) -> bool:
    return await metric(feed, "tradewinds_feed_active") == 1.0


async def test_frames_that_are_none_are_counted_and_the_feed_goes_on(
    feed: FeedProcess, sandbox: SandboxProcess, database: Database, valkey: Valkey
) -> None:
    await wish(database, "NSE:SBIN-EQ", "NSE:RELIANCE-EQ")
    await is_state(valkey, "LIVE")
    reader = TickReader(valkey)
    for name in ("ws_garbage", "ws_wrong_length"):
        await sandbox.fault(name, route="market", count=5)
    for name in ("ws_duplicate", "ws_reorder"):  # often: what shares a batch with its original is no regression
        await sandbox.fault(name, route="market", count=40)
    for name in ("tick_nan", "price_absurd"):
        await sandbox.fault(name, route="NSE:3045", count=5)

    async def counted() -> bool:
        reasons = ("length", "regressed", "price", "absurd")
        return all([await metric(feed, f'tradewinds_feed_ticks_dropped_total{{reason="{r}"}}') for r in reasons])

    prices: list[int] = []

    async def sound_after_all() -> bool:
        for records in await reader.read():
            prices.extend(records["last_price_e4"][records["token"] == 3045].tolist())
        return await counted() and len(prices) > 10

    await eventually(sound_after_all, timeout=90, what="each kind has been dropped, and ticks come")
    assert all(5_000_000 < price < 15_000_000 for price in prices), "SBIN is at nine hundred rupees, about"
    await is_state(valkey, "LIVE")


async def _is_later(valkey: Valkey, epoch: str) -> bool:
    """The state is written every second."""
    return int((await feed_state(valkey))["epoch"]) > int(epoch)
