"""A real feed process, and what its surroundings do for it: a broker session in the table, wishes, and a reader of Redis."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import secrets
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from engine_server.calendar.domain.days import END_OF_DAY, SEGMENTS, Phase, PhaseSpan, SegmentDay
from engine_server.calendar.store import CalendarStore
from tests.support.sandbox_process import REPOSITORY, SandboxProcess
from tests.support.waiting import eventually
from tradewinds import redis_keys
from tradewinds.clock import ist
from tradewinds.database.session import Database
from tradewinds.seal import seal
from tradewinds.ticks import TickArray, unpack

ACCOUNT = "ACC1"
Valkey = Any  # redis-py's types allow text where our connections answer in bytes
_START_SECONDS = 30.0


@dataclass
class FeedProcess:
    """`python -m engine_server feed` against a sandbox; stopped by its pid."""

    database_url: str
    redis_url: str
    sandbox: SandboxProcess
    folder: Path
    seal_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    environment: dict[str, str] = field(default_factory=dict)
    name: str = "feed-0"
    grpc: str = ""
    metrics: str = ""
    pid: int = 0
    _process: asyncio.subprocess.Process | None = None

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.name}.log"

    async def start(self) -> None:
        ready_file = self.folder / f"{self.name}.json"
        ready_file.unlink(missing_ok=True)
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "engine_server", "feed"),
                cwd=REPOSITORY,
                env=os.environ | self._settings(ready_file) | self.environment,
                stderr=log,
            )
        self.pid = self._process.pid
        async with asyncio.timeout(_START_SECONDS):
            while not ready_file.exists():
                assert self._process.returncode is None, self.log_file.read_text()
                await asyncio.sleep(0.02)
        ready = json.loads(ready_file.read_text())
        self.grpc, self.metrics = ready["grpc"], ready["metrics"]

    async def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(10):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise
        finally:
            self._process = None

    async def kill(self) -> None:
        """SIGKILL, as a crash does."""
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        await process.wait()

    def log_actions(self) -> list[str]:
        """The actions of every log line so far."""
        lines = self.log_file.read_text().splitlines()
        return [json.loads(line).get("action", "") for line in lines if line.startswith("{")]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = await self.stop()
        if kind is None:
            assert code == 0, self.log_file.read_text()

    def _settings(self, ready_file: Path) -> dict[str, str]:
        https = self.sandbox.https_url
        return {
            "INSTANCE_ID": self.name,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SEAL_KEY": base64.b64encode(self.seal_key).decode(),
            "READY_FILE": str(ready_file),
            "BROKER_CA_FILE": str(self.sandbox.ca_file),
            "BROKER_REST_URL": https,
            "BROKER_MARKET_STREAM_URL": f"{https.replace('https', 'wss', 1)}/smart-stream",
            "BROKER_SCRIP_MASTER_URL": f"{https}/OpenAPI_File/files/OpenAPIScripMaster.json",
            "BROKER_CLOCK_URL": f"{https}/sandbox/clock",
            "SCRIP_MASTER_MINIMUM_ROWS": "10",
        }


async def log_in(sandbox: SandboxProcess) -> dict[str, str]:
    """What the engine seals after a login."""
    known = sandbox.credentials
    body = {"clientcode": known.client_code, "password": known.pin, "totp": known.totp()}
    url = f"{sandbox.http_url}/rest/auth/angelbroking/user/v1/loginByPassword"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers={"X-PrivateKey": known.api_key}) as answer,
    ):
        data = (await answer.json())["data"]
    return {
        "jwt": data["jwtToken"],
        "refresh_token": data["refreshToken"],
        "feed_token": data["feedToken"],
        "client_code": known.client_code,
        "api_key": known.api_key,
    }


async def write_session(database: Database, seal_key: bytes, tokens: dict[str, str]) -> None:
    """Seal a session into `broker_sessions`, as the engine does."""
    sealed = seal(seal_key, f"session:{ACCOUNT}", json.dumps(tokens).encode())
    await database.pool.execute("INSERT INTO users VALUES ('u1', 'U') ON CONFLICT DO NOTHING")
    await database.pool.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ($1, 'u1', $2, '')"
        " ON CONFLICT DO NOTHING",
        *(ACCOUNT, tokens["client_code"]),
    )
    await database.pool.execute(
        "INSERT INTO broker_sessions (account_id, client_code, sealed_tokens, epoch, logged_in_at)"
        " VALUES ($1, $2, $3, 1, now())"
        " ON CONFLICT (account_id) DO UPDATE SET sealed_tokens = excluded.sealed_tokens, epoch = broker_sessions.epoch + 1",
        *(ACCOUNT, tokens["client_code"], sealed),
    )


async def wish(
    database: Database, *instruments: str, subscriber: str = "config:c1", seconds: float | None = None
) -> None:
    """Rows of `market_subscriptions`."""
    await database.pool.execute(
        "INSERT INTO market_subscriptions (subscriber, instrument, expires_at)"
        " SELECT $1, instrument, now() + $3::float * interval '1 second' FROM unnest($2::text[]) AS instrument",
        *(subscriber, list(instruments), seconds),
    )


async def feed_state(redis: Valkey) -> dict[str, str]:
    """`md:feed` as text."""
    return {name.decode(): value.decode() for name, value in (await redis.hgetall(redis_keys.FEED_STATE)).items()}


async def quoted(redis: Valkey) -> set[str]:
    """The instruments that have a quote."""
    return {key.decode() for key in await redis.hkeys(redis_keys.QUOTES)}


async def is_state(redis: Valkey, condition: str) -> None:
    """Wait until the feed says so."""

    async def says_so() -> bool:
        state = await feed_state(redis)
        assert state.get("state") == condition, state
        return True

    await eventually(says_so, timeout=15, what=f"feed state {condition}")


async def metric(feed: FeedProcess, sample: str) -> float:
    """A sample of /metrics, written as it is there; 0 where it is not."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{feed.metrics}/metrics") as page:
        lines = (await page.text()).splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} ")), 0.0)


async def open_market(database: Database, sandbox: SandboxProcess) -> None:
    """Have the calendar say that every segment trades continuously, all day, on the sandbox's days."""
    today = ist(datetime.fromtimestamp((await sandbox.get("/sandbox/clock"))["market_ms"] / 1000, UTC)).date()
    whole_day = (PhaseSpan(Phase.CONTINUOUS, 0, END_OF_DAY),)
    days = [SegmentDay(segment, today + timedelta(days=n), spans=whole_day) for segment in SEGMENTS for n in range(2)]
    await CalendarStore(database).seed(days)


class TickReader:
    """Reads from now on."""

    def __init__(self, redis: Valkey) -> None:
        self._redis = redis
        self._last: dict[Any, Any] = {redis_keys.TICKS: "$"}

    async def read(self, block_ms: int = 2000) -> list[TickArray]:
        """The entries since the last call; waits for some."""
        entries = []
        for stream, messages in await self._redis.xread(self._last, block=block_ms) or []:
            self._last[stream.decode()] = messages[-1][0]
            entries += [unpack(fields[b"t"]) for _, fields in messages]
        return entries
