"""Notifications to many followers: 1,000 server-sent event streams, each of another user, and what 5,000 of them hold in memory.

Every notification is for one of the followers, so that each stream gets a thousandth of them; nothing is shared and nothing waits for
company. How many a second arrive when they are sent as fast as they are acknowledged, and how old they are at a steady rate that leaves
room: beyond what is sustained an age says only how long the measurement was.

Followers are bare sockets in this process, at the notifier itself. Beside it the ceiling: one process that does nothing but write the
same bytes to as many sockets, one write for each.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from bench.bare_follower import Follower, follow
from bench.notification_load import FOLLOWERS, Heard, as_fast_as_acknowledged, paced, user
from bench.notifier_rig import Rig, rig
from bench.result import Result, percentile
from bench.script_server import script_server

_TARGET: Final = 30_000
_SECONDS: Final = 6.0
# Of what was sustained: the ages are taken at this part of it, or at the target.
_UNHURRIED: Final = 0.6
_MANY: Final = 5_000


async def run() -> list[Result]:
    """Ages in milliseconds; megabytes, beside what the notifier holds without followers."""
    written = await _raw_writes()
    async with rig() as there:
        empty = there.notifier_megabytes()
        heard = Heard()
        followers = [await _open(there, heard, number) for number in range(FOLLOWERS)]
        used = there.notifier_cpu_seconds()
        sustained = await as_fast_as_acknowledged(there, heard, _SECONDS)
        cost = (there.notifier_cpu_seconds() - used) / heard.count * 1e6
        rate = int(min(_TARGET, sustained * _UNHURRIED))
        heard = Heard()
        for follower in followers:
            follower.heard = heard.take
        await paced(there, heard, rate, _SECONDS)
        at_rate = list(heard.ages)
        followers += [await _open(there, heard, number) for number in range(FOLLOWERS, _MANY)]
        full = there.notifier_megabytes()
        for follower in followers:
            follower.close()
    name = f"notification_fanout.to_{FOLLOWERS}_followers"
    return [
        Result(f"{name}.sustained", sustained, "notifications/s", f">= {_TARGET}", written),
        Result(f"{name}.notifier_cpu", cost, "us/notification"),
        Result(f"{name}.aged_at", rate, "notifications/s", f">= {_TARGET}"),
        Result(f"{name}.age_p50", percentile(at_rate, 50), "ms"),
        Result(f"{name}.age_p99", percentile(at_rate, 99), "ms", "< 5"),
        Result(f"notification_fanout.{_MANY}_followers", full, "MB", "< 400", empty),
    ]


async def _open(there: Rig, heard: Heard, number: int) -> Follower:
    return await follow(there.notifiers[0].http_address, there.signing.token(user(number)), heard.take)


# One event of about the usual size, to each of so many clients in turn, for as long as somebody reads.
_WRITER: Final = """
import asyncio, sys, uvloop
async def main(count, size):
    transports, full = [], asyncio.Event()
    class Client(asyncio.Protocol):
        def connection_made(self, transport):
            transports.append(transport)
            if len(transports) == count: full.set()
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await full.wait()
    event = b"x" * size
    while True:
        for transport in transports:
            transport.write(event)
        await asyncio.sleep(0)
        while max(transport.get_write_buffer_size() for transport in transports) > 64 * size:
            await asyncio.sleep(0.001)
uvloop.install()
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""
_EVENT_BYTES: Final = 400
_RAW_SECONDS: Final = 2.0


async def _raw_writes() -> float:
    """Events a second, of one process that only writes, to as many sockets of this one."""
    received = 0

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            nonlocal received
            received += len(data)

    async with script_server(_WRITER, FOLLOWERS, _EVENT_BYTES) as port:
        loop = asyncio.get_running_loop()
        transports = [(await loop.create_connection(Client, "127.0.0.1", port))[0] for _ in range(FOLLOWERS)]
        await asyncio.sleep(0.5)
        received, started = 0, time.perf_counter()
        await asyncio.sleep(_RAW_SECONDS)
        rate = received / _EVENT_BYTES / (time.perf_counter() - started)
        for transport in transports:
            transport.close()
    return rate
