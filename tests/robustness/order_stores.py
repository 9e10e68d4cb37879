"""The stores of a run of orders: a PostgreSQL and a Valkey of its own, which it can kill, and the quotes that a feed would publish."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.robustness.shares import SHARES, Share
from tradewinds import redis_keys
from tradewinds.database import migrations
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.money import to_e4
from tradewinds.ticks import TICK_RECORD

# What dies here is the server, not the machine: a commit that was answered is in the kernel's hands.
_SETTINGS = {"fsync": "off", "full_page_writes": "off"}
_PUBLISH_SECONDS = 0.5
_NSE = 1


class OrderStores:
    """Both run. Each comes back at its address."""

    def __init__(self, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
        self._stores: dict[str, EmbeddedPostgres | EmbeddedValkey] = {"postgres": postgres, "valkey": valkey}
        self.owner_url = postgres.url
        self.database_url = postgres.services_url  # as the services connect
        self.redis_url = valkey.url

    async def kill(self, store: str, away_seconds: float) -> None:
        """SIGKILL, and again there after so long."""
        server = self._stores[store]
        os.kill(server.pid, signal.SIGKILL)
        await server.stop()
        await asyncio.sleep(away_seconds)
        await server.start()


@asynccontextmanager
async def running_stores(folder: Path) -> AsyncIterator[OrderStores]:
    """Migrated, with a feed that publishes every share for as long as they run."""
    async with AsyncExitStack() as exits:
        postgres = await exits.enter_async_context(EmbeddedPostgres(folder / "postgres", settings=_SETTINGS))
        valkey = await exits.enter_async_context(EmbeddedValkey(folder / "valkey"))
        await migrations.upgrade(postgres.url, services_url=postgres.services_url)
        feed = asyncio.create_task(_publish(valkey.url), name="published quotes")
        try:
            yield OrderStores(postgres, valkey)
        finally:
            feed.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feed


async def _publish(redis_url: str) -> None:
    """For ever. A store that is away has no quotes, and gets them again when it is back."""
    async with Redis.from_url(redis_url) as client:
        while True:
            with contextlib.suppress(RedisError, OSError):
                await client.hset(redis_keys.QUOTES, mapping={s.instrument.key: _quote(s) for s in SHARES})
            await asyncio.sleep(_PUBLISH_SECONDS)


def _quote(share: Share) -> bytes:
    """So wide that what is priced by it fills at once, as these runs want it."""
    prices = (to_e4(Decimal(share.price)), to_e4(share.crossing_sell), to_e4(share.crossing_buy))
    now_ns = time.time_ns()
    return TICK_RECORD.pack(
        _NSE, 0, int(share.instrument.token), *prices, 1, 1, to_e4(Decimal(share.price)), now_ns // 1_000_000, now_ns, 0
    )
