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
    """As the broker's: 5,000 equities, the rest options on 200 of them."""
    draw = random.Random(7)
    names = sorted({"".join(draw.choices(ascii_uppercase, k=draw.randint(3, 10))) for _ in range(5_100)})[:4_998]
    rows = [_row("3045", "SBIN-EQ", "SBIN"), _row("99926000", "Nifty 50", "NIFTY", "AMXIDX")]
    rows += [_row(str(100_000 + n), f"{name}-EQ", name) for n, name in enumerate(names)]
    for n in range(_ROWS - len(rows)):
        name, strike = names[n % 200], 100 + n // 400 * 5
        symbol = f"{name}28JUL26{strike}{'CE' if n // 200 % 2 else 'PE'}"
        rows.append(_row(str(1_000_000 + n), symbol, name, "OPTSTK", "NFO"))
    return json.dumps(rows).encode()


def _row(token: str, symbol: str, name: str, kind: str = "", exchange: str = "NSE") -> dict[str, str]:
    return {
        "token": token,
        "symbol": symbol,
        "name": name,
        "expiry": "28JUL2026" if kind == "OPTSTK" else "",
        "strike": "-1.000000",
        "lotsize": "1",
        "instrumenttype": kind,
        "exch_seg": exchange,
        "tick_size": "5.000000",
    }
