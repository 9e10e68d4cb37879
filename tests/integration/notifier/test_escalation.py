"""Must-acknowledge: one step for each due time, whoever dies, until a person acknowledges."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from notifier.escalation import Escalator
from notifier.partitions import Partitions
from tests.integration.notifier.conftest import Caller, environment
from tests.integration.notifier.test_delivery import CLOCK
from tests.support.outside_world import Answer, Mailbox, Sink
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds import ids
from tradewinds.database.session import Database
from tradewinds.v1 import notifier_pb2 as pb

EMAIL, SMS = pb.NOTIFICATION_CHANNEL_EMAIL, pb.NOTIFICATION_CHANNEL_SMS
STEPS = [
    {"after_seconds": 0, "user_id": "", "channels": []},
    {"after_seconds": 60, "user_id": "bob", "channels": ["EMAIL"]},
]


@pytest.fixture
async def due(database: Database) -> Database:
    """Forty escalations whose second step is due, and somebody to tell."""
    await Partitions(database, CLOCK, 90).keep()
    await database.pool.execute(
        "INSERT INTO notification_endpoints (endpoint_id, user_id, channel, address) "
        "VALUES ('nep-1', 'bob', 'EMAIL', 'b@b.c'), ('nep-2', 'bob', 'SMS', '+911')"
    )
    await database.pool.execute(
        """
        INSERT INTO notifications (notification_id, user_id, type, severity, title, message, must_acknowledge, created_at)
        SELECT 'ntf-' || n, 'alice', 'ORDER_UNKNOWN', 'CRITICAL', 'unknown', '', true, now() FROM generate_series(1, 40) n
        """
    )
    await database.pool.execute(
        "INSERT INTO notification_escalations (notification_id, user_id, steps, next_step, due_at) "
        "SELECT 'ntf-' || n, 'alice', $1, 1, now() FROM generate_series(1, 40) n",
        STEPS,
    )
    return database


async def test_replicas_take_each_step_once(due: Database) -> None:
    escalators = [Escalator(due, ids.new_id, lambda: None) for _ in range(4)]
    assert sum(await asyncio.gather(*(one.climb() for one in escalators))) == 40
    assert sum(await asyncio.gather(*(one.climb() for one in escalators))) == 0
    told = await due.pool.fetch("SELECT user_id, channel, count(*) FROM notification_deliveries GROUP BY 1, 2")
    assert [tuple(row) for row in told] == [("bob", "EMAIL", 40)]
    row = await due.pool.fetchrow("SELECT state, next_step, due_at - now() AS wait FROM notification_escalations")
    assert row is not None
    assert tuple(row)[:2] == ("ACTIVE", 1)
    assert timedelta(minutes=4) < row["wait"] <= timedelta(minutes=5)


async def test_a_step_that_was_not_committed_is_taken_again(due: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class DyingError(Exception):
        """The process is killed here."""

    taken = 0

    def new_id(prefix: str) -> str:
        nonlocal taken
        taken += 1
        if taken == 7:
            raise DyingError
        return ids.new_id(prefix)

    with pytest.raises(DyingError):
        await Escalator(due, new_id, lambda: None).climb()
    assert await due.pool.fetchval("SELECT count(*) FROM notification_deliveries") == 0
    assert await Escalator(due, ids.new_id, lambda: None).climb() == 40


async def test_after_a_day_it_is_over(due: Database) -> None:
    await due.pool.execute("UPDATE notification_escalations SET created_at = now() - interval '24 hours'")
    await Escalator(due, ids.new_id, lambda: None).climb()
    assert await due.pool.fetchval("SELECT DISTINCT state FROM notification_escalations") == "EXHAUSTED"


async def test_mail_then_text_message_then_the_next_person_until_she_acknowledges(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    async with Mailbox() as mailbox, Sink(Answer(201, {"sid": "SM1", "status": "queued"})) as phones:
        settings = {
            "EMAIL_PROVIDERS": mailbox.url,
            "SMS_PROVIDERS": f"twilio://AC1:t@{phones.host}?from=%2B1555&scheme=http",
        }
        process = ServiceProcess("notifier", environment(database_url, redis_url, signing) | settings, tmp_path)
        async with process:
            async with (
                Caller(process.facts["grpc"], signing, "alice") as alice,
                Caller(process.facts["grpc"], signing, "bob") as bob,
            ):
                await set_up(alice, {EMAIL: "alice@example.com", SMS: "+919812345678"}, LADDER)
                await set_up(bob, {EMAIL: "bob@example.com"})
                request = pb.SendNotificationRequest(type="ORDER_UNKNOWN", title="BUY 10 TCS: outcome unknown")
                sent = await alice("SendNotification", request)
                await eventually(lambda: recipients(mailbox) == ["alice@example.com"], timeout=20)
                assert phones.calls == []
            # The ladder is in the database: it goes on where it was.
            await process.kill()
            await hurry(database_url)
            await process.start()
            await eventually(lambda: len(phones.calls) == 1, timeout=20)
            await hurry(database_url)
            await eventually(lambda: recipients(mailbox) == ["alice@example.com", "bob@example.com"], timeout=20)
            async with Caller(process.facts["grpc"], signing, "bob") as bob:
                acknowledged = await bob(
                    "AcknowledgeNotification", pb.AcknowledgeNotificationRequest(notification_id=sent.notification_id)
                )
            assert acknowledged.acknowledged_by == "bob"
            await hurry(database_url)
            await asyncio.sleep(1.5)  # three looks of the escalator, and one that gathers
            assert len(mailbox.mails) == 2


LADDER = pb.NotificationSettings(
    escalation=[
        pb.EscalationStep(channels=[EMAIL]),
        pb.EscalationStep(after_seconds=600, channels=[SMS]),
        pb.EscalationStep(after_seconds=1200, user_id="bob"),
    ],
    # Nothing of this holds back what somebody must see.
    muted_types=["ORDER_UNKNOWN"],
    quiet_hours=pb.QuietHours(
        time_zone="Asia/Kolkata", windows=[pb.QuietWindow(start="00:00", end="23:59")], hold_critical=True
    ),
)


async def set_up(caller: Caller, addresses: Mapping[Any, str], settings: pb.NotificationSettings | None = None) -> None:
    for channel, address in addresses.items():
        endpoint = pb.NotificationEndpoint(channel=channel, address=address)
        request = pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
        await caller("CreateNotificationEndpoint", request)
    if settings is not None:
        wanted = pb.UpdateNotificationSettingsRequest(user_id="me", settings=settings)
        await caller("UpdateNotificationSettings", wanted)


async def hurry(database_url: str) -> None:
    """The next step's time has come."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE notification_escalations SET due_at = now() WHERE state = 'ACTIVE'")
    await connection.close()


def recipients(mailbox: Mailbox) -> list[str]:
    return [str(mail["To"]) for mail in mailbox.mails]
