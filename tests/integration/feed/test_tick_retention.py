"""The tick stream's weight in a real Valkey: bounded, whatever the size of a batch."""

from __future__ import annotations

import numpy as np
import pytest

from engine_server.feed.tick_retention import TickRetention
from engine_server.feed.tick_writer import TickWriter
from tests.support.feed_process import Valkey
from tradewinds import redis_keys
from tradewinds.ticks import TICK_DTYPE, unpack

_BYTES = 512 * 1024


@pytest.mark.parametrize("batch", [1, 5, 200])
async def test_the_stream_takes_no_more_memory_than_it_is_allowed_and_keeps_the_newest(
    valkey: Valkey, batch: int
) -> None:
    await valkey.flushall()
    writer = TickWriter(valkey, TickRetention(most_bytes=_BYTES))
    rounds = 3 * _BYTES // (batch * TICK_DTYPE.itemsize + 64)
    for number in range(rounds):
        ticks = np.zeros(batch, TICK_DTYPE)
        ticks["token"] = number
        await writer.write(ticks, ())
    await writer.close()
    assert _BYTES / 2 < await valkey.memory_usage(redis_keys.TICKS, samples=0) < _BYTES * 1.5
    [(_, newest)] = await valkey.xrevrange(redis_keys.TICKS, count=1)
    assert unpack(newest[b"t"])["token"].tolist() == [rounds - 1] * batch


async def test_what_an_earlier_feed_wrote_goes_with_its_time(valkey: Valkey) -> None:
    await valkey.flushall()
    for milliseconds in range(1, 251):
        await valkey.xadd(redis_keys.TICKS, {"t": b""}, id=f"{milliseconds}-0")
    writer = TickWriter(valkey)
    for _ in range(2):
        await writer.write(np.zeros(1, TICK_DTYPE), ())
    await writer.close()
    assert len(await valkey.xrange(redis_keys.TICKS, max="250")) <= 50, "Redis trims by nodes of a hundred entries"
