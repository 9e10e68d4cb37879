"""Price alerts as people use them: a real notifier, a real gateway, ticks in Valkey."""

from __future__ import annotations

from typing import Any

import asyncpg
import grpc
import httpx
import pytest

from tests.integration.alerts.market import FUTURE, RELIANCE, SBIN, Market
from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.support.gateway_process import GatewayProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.errors import TradewindsError, from_rpc_error
from tradewinds.v1 import notifier_pb2
from tradewinds.v1 import price_alert_pb2 as pb

SECONDS = 20.0
_IS_WATCHED = "SELECT 1 FROM market_subscriptions WHERE subscriber = 'price-alerts' AND instrument = $1"
UP, ABOVE = pb.PRICE_ALERT_CONDITION_CROSSES_UP, pb.PRICE_ALERT_CONDITION_ABOVE


def wanted(**fields: Any) -> pb.CreatePriceAlertRequest:
    values = {"instrument": "SBIN", "condition": UP, "threshold": "800", **fields}
    return pb.CreatePriceAlertRequest(price_alert=pb.PriceAlert(**values))


async def refused(caller: Caller, method: str, request: Any) -> TradewindsError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await caller(method, request)
    return from_rpc_error(error.value)


async def is_watched(shared: SharedNotifier, instrument: str) -> None:
    """The evaluator has it, and has asked the feed for it."""
    connection = await asyncpg.connect(shared.database_url)
    try:

        async def is_there() -> bool:
            return bool(await connection.fetchval(_IS_WATCHED, instrument))

        await eventually(is_there, timeout=SECONDS)
    finally:
        await connection.close()


async def fires_of(caller: Caller, alert_id: str = "-", count: int = 1) -> list[pb.PriceAlertFire]:
    async def are_there() -> list[pb.PriceAlertFire]:
        page = await caller("ListPriceAlertFires", pb.ListPriceAlertFiresRequest(alert_id=alert_id))
        return list(page.fires) if len(page.fires) >= count else []

    return await eventually(are_there, timeout=SECONDS)


async def test_an_alert_fires_into_the_inbox(shared: SharedNotifier, alice: Caller, market: Market) -> None:
    await market.tick(SBIN, 799)
    made = await alice("CreatePriceAlert", wanted(note="sell half"))
    assert (made.instrument, made.state, made.hysteresis) == (SBIN, pb.PRICE_ALERT_STATE_ACTIVE, "0.40")
    await is_watched(shared, SBIN)
    await market.tick(SBIN, 800.05)
    (fire,) = await fires_of(alice, made.alert_id)
    assert (fire.value, fire.level, fire.generation) == ("800.05", "800.00", 1)
    assert fire.snapshot["last_price"] == "800.05"

    async def inbox() -> list[notifier_pb2.Notification]:
        page = await alice("ListNotifications", notifier_pb2.ListNotificationsRequest())
        return list(page.notifications)

    (notification,) = await eventually(inbox, timeout=SECONDS)
    assert (notification.type, notification.title) == ("PRICE_ALERT", f"{SBIN}: price crosses up through ₹800.00")
    assert notification.data["alert_id"] == made.alert_id
    assert notification.message.endswith("sell half")
    after = await alice("GetPriceAlert", pb.GetPriceAlertRequest(alert_id=made.alert_id))
    assert (after.state, after.fire_count, after.generation) == (pb.PRICE_ALERT_STATE_TRIGGERED, 1, 2)


async def test_a_fire_is_told_in_the_words_and_the_language_of_its_template(
    shared: SharedNotifier, alice: Caller, market: Market
) -> None:
    schema = {"type": "object", "required": ["instrument", "value"]}
    contents = [
        notifier_pb2.TemplateContent(locale="en", title="{{ instrument }} is {{ value }}"),
        notifier_pb2.TemplateContent(locale="hi", title="{{ instrument }}: {{ value }} रुपये", message="{{ note }}"),
    ]
    for template_id, wants in (("plain", schema), ("greedy", {"type": "object", "required": ["colour"]})):
        template = notifier_pb2.AlertTemplate(template_id=template_id, contents=contents)
        template.parameters_schema.update(wants)
        await alice("CreateAlertTemplate", notifier_pb2.CreateAlertTemplateRequest(alert_template=template))
    speaks = notifier_pb2.NotificationSettings(locale="hi-IN")
    await alice(
        "UpdateNotificationSettings", notifier_pb2.UpdateNotificationSettingsRequest(user_id="me", settings=speaks)
    )
    for bad in ("unheard-of", "greedy"):
        error = await refused(alice, "CreatePriceAlert", wanted(template_id=bad))
        assert [violation.field for violation in error.violations] == ["price_alert.template_id"]
    await market.tick(SBIN, 799)
    made = await alice("CreatePriceAlert", wanted(template_id="plain", note="आधा बेचो"))
    assert made.template_id == "plain"
    await is_watched(shared, SBIN)
    await market.tick(SBIN, 800.05)

    async def inbox() -> list[notifier_pb2.Notification]:
        page = await alice("ListNotifications", notifier_pb2.ListNotificationsRequest())
        return list(page.notifications)

    (notification,) = await eventually(inbox, timeout=SECONDS)
    assert (notification.title, notification.message) == (f"{SBIN}: 800.05 रुपये", "आधा बेचो")


async def test_one_that_has_fired_is_armed_again_from_the_price_of_then(
    shared: SharedNotifier, alice: Caller, market: Market
) -> None:
    await market.tick(RELIANCE, 1500)
    made = await alice("CreatePriceAlert", wanted(instrument=RELIANCE, condition=ABOVE, threshold="1400"))
    await is_watched(shared, RELIANCE)
    await market.tick(RELIANCE, 1501)
    await fires_of(alice, made.alert_id)
    armed = await alice("RearmPriceAlert", pb.RearmPriceAlertRequest(alert_id=made.alert_id))
    assert (armed.state, armed.generation) == (pb.PRICE_ALERT_STATE_ACTIVE, 3)
    await is_watched(shared, RELIANCE)
    await market.tick(RELIANCE, 1502)
    assert [fire.generation for fire in await fires_of(alice, made.alert_id, 2)] == [3, 1]


async def test_a_snoozed_alert_keeps_quiet_and_is_woken(shared: SharedNotifier, alice: Caller, market: Market) -> None:
    made = await alice("CreatePriceAlert", wanted(condition=ABOVE, threshold="900"))
    await alice("SnoozePriceAlert", pb.SnoozePriceAlertRequest(alert_id=made.alert_id, duration_seconds=3600))
    other = await alice("CreatePriceAlert", wanted(condition=ABOVE, threshold="900"))
    await is_watched(shared, SBIN)
    await market.tick(SBIN, 900)
    await fires_of(alice, other.alert_id)
    woken = await alice("SnoozePriceAlert", pb.SnoozePriceAlertRequest(alert_id=made.alert_id))
    assert not woken.HasField("snoozed_until")

    async def fires_at_last() -> list[pb.PriceAlertFire]:
        await market.tick(SBIN, 901)
        page = await alice("ListPriceAlertFires", pb.ListPriceAlertFiresRequest(alert_id=made.alert_id))
        return list(page.fires)

    (fire,) = await eventually(fires_at_last, timeout=SECONDS, interval=0.1)
    assert fire.value == "901.00"


async def test_an_update_changes_what_is_named(alice: Caller, market: Market) -> None:
    made = await alice("CreatePriceAlert", wanted(note="x"))
    request = pb.UpdatePriceAlertRequest(alert_id=made.alert_id, price_alert=pb.PriceAlert(threshold="850", note="y"))
    request.update_mask.paths.append("note")
    noted = await alice("UpdatePriceAlert", request)
    assert (noted.note, noted.threshold, noted.generation) == ("y", "800.00", 1)
    request.ClearField("update_mask")
    moved = await alice("UpdatePriceAlert", request)
    assert (moved.threshold, moved.generation) == ("850.00", 2)
    channel = pb.PriceAlert(condition=pb.PRICE_ALERT_CONDITION_LEAVES_CHANNEL, lower="790", upper="810")
    other = await alice("UpdatePriceAlert", pb.UpdatePriceAlertRequest(alert_id=made.alert_id, price_alert=channel))
    assert (other.threshold, other.lower, other.upper, other.generation) == ("", "790.00", "810.00", 3)
    bad = pb.UpdatePriceAlertRequest(
        alert_id=made.alert_id, price_alert=pb.PriceAlert(state=pb.PRICE_ALERT_STATE_ACTIVE)
    )
    bad.update_mask.paths.append("state")
    assert (await refused(alice, "UpdatePriceAlert", bad)).violations[0].field == "update_mask"


async def test_a_deleted_alert_is_gone(alice: Caller, market: Market) -> None:
    made = await alice("CreatePriceAlert", wanted())
    await alice("DeletePriceAlert", pb.DeletePriceAlertRequest(alert_id=made.alert_id))
    error = await refused(alice, "GetPriceAlert", pb.GetPriceAlertRequest(alert_id=made.alert_id))
    assert error.reason == "NOT_FOUND"
    assert not (await alice("ListPriceAlerts", pb.ListPriceAlertsRequest())).price_alerts


async def test_alerts_are_listed_newest_first_in_pages_and_filtered(alice: Caller, market: Market) -> None:
    made = [await alice("CreatePriceAlert", wanted(threshold=str(900 + n))) for n in range(3)]
    made.append(await alice("CreatePriceAlert", wanted(instrument=FUTURE)))
    first = await alice("ListPriceAlerts", pb.ListPriceAlertsRequest(page_size=3))
    second = await alice("ListPriceAlerts", pb.ListPriceAlertsRequest(page_size=3, page_token=first.next_page_token))
    found = [alert.alert_id for alert in (*first.price_alerts, *second.price_alerts)]
    assert found == [alert.alert_id for alert in reversed(made)]
    assert not second.next_page_token
    of_future = await alice("ListPriceAlerts", pb.ListPriceAlertsRequest(instrument=FUTURE))
    assert [alert.alert_id for alert in of_future.price_alerts] == [made[3].alert_id]


async def test_another_users_alert_is_not_found(
    shared: SharedNotifier, alice: Caller, signing: Signing, market: Market
) -> None:
    made = await alice("CreatePriceAlert", wanted())
    async with Caller(shared.grpc, signing, "mallory") as mallory:
        for method, request in (
            ("GetPriceAlert", pb.GetPriceAlertRequest(alert_id=made.alert_id)),
            ("DeletePriceAlert", pb.DeletePriceAlertRequest(alert_id=made.alert_id)),
            ("SnoozePriceAlert", pb.SnoozePriceAlertRequest(alert_id=made.alert_id)),
            ("RearmPriceAlert", pb.RearmPriceAlertRequest(alert_id=made.alert_id)),
            ("UpdatePriceAlert", pb.UpdatePriceAlertRequest(alert_id=made.alert_id)),
            ("ListPriceAlerts", pb.ListPriceAlertsRequest(user_id=alice.user)),
        ):
            assert (await refused(mallory, method, request)).reason == "NOT_FOUND"
        page = await mallory("ListPriceAlertFires", pb.ListPriceAlertFiresRequest(alert_id=made.alert_id))
        assert not page.fires
    async with Caller(shared.grpc, signing, "ops", auth.OPERATOR) as operator:
        listed = await operator("ListPriceAlerts", pb.ListPriceAlertsRequest(user_id=alice.user))
        assert [alert.alert_id for alert in listed.price_alerts] == [made.alert_id]


async def test_a_request_id_makes_one(alice: Caller, market: Market) -> None:
    request = wanted()
    request.request_id = "r-1"
    first, again = await alice("CreatePriceAlert", request), await alice("CreatePriceAlert", request)
    assert first.alert_id == again.alert_id
    request.price_alert.threshold = "801"
    assert (await refused(alice, "CreatePriceAlert", request)).reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("fields", "field", "remedy"),
    [
        ({"instrument": "SBINN"}, "price_alert.instrument", "search with GET /v1/instruments:search"),
        ({"instrument": ""}, "price_alert.instrument", "such as NSE:SBIN-EQ"),
        ({"condition": 0}, "price_alert.condition", "give one of ABOVE, BELOW"),
        ({"threshold": "much"}, "price_alert.threshold", "give rupees such as 1400.05"),
        (
            {"instrument": FUTURE, "condition": 8, "threshold": "", "percent": "1", "reference": 2},
            "price_alert.reference",
            "reference_price",
        ),
    ],
)
async def test_bad_input_names_the_field_and_the_remedy(
    alice: Caller, market: Market, fields: dict[str, Any], field: str, remedy: str
) -> None:
    error = await refused(alice, "CreatePriceAlert", wanted(**fields))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.violations[0].field == field
    assert remedy in error.violations[0].description


async def test_the_same_over_rest(gateway: GatewayProcess, alice: Caller, market: Market) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, headers=dict(alice.header), timeout=20) as rest:
        alert = {"instrument": "SBIN", "condition": "PRICE_ALERT_CONDITION_ABOVE", "threshold": "999.5"}
        made = (await rest.post("/v1/price-alerts", json=alert, headers={"idempotency-key": "k-1"})).json()
        assert made["threshold"] == "999.50"
        path = f"/v1/price-alerts/{made['alert_id']}"
        assert (await rest.patch(path, json={"note": "hold"})).json()["note"] == "hold"
        masked = await rest.patch(f"{path}?update_mask=threshold", json={"threshold": "998", "note": "not this"})
        assert (masked.json()["threshold"], masked.json()["note"]) == ("998.00", "hold")
        assert "snoozed_until" in (await rest.post(f"{path}:snooze", json={"duration_seconds": 60})).json()
        assert (await rest.get(f"{path}/fires")).json()["fires"] == []
        unknown = await rest.post("/v1/price-alerts", json={**alert, "treshold": "1"})
        assert unknown.status_code == 400
        assert (await rest.delete(path)).status_code == 200
        assert (await rest.get(path)).status_code == 404
