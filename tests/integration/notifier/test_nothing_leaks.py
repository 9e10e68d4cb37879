"""Canaries: addresses, numbers, chats, tokens and what messages say are in no log, metric or error, however providers fail."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.notifier.conftest import Caller, environment
from tests.support.outside_world import Answer, Mailbox, Sink
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds.v1 import notifier_pb2 as pb

MAIL, NUMBER, CHAT = "canary.mail@example.com", "+919876500099", "7007007007"
BOT_TOKEN, SMS_TOKEN, SMTP_PASSWORD = "CANARYBOTTOKEN", "canary-sms-token", "canary-smtp-password"
HOOK, PUSH, SLACK = "canary-hook-path", "canary-push-path", "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
TITLE, BODY = "canary title: sold 10 TCS", "canary body: loss of 5 rupees"
CANARIES = (
    MAIL, NUMBER, NUMBER[1:], CHAT, BOT_TOKEN, SMS_TOKEN, SMTP_PASSWORD, HOOK, PUSH, *SLACK.split("/"), "canary title", "canary body",
)  # fmt: skip
CHANNELS = 6


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _endpoints(sink: Sink) -> list[pb.NotificationEndpoint]:
    browser = ec.generate_private_key(ec.SECP256R1()).public_key()
    p256dh = _b64(browser.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    return [
        pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_EMAIL, address=MAIL),
        pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_SMS, address=NUMBER),
        pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_TELEGRAM, address=CHAT),
        pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_WEBHOOK, address=f"{sink.url}/{HOOK}"),
        pb.NotificationEndpoint(
            channel=pb.NOTIFICATION_CHANNEL_WEB_PUSH,
            address=f"{sink.url}/{PUSH}",
            p256dh=p256dh,
            auth=_b64(secrets.token_bytes(16)),
        ),
        pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_APPRISE, address=f"slack://{SLACK}"),
    ]


# What a provider that fails says: it repeats what it was given, hangs up in the middle, or says nothing that can be read.
FAILURES = {
    "echo": Answer(400, {"message": f"{NUMBER} {CHAT} {TITLE} {BODY} {BOT_TOKEN}", "description": f"{CHAT}: {BODY}"}),
    "broken": Answer(500, f"<html>{MAIL} {BODY}</html>"),
    "cut": Answer(cut=True),
    "nonsense": Answer(302, "", {"Location": f"http://127.0.0.1:9/{HOOK}"}),
}


async def test_no_canary_is_heard_however_providers_fail(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    vapid = _b64(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big"))
    async with Sink() as sink, Mailbox() as mailbox:
        variables = environment(database_url, redis_url, signing) | {
            "LOG_LEVEL": "DEBUG",
            "EMAIL_PROVIDERS": f"smtp://u:{SMTP_PASSWORD}@127.0.0.1:9?from=t@example.com&tls=none {mailbox.url}",
            "SMS_PROVIDERS": f"twilio://AC1:{SMS_TOKEN}@{sink.host}?from=%2B15550100&scheme=http",
            "TELEGRAM_PROVIDERS": f"telegram://123456:{BOT_TOKEN}@{sink.host}?scheme=http",
            "VAPID_PRIVATE_KEY": vapid,
            "VAPID_SUBJECT": "mailto:t@example.com",
            "WEBHOOK_NETWORKS": "127.0.0.0/8",
            "SEAL_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "PHONE_CONTROL": "true",
            "ENGINE_ADDRESS": "127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",  # so that nothing of Apprise leaves this machine
        }
        async with (
            ServiceProcess("notifier", variables, tmp_path) as process,
            Caller(process.facts["grpc"], signing, "alice") as alice,
        ):
            errors = await _refusals(alice)
            for endpoint in _endpoints(sink):
                await alice(
                    "CreateNotificationEndpoint", pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
                )
            await _ungrouped(alice)
            mailbox.refusals += [f"550 5.1.1 <{MAIL}> {BODY}", f"451 4.7.1 <{MAIL}> greylisted"]
            for number, answer in enumerate(FAILURES.values(), start=1):
                sink.usual = answer
                await alice(
                    "SendNotification", pb.SendNotificationRequest(type="ORDER_REJECTED", title=TITLE, message=BODY)
                )
                await eventually(_attempted(alice, number), timeout=30)
            async with httpx.AsyncClient() as client:
                metrics = (await client.get(f"http://{process.facts['metrics']}/metrics")).text
            await process.stop()
        assert 'channel="APPRISE"' in metrics
        assert "notifier.phone" in process.log()
        for where, said in (("log", process.log()), ("metrics", metrics), ("errors", "\n".join(errors))):
            heard = [canary for canary in CANARIES if canary in said]
            assert heard == [], (where, [line for line in said.splitlines() if any(one in line for one in heard)][:3])


async def _ungrouped(alice: Caller) -> None:
    settings = pb.NotificationSettings(grouping_seconds=0)
    await alice("UpdateNotificationSettings", pb.UpdateNotificationSettingsRequest(user_id="me", settings=settings))


def _attempted(alice: Caller, notifications: int) -> Callable[[], object]:
    """Every delivery so far was tried, whatever came of it."""

    async def attempted() -> bool:
        listed = await alice("ListNotificationDeliveries", pb.ListNotificationDeliveriesRequest(page_size=200))
        tried = [one for one in listed.deliveries if one.detail or one.state == "SENT"]
        return len(tried) == len(listed.deliveries) == notifications * CHANNELS

    return attempted


async def _refusals(alice: Caller) -> list[str]:
    """What is said of addresses that are none."""
    said = []
    for channel, address in (
        (pb.NOTIFICATION_CHANNEL_EMAIL, f"{MAIL}>"),
        (pb.NOTIFICATION_CHANNEL_SMS, f"00{NUMBER}"),
        (pb.NOTIFICATION_CHANNEL_TELEGRAM, f"chat {CHAT}"),
        (pb.NOTIFICATION_CHANNEL_WEBHOOK, f"http://example.com/{HOOK}"),
        (pb.NOTIFICATION_CHANNEL_APPRISE, f"json://{SLACK}"),
    ):
        endpoint = pb.NotificationEndpoint(channel=channel, address=address)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await alice(
                "CreateNotificationEndpoint", pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
            )
        said.append(str(refused.value.details()))
    return said
