"""The inbox, the settings and the record of decisions, on a real notifier."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import asyncpg
import grpc
import httpx
import pytest
from google.protobuf import timestamp_pb2

from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.support.gateway_process import GatewayProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tests.unit.notifier.test_settings_messages import FULL, message
from tradewinds import auth
from tradewinds.clock import ist
from tradewinds.errors import from_rpc_error
from tradewinds.v1 import notifier_pb2 as pb

EMAIL, SMS, WEBHOOK = (
    pb.NOTIFICATION_CHANNEL_EMAIL,
    pb.NOTIFICATION_CHANNEL_SMS,
    pb.NOTIFICATION_CHANNEL_WEBHOOK,
)


async def sent(alice: Caller, type_: str = "ORDER_EXECUTED", **fields: object) -> str:
    request = pb.SendNotificationRequest(type=type_, title="10 RELIANCE bought", **fields)  # type: ignore[arg-type]
    return str((await alice("SendNotification", request)).notification_id)


async def listed(alice: Caller, **fields: object) -> list[str]:
    page = await alice("ListNotifications", pb.ListNotificationsRequest(**fields))  # type: ignore[arg-type]
    return [one.notification_id for one in page.notifications]


async def set_up(alice: Caller, channel: int, address: str) -> pb.NotificationEndpoint:
    endpoint = pb.NotificationEndpoint(channel=channel, address=address)  # type: ignore[arg-type]
    request = pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
    created: pb.NotificationEndpoint = await alice("CreateNotificationEndpoint", request)
    return created


async def settings(alice: Caller, wanted: pb.NotificationSettings) -> pb.NotificationSettings:
    request = pb.UpdateNotificationSettingsRequest(user_id="me", settings=wanted)
    changed: pb.NotificationSettings = await alice("UpdateNotificationSettings", request)
    return changed


async def explained(alice: Caller, notification_id: str) -> dict[str, pb.ChannelDecision]:
    answer = await alice("ExplainNotification", pb.ExplainNotificationRequest(notification_id=notification_id))
    return {pb.NotificationChannel.Name(d.channel).removeprefix("NOTIFICATION_CHANNEL_"): d for d in answer.decisions}


async def test_the_list_is_filtered(alice: Caller) -> None:
    fill, rejected, unknown = [await sent(alice, t) for t in ("ORDER_EXECUTED", "ORDER_REJECTED", "ORDER_UNKNOWN")]
    assert await listed(alice, types=["ORDER_REJECTED", "ORDER_EXECUTED"]) == [rejected, fill]
    assert await listed(alice, minimum_severity=pb.SEVERITY_WARNING) == [unknown, rejected]
    assert await listed(alice, unacknowledged_only=True) == [unknown]
    later = timestamp_pb2.Timestamp()
    later.FromDatetime(datetime.now(UTC) + timedelta(minutes=1))
    assert await listed(alice, since=later) == []
    assert len(await listed(alice, until=later)) == 3


async def test_reading_all_and_counting(alice: Caller) -> None:
    for type_ in ("ORDER_EXECUTED", "ORDER_UNKNOWN"):
        await sent(alice, type_)
    count = await alice("CountUnreadNotifications", pb.CountUnreadNotificationsRequest())
    assert (count.count, count.unacknowledged) == (2, 1)
    assert (await alice("MarkAllNotificationsRead", pb.MarkAllNotificationsReadRequest())).count == 2
    assert (await alice("MarkAllNotificationsRead", pb.MarkAllNotificationsReadRequest())).count == 0
    count = await alice("CountUnreadNotifications", pb.CountUnreadNotificationsRequest())
    # Reading is not acknowledging.
    assert (count.count, count.unacknowledged) == (0, 1)


async def test_acknowledging_ends_the_escalation_and_the_first_who_did_stays(
    shared: SharedNotifier, alice: Caller
) -> None:
    unknown = await sent(alice, "ORDER_UNKNOWN")
    request = pb.AcknowledgeNotificationRequest(notification_id=unknown)
    first = await alice("AcknowledgeNotification", request)
    assert (first.must_acknowledge, first.acknowledged_by) == (True, alice.user)
    assert first.HasField("read_at")
    assert (await alice("AcknowledgeNotification", request)).acknowledged_at == first.acknowledged_at
    connection = await asyncpg.connect(shared.database_url)
    state = await connection.fetchval("SELECT state FROM notification_escalations WHERE notification_id = $1", unknown)
    await connection.close()
    assert state == "ACKNOWLEDGED"
    assert await listed(alice, unacknowledged_only=True) == []


async def test_anothers_is_neither_acknowledged_nor_explained(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> None:
    unknown = await sent(alice, "ORDER_UNKNOWN")
    async with Caller(shared.grpc, signing, f"bob-{secrets.token_hex(4)}") as bob:
        for method, request in (
            ("AcknowledgeNotification", pb.AcknowledgeNotificationRequest(notification_id=unknown)),
            ("ExplainNotification", pb.ExplainNotificationRequest(notification_id=unknown)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await bob(method, request)
            assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    async with Caller(shared.grpc, signing, "olga", auth.OPERATOR) as olga:
        assert await explained(olga, unknown)


async def test_full_settings_come_back_after_they_were_stored(alice: Caller) -> None:
    wanted = message(**FULL)
    changed = await settings(alice, wanted)
    again = await alice("GetNotificationSettings", pb.GetNotificationSettingsRequest(user_id="me"))
    assert again == changed
    assert again.quiet_hours == wanted.quiet_hours


async def test_a_notification_and_its_deliveries_are_there_together_and_explained(alice: Caller) -> None:
    nothing = await explained(alice, await sent(alice))
    assert {d.reason for d in nothing.values()} == {"DEFAULT", "NO_ENDPOINT"}
    await set_up(alice, EMAIL, "alice@example.com")
    await set_up(alice, SMS, "+919812345678")
    digest_orders = pb.NotificationRule(types=["ORDER_*"], channels=[SMS], action=pb.NOTIFICATION_ACTION_DIGEST)
    await settings(alice, pb.NotificationSettings(rules=[digest_orders], muted_instruments=["NSE:TCS-EQ"]))
    decisions = await explained(alice, await sent(alice))
    assert (decisions["EMAIL"].reason, decisions["SMS"].reason) == ("DEFAULT", "RULE")
    assert decisions["EMAIL"].delivery.delivery_id
    assert decisions["SMS"].action == pb.NOTIFICATION_ACTION_DIGEST
    assert decisions["SMS"].delivery.state == "GATHERING"
    assert decisions["SMS"].delivery.due_at == decisions["SMS"].until
    assert decisions["LIVE"].action == pb.NOTIFICATION_ACTION_SEND
    assert decisions["TELEGRAM"].reason == "NO_ENDPOINT"
    muted = await explained(alice, await sent(alice, data={"instrument": "NSE:TCS-EQ"}))
    assert {muted[channel].reason for channel in ("LIVE", "EMAIL", "SMS")} == {"INSTRUMENT_MUTED"}


async def test_a_repeated_send_makes_no_second_delivery(alice: Caller) -> None:
    await set_up(alice, EMAIL, "alice@example.com")
    first, again = [await sent(alice, "ORDER_REJECTED", dedupe_key="ord-1") for _ in range(2)]
    assert first == again
    page = await alice("ListNotificationDeliveries", pb.ListNotificationDeliveriesRequest())
    assert [one.notification_id for one in page.deliveries] == [first]


async def test_a_storm_is_one_message_and_a_digest(alice: Caller, shared: SharedNotifier) -> None:
    await set_up(alice, EMAIL, "alice@example.com")
    requests = [pb.SendNotificationRequest(type="ORDER_REJECTED", title=str(n)) for n in range(50)]
    await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))
    await asyncio.gather(*(sent(alice, "ORDER_REJECTED") for _ in range(20)))
    connection = await asyncpg.connect(shared.database_url)
    rows = await connection.fetch(
        "SELECT reason, count(*) FROM notification_deliveries WHERE user_id = $1 GROUP BY 1", alice.user
    )
    await connection.close()
    assert {row[0]: row[1] for row in rows} == {"DEFAULT": 1, "GROUPED": 69}


async def test_changed_quiet_hours_hold_for_what_waits_already(alice: Caller) -> None:
    await set_up(alice, EMAIL, "alice@example.com")
    now = ist(datetime.now(UTC))
    later = now + timedelta(days=1)
    # Today and tomorrow whole; then today alone.
    days = [sorted({now.isoweekday(), later.isoweekday()}), [now.isoweekday()]]
    until: list[datetime] = []
    for weekdays in days:
        window = pb.QuietWindow(weekdays=weekdays, start="00:00", end="24:00")
        quiet = pb.QuietHours(time_zone="Asia/Kolkata", windows=[window])
        await settings(alice, pb.NotificationSettings(quiet_hours=quiet))
        if not until:
            held = await sent(alice)
        delivery = (await explained(alice, held))["EMAIL"].delivery
        assert delivery.state == "GATHERING"
        until.append(delivery.due_at.ToDatetime(tzinfo=UTC))
    assert timedelta(hours=23) < until[0] - until[1] < timedelta(hours=25)
    await settings(alice, pb.NotificationSettings())

    async def is_let_go() -> bool:
        return (await explained(alice, held))["EMAIL"].delivery.state != "GATHERING"

    await eventually(is_let_go)


async def test_endpoints_are_added_shown_without_their_secrets_and_removed(alice: Caller) -> None:
    created = await set_up(alice, EMAIL, "alice@example.com")
    found = await alice("ListNotificationEndpoints", pb.ListNotificationEndpointsRequest(user_id="me"))
    assert [e.address for e in found.endpoints] == ["alice@example.com"]
    delivery = (await explained(alice, await sent(alice)))["EMAIL"].delivery
    request = pb.DeleteNotificationEndpointRequest(user_id="me", endpoint_id=created.endpoint_id)
    await alice("DeleteNotificationEndpoint", request)
    assert not (await alice("ListNotificationEndpoints", pb.ListNotificationEndpointsRequest(user_id="me"))).endpoints
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await alice("DeleteNotificationEndpoint", request)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert delivery.endpoint_id == created.endpoint_id


@pytest.mark.parametrize("address", ["https://127.0.0.1/hook", "https://[::1]/hook", "http://example.com/hook"])
async def test_a_webhook_into_the_house_is_refused(alice: Caller, address: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await set_up(alice, WEBHOOK, address)
    assert from_rpc_error(refused.value).violations[0].field == "endpoint.address"


async def test_the_inbox_is_there_over_rest(gateway: GatewayProcess, alice: Caller) -> None:
    unknown = await sent(alice, "ORDER_UNKNOWN")
    async with httpx.AsyncClient(base_url=gateway.url, headers=dict(alice.header)) as rest:
        count = (await rest.get("/v1/notifications:countUnread")).json()
        assert (count["count"], count["unacknowledged"]) == ("1", "1")
        why = (await rest.get(f"/v1/notifications/{unknown}:explain")).json()
        assert why["decisions"][0]["reason"] == "MUST_ACKNOWLEDGE"
        done = (await rest.post(f"/v1/notifications/{unknown}:acknowledge", json={})).json()
        assert done["acknowledged_by"] == alice.user
        assert (await rest.post("/v1/notifications:readAll", json={})).json()["count"] == "0"
        wanted = {"quiet_hours": FULL["quiet_hours"]}
        changed = await rest.put("/v1/notification-settings/me", json=wanted)
        assert changed.json()["quiet_hours"]["windows"][0]["end"] == "24:00"
        created = await rest.post(
            "/v1/notification-settings/me/endpoints",
            json={"channel": "NOTIFICATION_CHANNEL_EMAIL", "address": "alice@example.com"},
        )
        path = f"/v1/notification-settings/me/endpoints/{created.json()['endpoint_id']}"
        assert (await rest.delete(path)).status_code == 200
