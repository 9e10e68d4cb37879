"""Decisions on the tick path: what goes to which shard, what is left out, and what a full inbox loses."""

from __future__ import annotations

import asyncio

import pytest

from engine_server.feed.inbox import FrameInbox
from engine_server.feed.listing import destinations
from engine_server.feed.packets import SNAP_QUOTE, decode
from engine_server.feed.sequences import SequenceGuard
from engine_server.feed.tick_path import Batch, route
from tests.unit.feed.instruments import instrument
from tests.unit.feed.packet_builder import packet
from tradewinds.redis_keys import TICK_SHARDS
from tradewinds.ticks import shard_of, unpack

RELIANCE = instrument("NSE:RELIANCE-EQ", "2885")
SBIN = instrument("NSE:SBIN-EQ", "3045")
NIFTY = instrument("NSE:NIFTY 50", "99926000", kind="INDEX")
WANTED = destinations([RELIANCE, SBIN, NIFTY])


def routed(guard: SequenceGuard, *frames: bytes) -> Batch:
    return route(decode(frames, list(range(len(frames)))), WANTED, guard)


def tick(token: int = 2885, sequence: int = 1, ms: int = 1_790_000_000_000, price: int = 142_005) -> bytes:
    return packet(SNAP_QUOTE, token=token, sequence=sequence, exchange_ms=ms, last_price=price)


def test_ticks_go_to_the_shard_of_their_instrument_in_order() -> None:
    batch = routed(SequenceGuard(), tick(2885, 1), tick(3045, 1), tick(2885, 2, price=142_010))
    assert batch.ticks == 3
    assert set(batch.shards) == {shard_of(1, 2885, TICK_SHARDS), shard_of(1, 3045, TICK_SHARDS)}
    ours = unpack(batch.shards[shard_of(1, 2885, TICK_SHARDS)])
    assert [row["last_price_e4"] for row in ours if row["token"] == 2885] == [14_200_500, 14_201_000]


def test_the_latest_quote_of_each_instrument_is_kept_by_key() -> None:
    batch = routed(SequenceGuard(), tick(2885, 1), tick(2885, 2, price=142_010))
    assert set(batch.latest) == {b"NSE:RELIANCE-EQ"}
    assert unpack(batch.latest[b"NSE:RELIANCE-EQ"])["last_price_e4"].tolist() == [14_201_000]


def test_a_tick_that_goes_back_is_dropped() -> None:
    guard = SequenceGuard()
    routed(guard, tick(sequence=5, ms=1000))
    batch = routed(guard, tick(sequence=4, ms=900), tick(sequence=5, ms=1000), tick(sequence=6, ms=1000))
    assert (batch.ticks, batch.dropped["regressed"]) == (1, 2)


def test_numbers_that_begin_again_later_are_taken() -> None:
    guard = SequenceGuard()
    routed(guard, tick(sequence=900_000, ms=1000))
    assert routed(guard, tick(sequence=1, ms=86_400_000)).ticks == 1


def test_a_new_connection_may_number_as_it_likes() -> None:
    guard = SequenceGuard()
    routed(guard, tick(sequence=9, ms=1000))
    guard.forget()
    assert routed(guard, tick(sequence=1, ms=1000)).ticks == 1


def test_the_numbers_of_an_index_mean_nothing() -> None:
    guard = SequenceGuard()
    batch = routed(guard, tick(99926000, sequence=9), tick(99926000, sequence=3), tick(99926000, sequence=3))
    assert batch.ticks == 3


def test_what_nobody_wants_any_more_is_left_out() -> None:
    batch = routed(SequenceGuard(), tick(11536))
    assert (batch.ticks, batch.dropped["unwanted"], batch.latest) == (0, 1, {})


async def test_a_full_inbox_loses_the_oldest_and_counts_them() -> None:
    inbox = FrameInbox(capacity=3)
    for number in range(5):
        inbox.put(bytes([number]))
    frames = await inbox.take()
    assert frames.payloads == [b"\x02", b"\x03", b"\x04"]
    assert len(frames.received_ns) == 3
    assert (inbox.take_overflow(), inbox.take_overflow()) == (2, 0)


async def test_an_empty_inbox_makes_its_reader_wait() -> None:
    inbox = FrameInbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await inbox.take()
    inbox.put(b"x")
    assert (await inbox.take()).payloads == [b"x"]
