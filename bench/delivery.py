"""A backlog of deliveries drained: rows in PostgreSQL → one worker → a webhook or a mail server on this machine.

Beside it the ceiling: the same requests to the same server without a table, as many at once.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from pydantic import SecretStr

from bench.result import Result
from notifier.channels import Channel
from notifier.delivery.addresses import AddressGuard
from notifier.delivery.claims import Claims
from notifier.delivery.email import MailServer, Smtp
from notifier.delivery.endpoint_store import Sealing
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Message, Provider
from notifier.delivery.routes import Route, Routes
from notifier.delivery.webhook import SignedWebhook
from notifier.delivery.worker import ChannelWorker
from notifier.partitions import Partitions
from notifier.templates.reference import Parts
from notifier.templates.store import TemplateStore
from notifier.types import Severity
from tests.support.datastores import temporary_state_dir
from tests.support.outside_world import Mailbox, Sink
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock
from tradewinds.config import DatabaseSettings
from tradewinds.database import migrations
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres

_BACKLOG, _AT_ONCE = 2_000, 16
_CLOCK = SystemClock()


async def run() -> list[Result]:
    """Messages a second."""
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    async with _database() as database, Sink() as sink, Mailbox() as mailbox:
        webhook = SignedWebhook(guard, _CLOCK.now)
        mail = Smtp("bench", MailServer("127.0.0.1", mailbox.port, "bench@example.com", tls="none"))
        return [
            await _drain(database, Channel.WEBHOOK, webhook, sink.url, lambda: len(sink.calls)),
            await _drain(database, Channel.EMAIL, mail, "alice@example.com", lambda: len(mailbox.raw)),
        ]


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    with temporary_state_dir() as folder:
        async with EmbeddedPostgres(folder / "postgres") as postgres:
            await migrations.upgrade(postgres.url)
            database = Database(DatabaseSettings(url=SecretStr(postgres.url)))
            await database.connect()
            await Partitions(database, _CLOCK, 90).keep()
            yield database
            await database.close()


async def _drain(
    database: Database, channel: Channel, provider: Provider, address: str, taken: Callable[[], int]
) -> Result:
    endpoint = Endpoint(f"nep-{channel}", "bench", channel, address)
    ceiling = await _rate(taken, lambda: _bare(provider, endpoint))
    await _backlog(database, endpoint)
    drained = await _rate(taken, lambda: _worked(database, channel, provider, taken))
    await provider.close()
    return Result(f"delivery.{channel.lower()}.drained", drained, "messages/s", ">= 200", ceiling)


async def _rate(taken: Callable[[], int], work: Callable[[], Awaitable[None]]) -> float:
    before, started = taken(), time.perf_counter()
    await work()
    return (taken() - before) / (time.perf_counter() - started)


async def _bare(provider: Provider, endpoint: Endpoint) -> None:
    room = asyncio.Semaphore(_AT_ONCE)
    now = datetime.now(UTC)

    async def one(number: int) -> None:
        async with room:
            identifier = f"bare-{number}"
            message = Message(
                identifier,
                identifier,
                "ORDER_EXECUTED",
                Severity.INFO,
                "10 RELIANCE bought",
                "",
                {},
                now,
                now + timedelta(hours=1),
            )
            await provider.send(message, endpoint)

    await asyncio.gather(*(one(number) for number in range(_BACKLOG)))


async def _worked(database: Database, channel: Channel, provider: Provider, taken: Callable[[], int]) -> None:
    wanted = taken() + _BACKLOG
    worker = ChannelWorker(
        Routes(channel, [Route(provider)], _CLOCK),
        Claims(database, Sealing(None), secrets.token_hex(4)),
        Parts(TemplateStore(database)),
        _CLOCK,
        lambda: 0.5,
        _AT_ONCE,
    )
    task = asyncio.create_task(worker.run())
    await eventually(lambda: taken() >= wanted, timeout=60.0, interval=0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _backlog(database: Database, endpoint: Endpoint) -> None:
    await database.pool.execute(
        "INSERT INTO notification_endpoints (endpoint_id, user_id, channel, address) VALUES ($1, 'bench', $2, $3)",
        endpoint.endpoint_id,
        endpoint.channel.value,
        endpoint.address,
    )
    await database.pool.execute(
        """
        WITH told AS (
            INSERT INTO notifications (notification_id, user_id, type, severity, title, message)
            SELECT $2 || n, 'bench', 'ORDER_EXECUTED', 'INFO', '10 RELIANCE bought', '' FROM generate_series(1, $1) n
            RETURNING notification_id
        )
        INSERT INTO notification_deliveries (delivery_id, notification_id, user_id, channel, endpoint_id, expires_at)
        SELECT notification_id, notification_id, 'bench', $3, $4, now() + interval '1 hour' FROM told
        """,
        _BACKLOG,
        f"{endpoint.channel}-",
        endpoint.channel.value,
        endpoint.endpoint_id,
    )
