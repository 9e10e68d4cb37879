"""The streams in Redis."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.exceptions import OutOfMemoryError

from notifier.realtime.room_keeper import RoomKeeper
from notifier.realtime.stream_store import Entry, ShardState, StreamStore, connect
from tests.unit.notifier.builders import a_notification, an_entry
from tradewinds.config import RedisSettings
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.redis_keys import NOTIFICATION_SHARDS

NOWHERE = [0] * NOTIFICATION_SHARDS


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[StreamStore]:
    store = StreamStore(connect(RedisSettings(url=SecretStr(redis_url))))
    yield store
    await store.close()


async def append(store: StreamStore, *created_us: int) -> None:
    for moment in created_us:
        await store.append([an_entry(3, a_notification(created_us=moment))], {})


async def everything(store: StreamStore) -> list[Entry]:
    found: list[Entry] = []
    await store.read(NOWHERE, 100, lambda _epoch, entries: found.extend(entries))
    return found


async def test_entries_of_a_shard_are_numbered_from_one_without_a_hole(store: StreamStore) -> None:
    await append(store, 1, 2, 3)
    entries = await everything(store)
    assert [(entry.shard, entry.number) for entry in entries] == [(3, 1), (3, 2), (3, 3)]
    epoch, state, rest = await store.history(3, 2, 3)
    assert (epoch, state, [entry.number for entry in rest]) == (None, ShardState(first=1, last=3), [2, 3])


async def test_a_beginning_names_the_life_of_the_store_once(store: StreamStore) -> None:
    epoch, states = await store.begin()
    assert (await store.begin())[0] == epoch == await store.epoch()
    assert states == [ShardState(None, 0)] * NOTIFICATION_SHARDS


async def test_trimming_forgets_what_is_old_and_keeps_the_numbers(store: StreamStore) -> None:
    await append(store, *range(1, 251))  # more than one page
    await store.trim(before_us=240)
    _, states = await store.begin()
    assert states[3] == ShardState(first=240, last=250)
    await store.trim(before_us=1000)
    _, states = await store.begin()
    assert states[3] == ShardState(first=None, last=250)
    await append(store, 1001)
    _, states = await store.begin()
    assert states[3] == ShardState(first=251, last=251)


async def test_a_gap_is_marked_only_in_the_life_in_which_it_happened(store: StreamStore) -> None:
    epoch, _ = await store.begin()
    await store.mark_gap(3, b"another!")
    await store.mark_gap(3, epoch)
    entries = await everything(store)
    assert [(entry.number, entry.frames) for entry in entries] == [(1, None)]


async def test_a_claim_is_held_by_one_until_it_ends(store: StreamStore) -> None:
    assert await store.claim([("nt:dedupe:a:1", "~n1")], 60_000) == {}
    assert await store.claim([("nt:dedupe:a:1", "~n2")], 60_000) == {0: "~n1"}
    await store.append([], {"nt:dedupe:a:1": "n1"})
    assert await store.claim([("nt:dedupe:a:1", "~n3")], 60_000) == {0: "n1"}
    two = [("nt:dedupe:a:2", "~n5"), ("nt:dedupe:a:1", "~n6"), ("nt:dedupe:a:2", "~n7")]
    assert await store.claim(two, 60_000) == {1: "n1", 2: "~n5"}
    await store.release(["nt:dedupe:a:1"])
    assert await store.claim([("nt:dedupe:a:1", "~n4")], 60_000) == {}


async def test_a_burst_costs_history_and_never_fills_redis(state_dir: Path) -> None:
    """Entries of several times its memory, beside what others have there."""
    async with EmbeddedValkey(state_dir / "valkey", max_memory="24mb") as valkey:
        client = connect(RedisSettings(url=SecretStr(valkey.url)))
        store = StreamStore(client)
        keeper = RoomKeeper(store)
        await client.set("somebody:elses", bytes(8 * 2**20))
        for number in range(160):
            if number % 10 == 0:
                await keeper.look()
            message = "x" * (200 if number < 50 else 4_000)
            entry = an_entry(number % NOTIFICATION_SHARDS, *[a_notification(message=message)] * 100)
            await store.append([entry], {f"nt:dedupe:1:a:{number}-{key}": "ntf-" + "0" * 26 for key in range(50)})
        assert (await store.reading()).fullness < 0.9
        _, states = await store.begin()
        assert all(state.first is not None and state.last == 20 for state in states)
        await store.close()


async def test_where_others_fill_redis_the_streams_give_way_though_nothing_can_be_written(state_dir: Path) -> None:
    async with EmbeddedValkey(state_dir / "valkey", max_memory="24mb") as valkey:
        client = connect(RedisSettings(url=SecretStr(valkey.url)))
        store = StreamStore(client)
        entry = an_entry(3, *[a_notification(message="x" * 4_000)] * 100)
        for _ in range(10):
            await store.append([entry], {})
        with contextlib.suppress(OutOfMemoryError):
            for number in range(1_000):
                await client.set(f"somebody:elses:{number}", bytes(64 * 1024))
        with pytest.raises(OutOfMemoryError):
            await store.append([entry], {})
        await RoomKeeper(store).look()
        await store.append([entry], {})
        await store.close()
