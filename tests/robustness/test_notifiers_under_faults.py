"""Two notifiers, Redis and PostgreSQL are killed in turn under load: whatever was accepted and is kept is delivered, and what must
be acknowledged is acknowledged or escalates. NOTIFIER_LOAD (per second, a tenth of it kept) and NOTIFIER_SECONDS make it larger: 20000 and
60 is the size that the design asks for.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from pathlib import Path

import asyncpg
import grpc
import pytest

from tests.integration.notifier.conftest import Caller, environment
from tests.robustness.told import ToldEvidence, problems
from tests.support.outside_world import Answer, Mailbox, Sink
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds.auth import SERVICE
from tradewinds.database import migrations
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.supervised_store import SupervisedStore
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.v1 import notifier_pb2 as pb

LOAD = int(os.environ.get("NOTIFIER_LOAD", "1000"))
SECONDS = float(os.environ.get("NOTIFIER_SECONDS", "12"))
TICK = 0.1
# What of it is kept, and what of that is alice's, who is told by mail as well; the others have no endpoint.
KEPT, MAILED, URGENT_EVERY = LOAD // 10, max(1, LOAD // 100), 20
GONE = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)
_TOLD_BY_PHONE = "SELECT notification_id FROM notification_deliveries WHERE channel = 'SMS'"
EMAIL, SMS = pb.NOTIFICATION_CHANNEL_EMAIL, pb.NOTIFICATION_CHANNEL_SMS
LADDER = pb.NotificationSettings(
    grouping_seconds=0,
    escalation=[pb.EscalationStep(channels=[EMAIL]), pb.EscalationStep(after_seconds=3, channels=[SMS])],
)


@dataclass
class House:
    """The processes, and what is known about what they were told."""

    notifiers: list[ServiceProcess]
    postgres: SupervisedStore
    valkey: SupervisedStore
    mailbox: Mailbox
    phones: Sink
    signing: Signing
    addresses: list[str] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    urgent: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    mailed: list[tuple[str, str]] = field(default_factory=list)
    live_offered: int = 0
    live_sent: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    resyncs: int = 0

    def caller(self, number: int, user: str, *roles: str) -> Caller:
        """At one of the notifiers, as it is now."""
        return Caller(self.notifiers[number % 2].facts["grpc"], self.signing, user, *roles)


@pytest.fixture
async def house(state_dir: Path, tmp_path: Path) -> AsyncIterator[House]:
    def told(name: str, what: str) -> None:
        sys.stdout.write(f"{name} {what}\n")

    postgres = SupervisedStore("postgres", EmbeddedPostgres(state_dir / "postgres"), told)
    valkey = SupervisedStore("valkey", EmbeddedValkey(state_dir / "valkey"), told)
    await asyncio.gather(postgres.start(), valkey.start())
    await migrations.upgrade(postgres.url)
    signing = Signing(tmp_path)
    async with Mailbox() as mailbox, Sink(Answer(201, {"sid": "SM1", "status": "queued"})) as phones:
        variables = environment(postgres.url, valkey.url, signing) | {
            "EMAIL_PROVIDERS": mailbox.url,
            "SMS_PROVIDERS": f"twilio://AC1:t@{phones.host}?from=%2B1555&scheme=http",
        }
        notifiers = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            notifiers.append(ServiceProcess("notifier", variables, tmp_path / name))
        try:
            await asyncio.gather(*(one.start() for one in notifiers))
            yield House(notifiers, postgres, valkey, mailbox, phones, signing)
        finally:
            await asyncio.gather(*(one.kill() for one in notifiers))
            await asyncio.gather(postgres.stop(), valkey.stop())


@pytest.mark.timeout(120 + 4 * SECONDS)
async def test_everything_that_was_kept_is_delivered_whatever_is_killed(house: House) -> None:
    async with house.caller(0, "alice") as alice:
        for channel, address in ((EMAIL, "alice@example.com"), (SMS, "+919812345678")):
            endpoint = pb.NotificationEndpoint(channel=channel, address=address)
            await alice(
                "CreateNotificationEndpoint", pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
            )
        await alice("UpdateNotificationSettings", pb.UpdateNotificationSettingsRequest(user_id="me", settings=LADDER))
    over = asyncio.Event()
    followers = asyncio.create_task(_follow(house, over))
    senders = [asyncio.create_task(send(house, over)) for send in (_send_kept, _send_live)]
    await _kill_in_turn(house)
    over.set()
    await asyncio.wait_for(asyncio.gather(*senders), 60)
    # What is only told is taken or refused; and whoever refuses says what a caller can act on.
    assert house.refused.keys() <= {code.name for code in GONE}
    await _acknowledge_some(house)
    evidence = await _gather(house)
    followers.cancel()
    sys.stdout.write(f"{_summary(house)}\n")
    assert len(house.accepted) >= SECONDS * MAILED * 0.2
    assert problems(evidence) == []
    # It would have noticed.
    assert problems(replace(evidence, mails=evidence.mails[1:]))
    assert problems(replace(evidence, rows=evidence.rows[1:]))
    assert problems(replace(evidence, mails=[*evidence.mails, (evidence.mails[0][0], "<another@id>")]))
    assert problems(replace(evidence, escalated=()))


async def _kill_in_turn(house: House) -> None:
    """Each has a fifth of the time to strike and to be mended."""
    pause = SECONDS / 5
    for number, victim in enumerate(house.notifiers):
        await asyncio.sleep(pause if number == 0 else pause / 2)
        await victim.kill()
        await asyncio.sleep(pause / 2)
        await victim.start()
    for store in (house.valkey, house.postgres):
        await asyncio.sleep(pause / 2)
        os.kill(store.pid, signal.SIGKILL)
        await asyncio.sleep(pause / 2)
    await asyncio.sleep(pause)


async def _send_kept(house: House, over: asyncio.Event) -> None:
    """A batch every tick under dedupe keys, again and again until somebody has answered for it."""
    number = 0
    while not over.is_set():
        began = time.monotonic()
        requests = [_kept(number, index) for index in range(max(1, int(KEPT * TICK)))]
        answer = await _insist(house, pb.BatchSendNotificationsRequest(requests=requests))
        for request, response in zip(requests, answer.responses, strict=True):
            (house.accepted if request.user_id == "alice" else house.others)[request.dedupe_key] = (
                response.notification_id
            )
            if request.type == "ORDER_UNKNOWN":
                house.urgent.append(response.notification_id)
        number += 1
        await asyncio.sleep(max(0.0, TICK - (time.monotonic() - began)))


def _kept(batch: int, index: int) -> pb.SendNotificationRequest:
    mine = index < max(1, int(MAILED * TICK))
    urgent = mine and index == 0 and batch % URGENT_EVERY == 0
    return pb.SendNotificationRequest(
        user_id="alice" if mine else f"user-{index}",
        type="ORDER_UNKNOWN" if urgent else "ORDER_EXECUTED",
        title=f"order {batch}.{index}",
        dedupe_key=f"key-{batch}-{index}",
    )


async def _insist(house: House, request: pb.BatchSendNotificationsRequest) -> pb.BatchSendNotificationsResponse:
    for attempt in range(1_000):
        try:
            async with house.caller(attempt, "engine-0", SERVICE) as caller:
                answer: pb.BatchSendNotificationsResponse = await caller("BatchSendNotifications", request)
                return answer
        except grpc.aio.AioRpcError as e:
            if e.code() not in GONE:
                raise
            house.repeated += 1
            await asyncio.sleep(0.05)
    raise AssertionError("nobody took it")


async def _send_live(house: House, over: asyncio.Event) -> None:
    """The nine tenths that are only told: what cannot be told now is nobody's loss."""
    count = max(1, int((LOAD - KEPT) * TICK))
    requests = [
        pb.SendNotificationRequest(user_id=f"user-{n % 50}", type="ORDER_PARTIALLY_FILLED", title="part")
        for n in range(count)
    ]
    batches = [
        pb.BatchSendNotificationsRequest(requests=requests[start : start + 1_000]) for start in range(0, count, 1_000)
    ]
    turn = 0
    while not over.is_set():
        began = time.monotonic()
        turn += 1
        house.live_offered += count
        try:
            async with house.caller(turn, "engine-0", SERVICE) as caller:
                # All at once: whoever waits for one answer before the next offers what the slowest takes.
                await asyncio.gather(*(caller("BatchSendNotifications", batch) for batch in batches))
            house.live_sent += count
        except grpc.aio.AioRpcError as e:
            house.refused[e.code().name] += 1
        await asyncio.sleep(max(0.0, TICK - (time.monotonic() - began)))


async def _follow(house: House, over: asyncio.Event) -> None:
    """Alice's own stream, resumed by its cursor at whichever notifier is there; what she is told to list she lists."""
    cursor, turn, missing = "", 0, True
    while True:
        turn += 1
        try:
            async with house.caller(turn, "alice") as alice:
                stream = alice.stream("WatchNotifications", pb.WatchNotificationsRequest(cursor=cursor))
                async for batch in stream:
                    missing = missing or not batch.resumed
                    house.seen |= {one.notification_id for one in batch.notifications}
                    cursor = batch.cursor or cursor
                    if missing:
                        house.resyncs += 1
                        house.seen |= await _listed(alice)
                        missing = False
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.1)


async def _listed(alice: Caller) -> set[str]:
    found: set[str] = set()
    token = ""
    while True:
        page = await alice("ListNotifications", pb.ListNotificationsRequest(page_size=500, page_token=token))
        found |= {one.notification_id for one in page.notifications}
        token = page.next_page_token
        if not token:
            return found


async def _acknowledge_some(house: House) -> None:
    """Every other one; the rest goes on to her telephone."""
    async with house.caller(0, "alice") as alice:
        for notification_id in house.urgent[::2]:
            await alice("AcknowledgeNotification", pb.AcknowledgeNotificationRequest(notification_id=notification_id))
            house.acknowledged.add(notification_id)


async def _gather(house: House) -> ToldEvidence:
    """Wait until everything has arrived, or for a while."""
    connection = await asyncpg.connect(house.postgres.url)
    try:
        # What a dead notifier had in its hands comes back when its lease ends: not waited for here.
        await connection.execute("UPDATE notification_deliveries SET due_at = now() WHERE state = 'SENDING'")
        await _wait_for(lambda: set(house.accepted.values()) <= {one for one, _ in mails(house)})
        await _wait_for(lambda: set(house.accepted.values()) <= house.seen)
        left = set(house.urgent) - house.acknowledged
        await _wait_for(lambda: _escalated(connection, left))
        told = await connection.fetch(_TOLD_BY_PHONE)
        rows = await connection.fetch(
            "SELECT notification_id, dedupe_key FROM notifications WHERE dedupe_key LIKE 'key-%' AND user_id = 'alice'"
        )
        others = await connection.fetch("SELECT notification_id FROM notifications WHERE user_id <> 'alice'")
        assert set(house.others.values()) <= {row["notification_id"] for row in others}
    finally:
        await connection.close()
    return ToldEvidence(
        accepted=dict(house.accepted),
        rows=[(row["notification_id"], row["dedupe_key"]) for row in rows],
        mails=mails(house),
        seen=set(house.seen),
        must_acknowledge=list(house.urgent),
        acknowledged=set(house.acknowledged),
        escalated={row["notification_id"] for row in told},
    )


async def _escalated(connection: asyncpg.Connection, left: set[str]) -> bool:
    return left <= {row["notification_id"] for row in await connection.fetch(_TOLD_BY_PHONE)}


async def _wait_for(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """What does not come in time is the evidence's business."""
    try:
        await eventually(condition, timeout=30, interval=0.3)
    except AssertionError:
        return


def mails(house: House) -> list[tuple[str, str]]:
    """Which notification each mail tells, and its own id; each looked at once, there are thousands."""
    for raw in house.mailbox.raw[len(house.mailed) :]:
        mail = message_from_bytes(raw)
        house.mailed.append((str(mail["X-Tradewinds-Notification"]), str(mail["Message-ID"])))
    return house.mailed


def _summary(house: House) -> str:
    return json.dumps(
        {
            "kept": len(house.accepted) + len(house.others),
            "mailed": len(house.mailed),
            "live": house.live_sent,
            "live_offered": house.live_offered,
            "live_offered_per_second": round(house.live_offered / SECONDS),
            "live_refused": dict(house.refused),
            "urgent": len(house.urgent),
            "acknowledged": len(house.acknowledged),
            "repeated_batches": house.repeated,
            "resyncs": house.resyncs,
        }
    )
