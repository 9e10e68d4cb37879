"""Bars of a real feed beside the sandbox's own candles: the end of a day, a night, a socket that is cut, a feed that comes late."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine_server.calendar.domain.seed import seeded_days
from engine_server.calendar.store import CalendarStore
from tests.support.feed_process import FeedProcess, Valkey, log_in, metric, wish, write_session
from tests.support.sandbox_client import SandboxClient
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.bars import BROKER, STREAM, Bar
from tradewinds.clock import IST
from tradewinds.database.session import Database

TOKENS = {"NSE:SBIN-EQ": "3045", "NSE:RELIANCE-EQ": "2885"}
DAY, NEXT_DAY = date(2021, 5, 31), date(2021, 6, 1)
_CANDLES = "/rest/secure/angelbroking/historical/v1/getCandleData"
OHLCV = tuple[int, int, int, int, int]


def recorded(folder: Path) -> Path:
    """The last forty minutes of a day, and the first twelve of the next; some minutes have no trade."""
    draw = random.Random(11)
    lines = ["ts,symbol,open,high,low,close,volume"]
    for day, hour, minute, count in ((DAY, 14, 50, 40), (NEXT_DAY, 9, 15, 12)):
        opens = datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST)
        for number in range(count):
            for symbol, price in (("SBIN", 420), ("RELIANCE", 2_100)):
                if number % 9 == 5 and symbol == "SBIN":
                    continue
                first, last = (price + draw.randint(-40, 40) / 10 for _ in range(2))
                high, low = max(first, last) + draw.randint(0, 9) / 10, min(first, last) - draw.randint(0, 9) / 10
                ohlc = ",".join(f"{value:.2f}" for value in (first, high, low, last))
                lines.append(
                    f"{opens + timedelta(minutes=number):%Y-%m-%dT%H:%M:%S+05:30},{symbol},{ohlc},{draw.randint(20, 9_000)}"
                )
    path = folder / "bars.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class Published:
    """What comes out of `md:bars` while the test runs."""

    redis: Valkey
    bars: list[Bar] = field(default_factory=list)

    async def read(self) -> None:
        last: Any = "0-0"
        while True:
            for _stream, entries in await self.redis.xread({redis_keys.BARS: last}, block=500) or []:
                for last, fields in entries:  # noqa: B007 - where the next read goes on
                    self.bars += msgspec.msgpack.decode(fields[b"b"], type=list[Bar])


@pytest.fixture
async def published(valkey: Valkey) -> AsyncIterator[Published]:
    published = Published(valkey)
    reading = asyncio.create_task(published.read())
    yield published
    reading.cancel()


async def candles(client: SandboxClient, key: str, interval: str, first: date = DAY) -> Mapping[int, OHLCV]:
    """The sandbox's own, by start in epoch ms; prices in ten-thousandths."""
    asked = {"exchange": "NSE", "symboltoken": TOKENS[key], "interval": interval}
    answer = await client.call("POST", _CANDLES, asked | {"fromdate": f"{first} 00:00", "todate": f"{NEXT_DAY} 23:00"})
    assert answer.get("status"), answer
    return {_start_ms(row[0]): (*(round(price * 10_000) for price in row[1:5]), row[5]) for row in answer["data"]}


def _start_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def ohlcv(bar: Bar) -> OHLCV:
    return bar.open_e4, bar.high_e4, bar.low_e4, bar.close_e4, bar.volume


async def stored(database: Database, key: str) -> dict[int, tuple[OHLCV, str]]:
    rows = await database.pool.fetch("SELECT * FROM minute_bars WHERE instrument = $1 ORDER BY started_at", key)
    return {
        round(row["started_at"].timestamp() * 1000): (
            (row["open_e4"], row["high_e4"], row["low_e4"], row["close_e4"], row["volume"]),
            row["source"],
        )
        for row in rows
    }


async def test_bars_of_two_days_with_a_cut_socket_are_the_brokers_candles(
    database_url: str, database: Database, redis_url: str, published: Published, tmp_path: Path
) -> None:
    await CalendarStore(database).seed(tuple(seeded_days(DAY - timedelta(days=10), NEXT_DAY + timedelta(days=2))))
    arguments = ("--replay", str(recorded(tmp_path)), "--speed", "120")
    async with SandboxProcess(arguments=arguments) as sandbox:
        feed = FeedProcess(database_url, redis_url, sandbox, tmp_path)
        await write_session(database, feed.seal_key, await log_in(sandbox))
        await wish(database, *TOKENS)
        async with feed, SandboxClient(sandbox) as client, asyncio.TaskGroup() as group:
            staying = group.create_task(_stay_logged_in(sandbox, client, database, feed))
            await eventually(lambda: published.bars, timeout=60, what="a bar is over")
            await sandbox.fault("ws_close", route="market", count=2)

            async def all_is_in() -> bool:
                for key in TOKENS:
                    mine, theirs = await stored(database, key), await candles(client, key, "ONE_MINUTE")
                    assert max(theirs) >= _start_ms(f"{NEXT_DAY}T09:26:00+05:30"), "the replay is not at its end"
                    assert {start: bar for start, (bar, _) in mine.items() if start in theirs} == theirs
                return True

            await eventually(all_is_in, timeout=60, interval=0.3, what="the store has every candle, exactly")

            assert feed.log_actions().count("feed.stream.connected") >= 4, "two sockets, and two after the cut"
            for key in TOKENS:
                assert {source for _, source in (await stored(database, key)).values()} == {STREAM, BROKER}
            if not await metric(feed, "tradewinds_feed_bar_ticks_late"):  # a machine under load sends some too late
                await _complete_ones_are_exact(client, published.bars)
            staying.cancel()


async def _stay_logged_in(
    sandbox: SandboxProcess, client: SandboxClient, database: Database, feed: FeedProcess
) -> None:
    """The broker's sessions end at its midnight; the engine would log in again."""
    while True:
        if "status" not in await client.call("GET", "/rest/secure/angelbroking/user/v1/getRMS"):
            await client.login()
            await write_session(database, feed.seal_key, await log_in(sandbox))
        await asyncio.sleep(0.2)


async def _complete_ones_are_exact(client: SandboxClient, bars: list[Bar]) -> None:
    """What was published as complete is what the broker's candle says, in every interval."""
    names = {"1m": "ONE_MINUTE", "3m": "THREE_MINUTE", "5m": "FIVE_MINUTE", "15m": "FIFTEEN_MINUTE"}
    compared = 0
    for interval, name in names.items():
        for key in TOKENS:
            theirs = await candles(client, key, name)
            for bar in bars:
                is_anchored = bar.start_ms >= _start_ms(f"{NEXT_DAY}T00:00:00+05:30") or interval in ("1m", "5m")
                if (bar.instrument, bar.interval) == (key, interval) and bar.complete and is_anchored:
                    assert ohlcv(bar) == theirs[bar.start_ms], bar
                    compared += 1
    assert compared > 10
    assert not [bar for bar in bars if not bar.closed]
    assert len({(bar.instrument, bar.interval, bar.start_ms) for bar in bars}) == len(bars), "each is published once"
    assert {bar.start_ms for bar in bars if bar.interval == "1d"} <= {_start_ms(f"{DAY}T00:00:00+05:30")}
