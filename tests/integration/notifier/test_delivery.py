"""Deliveries: claimed by one, seen through whoever dies, retried, ended, begun anew."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from notifier.channels import Channel
from notifier.delivery.claims import Claims, Finished
from notifier.delivery.endpoint_store import Sealing
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.gathering import Gatherer
from notifier.delivery.message import Attempt, Fate, Message
from notifier.delivery.receipts import Receipt, ReceiptAsker
from notifier.delivery.routes import Route, Routes
from notifier.delivery.worker import ChannelWorker
from notifier.partitions import Partitions
from notifier.templates.reference import Parts
from notifier.templates.store import TemplateStore
from tests.integration.notifier.conftest import Caller, environment
from tests.support.outside_world import Answer, Mailbox, Sink
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.clock import SystemClock
from tradewinds.database.session import Database
from tradewinds.v1 import notifier_pb2 as pb

CLOCK = SystemClock()
EMAIL = pb.NOTIFICATION_CHANNEL_EMAIL


class Recorder:
    """A provider that remembers what it was given."""

    name = "recorder"

    def __init__(self, answer: Callable[[int], Attempt] = lambda _: Attempt(Fate.SENT)) -> None:
        self.sent: list[str] = []
        self._answer = answer

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        self.sent.append(message.delivery_id)
        await asyncio.sleep(0)
        return self._answer(len(self.sent))

    async def close(self) -> None:
        pass


@pytest.fixture
async def rows(database: Database) -> Database:
    """One e-mail endpoint and today's partitions."""
    await Partitions(database, CLOCK, 90).keep()
    await database.pool.execute(
        "INSERT INTO notification_endpoints (endpoint_id, user_id, channel, address) VALUES ('nep-1', 'alice', 'EMAIL', 'a@b.c')"
    )
    return database


async def deliveries(database: Database, count: int, **fields: Any) -> None:
    values = {"state": "PENDING", "gather_key": "", "expires_at": CLOCK.now() + timedelta(hours=1)} | fields
    await database.pool.execute(
        """
        INSERT INTO notifications (notification_id, user_id, type, severity, title, message, created_at)
        SELECT 'ntf-' || n, 'alice', 'ORDER_EXECUTED', 'INFO', 'title ' || n, '', now() FROM generate_series(1, $1) n
        """,
        count,
    )
    await database.pool.execute(
        """
        INSERT INTO notification_deliveries (delivery_id, notification_id, user_id, channel, endpoint_id, state, gather_key, expires_at)
        SELECT 'dlv-' || n, 'ntf-' || n, 'alice', 'EMAIL', 'nep-1', $2, $3, $4 FROM generate_series(1, $1) n
        """,
        count,
        values["state"],
        values["gather_key"],
        values["expires_at"],
    )


def claims(database: Database) -> Claims:
    return Claims(database, Sealing(None), secrets.token_hex(4))


@asynccontextmanager
async def worker(database: Database, provider: Recorder, concurrency: int = 8) -> AsyncIterator[None]:
    routes = Routes(Channel.EMAIL, [Route(provider)], CLOCK)
    one = ChannelWorker(routes, claims(database), Parts(TemplateStore(database)), CLOCK, lambda: 0.0, concurrency)
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def leases_end(database: Database) -> None:
    await database.pool.execute("UPDATE notification_deliveries SET due_at = now() WHERE state = 'SENDING'")


async def states(database: Database) -> dict[str, int]:
    found = await database.pool.fetch("SELECT state, count(*) FROM notification_deliveries GROUP BY 1")
    return {row[0]: row[1] for row in found}


async def test_several_workers_send_each_once(rows: Database) -> None:
    await deliveries(rows, 300)
    recorders = [Recorder() for _ in range(3)]
    async with AsyncExitStack() as stack:
        for recorder in recorders:
            await stack.enter_async_context(worker(rows, recorder))
        await eventually(lambda: _are(rows, SENT=300), timeout=20)
    sent = [one for recorder in recorders for one in recorder.sent]
    assert len(sent) == len(set(sent)) == 300


async def _are(database: Database, **expected: int) -> bool:
    return await states(database) == expected


async def test_what_a_dead_worker_had_comes_back_and_its_late_word_changes_nothing(rows: Database) -> None:
    await deliveries(rows, 5)
    frozen = claims(rows)
    taken = await frozen.take(Channel.EMAIL, 10)
    assert len(taken) == 5
    assert await claims(rows).take(Channel.EMAIL, 10) == []
    await leases_end(rows)
    recorder = Recorder()
    async with worker(rows, recorder):
        await eventually(lambda: _are(rows, SENT=5), timeout=20)
    late = [Finished(one, "DEAD", CLOCK.now()) for one in taken]
    await frozen.finish(late)
    assert await states(rows) == {"SENT": 5}


async def test_one_that_was_sent_but_not_written_down_goes_again_under_the_same_id(
    rows: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deliveries(rows, 1)
    recorder = Recorder()

    async def dies(self: Claims, finished: object) -> None:
        await asyncio.sleep(60)

    with monkeypatch.context() as dying:
        dying.setattr(Claims, "finish", dies)
        async with worker(rows, recorder):
            await eventually(lambda: recorder.sent)
    await leases_end(rows)
    async with worker(rows, recorder):
        await eventually(lambda: _are(rows, SENT=1), timeout=20)
    assert recorder.sent == ["dlv-1", "dlv-1"]


async def test_receipts_are_asked_for_and_only_go_forward(rows: Database) -> None:
    await deliveries(rows, 3, state="SENT")
    await rows.pool.execute(
        "UPDATE notification_deliveries SET provider = 'later', provider_message_id = delivery_id, due_at = now() - interval '1 minute'"
    )

    class Later(Recorder):
        name = "later"

        async def receipt(self, provider_message_id: str) -> Receipt | None:
            if provider_message_id == "dlv-3":
                await rows.pool.execute(
                    "UPDATE notification_deliveries SET state = 'DELIVERED' WHERE delivery_id = 'dlv-3'"
                )
            return {"dlv-1": Receipt(True, "delivered"), "dlv-3": Receipt(False, "late")}.get(provider_message_id)

    await ReceiptAsker(rows, Channel.EMAIL, [Later()]).ask()
    found = await rows.pool.fetch("SELECT state FROM notification_deliveries ORDER BY delivery_id")
    assert [row["state"] for row in found] == ["DELIVERED", "SENT", "DELIVERED"]


async def test_it_is_tried_again_and_ends_when_it_was_refused(rows: Database) -> None:
    await deliveries(rows, 1)
    recorder = Recorder(lambda n: Attempt(Fate.PASSING, "busy") if n < 3 else Attempt(Fate.REFUSED, "no such user"))
    async with worker(rows, recorder):
        await eventually(lambda: _are(rows, DEAD=1), timeout=20)
    row = await rows.pool.fetchrow("SELECT attempts, detail, provider FROM notification_deliveries")
    assert row is not None
    assert tuple(row) == (3, "no such user", "recorder")


async def test_what_is_too_old_is_not_sent(rows: Database) -> None:
    await deliveries(rows, 2, expires_at=CLOCK.now() - timedelta(seconds=1))
    recorder = Recorder()
    async with worker(rows, recorder):
        await eventually(lambda: _are(rows, EXPIRED=2), timeout=20)
    assert recorder.sent == []


async def test_an_address_that_is_no_more_is_not_used_again(rows: Database) -> None:
    await deliveries(rows, 3)
    recorder = Recorder(lambda _: Attempt(Fate.GONE, "unsubscribed"))
    async with worker(rows, recorder, concurrency=1):
        await eventually(lambda: _are(rows, DEAD=3), timeout=20)
    assert len(recorder.sent) == 1
    assert await rows.pool.fetchval("SELECT disabled_reason FROM notification_endpoints") == "unsubscribed"


async def test_gatherers_at_the_same_moment_make_one_message(rows: Database) -> None:
    await deliveries(rows, 1_200, state="GATHERING", gather_key="GROUPED:ORDER_EXECUTED")
    await rows.pool.execute("UPDATE notifications SET read_at = now() WHERE notification_id = 'ntf-7'")
    await asyncio.gather(*(Gatherer(rows, lambda: None).gather() for _ in range(3)))
    assert await states(rows) == {"MERGED": 1_198, "PENDING": 1, "CANCELLED": 1}
    told: list[str] = []

    class Titles(Recorder):
        async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
            told.append(message.title)
            return Attempt(Fate.SENT)

    async with worker(rows, Titles()):
        await eventually(lambda: told)
    assert told[0].startswith("1,199 orders executed")


@asynccontextmanager
async def notifier(
    database_url: str, redis_url: str, signing: Signing, folder: Path, **settings: str
) -> AsyncIterator[ServiceProcess]:
    async with ServiceProcess("notifier", environment(database_url, redis_url, signing) | settings, folder) as process:
        yield process


async def email_of(alice: Caller) -> None:
    endpoint = pb.NotificationEndpoint(channel=EMAIL, address="alice@example.com")
    request = pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
    await alice("CreateNotificationEndpoint", request)


async def _let_leases_end(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE notification_deliveries SET due_at = now() WHERE state = 'SENDING'")
    await connection.close()


async def test_every_kept_one_is_delivered_whoever_is_killed(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    async with Mailbox() as mailbox:
        mailbox.delay_seconds = 0.02
        variables = environment(database_url, redis_url, signing) | {"EMAIL_PROVIDERS": mailbox.url}
        processes = [ServiceProcess("notifier", variables, folder) for folder in folders]
        await asyncio.gather(*(process.start() for process in processes))
        async with Caller(processes[0].facts["grpc"], signing, "alice") as alice:
            await email_of(alice)
            ungrouped = pb.NotificationSettings(grouping_seconds=0)
            await alice(
                "UpdateNotificationSettings", pb.UpdateNotificationSettingsRequest(user_id="me", settings=ungrouped)
            )
        kept: set[str] = set()
        for victim in processes:
            survivor = next(process for process in processes if process is not victim)
            async with Caller(survivor.facts["grpc"], signing, "alice") as alice:
                await victim.kill()
                requests = [pb.SendNotificationRequest(type="ORDER_REJECTED", title=f"{n}") for n in range(40)]
                answer = await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))
                kept |= {one.notification_id for one in answer.responses}
            await victim.start()
        await _let_leases_end(database_url)
        await eventually(
            lambda: kept <= {str(mail["X-Tradewinds-Notification"]) for mail in mailbox.mails}, timeout=40, interval=0.3
        )
        arrived = [(str(m["X-Tradewinds-Notification"]), str(m["Message-ID"])) for m in mailbox.mails]
        assert len(set(arrived)) == len({notification for notification, _ in arrived}) == len(kept)
        await asyncio.gather(*(process.stop() for process in processes))


async def test_what_ended_is_begun_anew_by_an_operator(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    async with Mailbox() as mailbox:
        mailbox.refusals.append("550 5.7.1 you are on a blacklist")
        settings = {"EMAIL_PROVIDERS": mailbox.url}
        async with (
            notifier(database_url, redis_url, signing, tmp_path, **settings) as process,
            Caller(process.facts["grpc"], signing, "alice") as alice,
            Caller(process.facts["grpc"], signing, "olga", auth.OPERATOR) as olga,
        ):
            await email_of(alice)
            await alice("SendNotification", pb.SendNotificationRequest(type="ORDER_REJECTED", title="rejected"))
            dead = await eventually(lambda: _listed(olga, "DEAD"), timeout=20)
            assert dead[0].detail.startswith("SMTP 550")
            request = pb.RedriveNotificationDeliveriesRequest(delivery_ids=[dead[0].delivery_id], reason="delisted")
            assert (await olga("RedriveNotificationDeliveries", request)).count == 1
            await eventually(lambda: len(mailbox.mails) == 1, timeout=20)
            sent = await eventually(lambda: _listed(alice, "SENT"), timeout=20)
            assert sent[0].delivery_id == dead[0].delivery_id


async def _listed(caller: Caller, *states: str) -> list[pb.NotificationDelivery]:
    request = pb.ListNotificationDeliveriesRequest(states=states)
    return list((await caller("ListNotificationDeliveries", request)).deliveries)


async def test_the_second_provider_takes_over_from_one_that_fails(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    async with Sink(Answer(500)) as broken, Sink(Answer(201, {"sid": "SM1", "status": "queued"})) as good:
        gateways = " ".join(f"twilio://AC1:t@{sink.host}?from=%2B1555&scheme=http" for sink in (broken, good))
        async with (
            notifier(database_url, redis_url, signing, tmp_path, SMS_PROVIDERS=gateways) as process,
            Caller(process.facts["grpc"], signing, "alice") as alice,
        ):
            endpoint = pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_SMS, address="+919812345678")
            request = pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
            await alice("CreateNotificationEndpoint", request)
            await alice("SendNotification", pb.SendNotificationRequest(type="ORDER_REJECTED", title="rejected"))
            (sent,) = await eventually(lambda: _listed(alice, "SENT"), timeout=20)
            assert (sent.provider, sent.provider_message_id) == ("127.0.0.1-2", "SM1")
            assert len(broken.calls) == len(good.calls) == 1
