"""Sending to a real notifier: what is kept, what is told, and when."""

from __future__ import annotations

import asyncio
import statistics
import time

import asyncpg
import grpc
import pytest
from redis.asyncio import Redis

from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.sse import event_stream
from tradewinds import auth, redis_keys
from tradewinds.errors import from_rpc_error
from tradewinds.v1 import notifier_pb2 as pb

KEPT, LIVE = "ORDER_EXECUTED", "ORDER_PARTIALLY_FILLED"


def a_request(type_: str = KEPT, **fields: object) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(type=type_, title="10 RELIANCE bought", **fields)  # type: ignore[arg-type]


async def test_it_is_told_through_the_gateway_within_milliseconds(gateway: GatewayProcess, alice: Caller) -> None:
    took_ms = []
    async with event_stream(gateway.url, alice.header) as events:
        await events.comment()
        for number in range(30):
            began = time.perf_counter()
            sent = await alice("SendNotification", a_request(LIVE, data={"number": number}))
            event = await events.next()
            took_ms.append((time.perf_counter() - began) * 1000)
            assert event.name == "notification"
            assert event.data["notification_id"] == sent.notification_id
            assert event.data["data"] == {"number": number}
    # A bound that a busy machine keeps; the benchmark says what it really is.
    assert statistics.median(took_ms) < 25


async def test_the_row_is_there_although_the_notifier_dies_right_after_its_answer(
    own: ServiceProcess, signing: Signing, database_url: str
) -> None:
    async with Caller(own.facts["grpc"], signing, "alice") as alice:
        sent = await alice("SendNotification", a_request(data={"order_id": "o-1"}))
        await own.kill()
    connection = await asyncpg.connect(database_url)
    row = await connection.fetchrow("SELECT * FROM notifications")
    await connection.close()
    assert row is not None
    assert row["notification_id"] == sent.notification_id
    assert (row["user_id"], row["type"], row["severity"], row["data"]) == (
        "alice",
        KEPT,
        "INFO",
        '{"order_id": "o-1"}',
    )


@pytest.mark.parametrize(("type_", "persisted"), [(KEPT, True), (LIVE, False)])
async def test_a_dedupe_key_makes_one_of_many(alice: Caller, type_: str, persisted: bool) -> None:
    first = await alice("SendNotification", a_request(type_, dedupe_key="fill-1"))
    again = await alice("SendNotification", a_request(type_, dedupe_key="fill-1"))
    assert not first.duplicate
    assert (again.notification_id, again.duplicate, again.persisted) == (first.notification_id, True, persisted)


async def test_a_kept_ones_key_is_known_for_ever(alice: Caller, valkey_url: str) -> None:
    first = await alice("SendNotification", a_request(dedupe_key="fill-1"))
    async with Redis.from_url(valkey_url) as client:
        assert await client.delete(redis_keys.notification_dedupe(alice.user, "fill-1")) == 1
    again = await alice("SendNotification", a_request(dedupe_key="fill-1"))
    assert (again.notification_id, again.duplicate) == (first.notification_id, True)


async def test_a_thousand_at_once_are_kept_in_order(alice: Caller) -> None:
    requests = [pb.SendNotificationRequest(type=KEPT, title=str(number)) for number in range(1000)]
    sent = await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))
    assert len({response.notification_id for response in sent.responses}) == 1000
    titles, token = [], ""
    while True:
        page = await alice("ListNotifications", pb.ListNotificationsRequest(page_size=400, page_token=token))
        titles += [notification.title for notification in page.notifications]
        token = page.next_page_token
        if not token:
            break
    assert sorted(titles, key=int) == [str(number) for number in range(1000)]


async def test_the_list_is_newest_first_and_ones_own(shared: SharedNotifier, alice: Caller, signing: Signing) -> None:
    for title in ("first", "second"):
        await alice("SendNotification", pb.SendNotificationRequest(type="CUSTOM_NOTE", title=title))
    listed = await alice("ListNotifications", pb.ListNotificationsRequest())
    assert [notification.title for notification in listed.notifications] == ["second", "first"]
    assert all(n.user_id == alice.user and n.persisted for n in listed.notifications)
    async with Caller(shared.grpc, signing, "bob") as bob:
        assert not (await bob("ListNotifications", pb.ListNotificationsRequest())).notifications


async def test_reading_one_takes_it_out_of_the_unread(alice: Caller) -> None:
    sent = [await alice("SendNotification", a_request()) for _ in range(2)]
    request = pb.MarkNotificationReadRequest(notification_id=sent[0].notification_id)
    read = await alice("MarkNotificationRead", request)
    assert read.HasField("read_at")
    assert (await alice("MarkNotificationRead", request)).read_at == read.read_at
    unread = await alice("ListNotifications", pb.ListNotificationsRequest(unread_only=True))
    assert [notification.notification_id for notification in unread.notifications] == [sent[1].notification_id]


async def test_anothers_notification_is_not_found(shared: SharedNotifier, alice: Caller, signing: Signing) -> None:
    sent = await alice("SendNotification", a_request())
    async with Caller(shared.grpc, signing, "bob") as bob:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await bob("MarkNotificationRead", pb.MarkNotificationReadRequest(notification_id=sent.notification_id))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_service_tells_anybody_and_a_trader_only_herself(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> None:
    async with Caller(shared.grpc, signing, "engine-0", auth.SERVICE) as engine:
        await engine("SendNotification", a_request(user_id=alice.user))
    assert len((await alice("ListNotifications", pb.ListNotificationsRequest())).notifications) == 1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await alice("SendNotification", a_request(user_id="bob"))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_an_unknown_type_is_refused_with_the_near_ones(alice: Caller) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await alice("SendNotification", a_request("ORDER_EXECUTE"))
    error = from_rpc_error(refused.value)
    assert error.reason == "UNKNOWN_TYPE"
    assert "ORDER_EXECUTED" in error.message
    assert error.violations[0].field == "type"


async def test_facts_that_postgresql_cannot_keep_are_refused_by_name(alice: Caller) -> None:
    request = a_request(KEPT)
    request.data.update({"note": "a\x00b"})
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await alice("SendNotification", request)
    error = from_rpc_error(refused.value)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, error.message
    assert [one.field for one in error.violations] == ["data"]


async def test_settings_begin_with_the_defaults_and_take_effect_at_once(shared: SharedNotifier, alice: Caller) -> None:
    settings = await alice("GetNotificationSettings", pb.GetNotificationSettingsRequest(user_id="me"))
    assert settings == pb.NotificationSettings(
        user_id=alice.user, minimum_severity=pb.SEVERITY_INFO, grouping_seconds=60
    )
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        await alice("SendNotification", a_request())
        assert (await events.next()).data["type"] == KEPT
        muted = pb.NotificationSettings(muted_types=[KEPT], minimum_severity=pb.SEVERITY_INFO)
        await alice("UpdateNotificationSettings", pb.UpdateNotificationSettingsRequest(user_id="me", settings=muted))
        await alice("SendNotification", a_request())
        await alice("SendNotification", a_request("ORDER_REJECTED"))
        assert (await events.next()).data["type"] == "ORDER_REJECTED"
    # Muting is about being told: what is kept is kept.
    assert len((await alice("ListNotifications", pb.ListNotificationsRequest())).notifications) == 3


async def test_a_change_of_settings_is_recorded(shared: SharedNotifier, alice: Caller) -> None:
    settings = pb.NotificationSettings(minimum_severity=pb.SEVERITY_CRITICAL)
    await alice("UpdateNotificationSettings", pb.UpdateNotificationSettingsRequest(user_id="me", settings=settings))
    connection = await asyncpg.connect(shared.database_url)
    row = await connection.fetchrow("SELECT actor, action, after FROM audit_log WHERE subject_id = $1", alice.user)
    await connection.close()
    assert row is not None
    assert tuple(row)[:2] == (alice.user, "notification_settings.update")
    assert '"CRITICAL"' in row["after"]


async def test_a_call_under_the_same_id_gets_the_first_answer_and_sends_nothing(
    shared: SharedNotifier, alice: Caller
) -> None:
    request = pb.SendNotificationRequest(type="ORDER_EXECUTED", title="once", request_id="call-1")
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        first, again = [await alice("SendNotification", request) for _ in range(2)]
        assert again == first
        assert not first.duplicate
        other = pb.SendNotificationRequest(type="ORDER_EXECUTED", title="another", request_id="call-1")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await alice("SendNotification", other)
        assert from_rpc_error(refused.value).reason == "REQUEST_ID_REUSED"
        await alice("SendNotification", pb.SendNotificationRequest(type="ORDER_EXECUTED", title="last"))
        assert [(await events.next()).data["title"] for _ in range(2)] == ["once", "last"]
    with pytest.raises(grpc.aio.AioRpcError) as in_batch:
        await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=[request]))
    assert from_rpc_error(in_batch.value).violations[0].field == "requests[0].request_id"


async def test_parallel_sends_under_one_key_are_one(shared: SharedNotifier, alice: Caller) -> None:
    """At most one at a time: the others are told to try again, and get the first one's id then."""

    async def send(number: int) -> str:
        request = pb.SendNotificationRequest(type="ORDER_PARTIALLY_FILLED", title=str(number), dedupe_key="same")
        while True:
            try:
                return str((await alice("SendNotification", request)).notification_id)
            except grpc.aio.AioRpcError as e:
                if from_rpc_error(e).reason != "IN_PROGRESS":
                    raise
                await asyncio.sleep(0.01)

    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        assert len(set(await asyncio.gather(*map(send, range(20))))) == 1
        await alice("SendNotification", pb.SendNotificationRequest(type="ORDER_EXECUTED", title="last"))
        await events.next()
        assert (await events.next()).data["title"] == "last"
