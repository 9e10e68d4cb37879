"""A scrip master of 150,000 rows: from its JSON to searchable in another process's catalog, and how fast it is searched."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable
from string import ascii_uppercase

from redis.asyncio import Redis

from bench.result import Result, percentile
from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.feed.scrip_master import parse
from engine_server.instruments.catalog import InstrumentCatalog
from tests.support.datastores import temporary_state_dir
from tradewinds.embedded.valkey import EmbeddedValkey

_ROWS = 150_000
_SEARCHES = 2_000
_EXPIRIES = ("28JUL2026", "25AUG2026", "29SEP2026", "29DEC2026")


async def run() -> list[Result]:
    """Seconds until searchable, beside reading the same JSON alone; milliseconds a search."""
    content = _master()
    started = time.perf_counter()
    json.loads(content)
    reading = time.perf_counter() - started
    with temporary_state_dir() as folder:
        valkey = EmbeddedValkey(folder / "valkey")
        await valkey.start()
        try:
            async with Redis.from_url(valkey.url) as redis:
                catalog = InstrumentCatalog(redis)
                started, cpu_before = time.perf_counter(), time.process_time()
                master = parse(content, minimum_rows=_ROWS)
                await InstrumentPublisher(redis, "bench").publish(Listing(master.version, master.instruments))
                await catalog.load()
                searchable, cpu = time.perf_counter() - started, time.process_time() - cpu_before
        finally:
            await valkey.stop()
    searches = [_timed(catalog, query) for query in _queries(master.instruments)]
    return [
        Result("scrip_master.searchable", searchable, "s", target="< 3", ceiling=reading),
        Result("scrip_master.searchable_cpu", cpu, "s"),  # what a busy machine does not lengthen
        Result("scrip_master.search_p50", percentile(searches, 50), "ms"),
        Result("scrip_master.search_p99", percentile(searches, 99), "ms", target="< 10"),
    ]


def _timed(catalog: InstrumentCatalog, query: str) -> float:
    started = time.perf_counter()
    catalog.search(query, 20)
    return (time.perf_counter() - started) * 1000


def _queries(keys: Iterable[str]) -> list[str]:
    """Beginnings of one to six letters of real symbols, some of two words."""
    draw = random.Random(7)
    symbols = [key.partition(":")[2] for key in keys]
    queries = [draw.choice(symbols)[: draw.randint(1, 6)] for _ in range(_SEARCHES)]
    return [
        f"{query} {draw.choice(ascii_uppercase)}" if number % 5 == 0 else query for number, query in enumerate(queries)
    ]


def _master() -> bytes:
    """As the broker's, in the newer layout: 20,000 cash rows, the rest options and futures on 220 of them, four expiries."""
    draw = random.Random(7)
    names = sorted({"".join(draw.choices(ascii_uppercase, k=draw.randint(3, 10))) for _ in range(20_500)})[:19_998]
    rows = [_row("3045", "SBIN-EQ", "SBIN"), _row("99926000", "Nifty 50", "NIFTY", "AMXIDX", tick_size="0.000000")]
    rows += [_row(str(100_000 + n), f"{name}-EQ", name) for n, name in enumerate(names)]
    underlyings = ["NIFTY", *names[:219]]
    for n in range(_ROWS - len(rows)):
        name, expiry = underlyings[n % 220], _EXPIRIES[n // 220 % 4]
        strike = 100 + n // 1760 * 50
        symbol = f"{name}{expiry[:5]}{expiry[-2:]}{strike}{'CE' if n // 880 % 2 else 'PE'}"
        rows.append(_row(str(1_000_000 + n), symbol, name, "OPTSTK", "NFO", expiry, f"{strike * 100}.000000"))
    return json.dumps(rows).encode()


def _row(
    token: str,
    symbol: str,
    name: str,
    kind: str = "",
    exchange: str = "NSE",
    expiry: str = "",
    strike: str = "-1.000000",
    tick_size: str = "5.000000",
) -> dict[str, object]:
    return {
        "token": token,
        "symbol": symbol,
        "name": name,
        "expiry": expiry,
        "strike": strike,
        "lotsize": "1",
        "instrumenttype": kind,
        "exch_seg": exchange,
        "tick_size": tick_size,
        "freeze_qty": "125531",
        "is_cas_enabled": False,
    }
