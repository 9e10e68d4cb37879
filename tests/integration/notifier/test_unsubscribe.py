"""A mail program's one click, through the gateway: it needs no token of the receiver's, and becomes a rule of their settings."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import grpc
import httpx
import pytest

from tests.integration.notifier.conftest import Caller, environment
from tests.support.gateway_process import GatewayProcess
from tests.support.outside_world import Mailbox
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds.v1 import notifier_pb2 as pb

EMAIL = pb.NOTIFICATION_CHANNEL_EMAIL


async def test_one_click_in_a_mail_program_stops_mails_of_that_type(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    async with Mailbox() as mailbox:
        variables = environment(database_url, redis_url, signing) | {
            "EMAIL_PROVIDERS": mailbox.url,
            "PUBLIC_URL": "http://tradewinds.example.com",
            "SEAL_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        async with (
            ServiceProcess("notifier", variables, tmp_path) as process,
            GatewayProcess(
                tmp_path,
                signing.jwks_file,
                notifier=process.facts["grpc"],
                notifier_http=process.facts["http"],
            ) as gateway,
            Caller(process.facts["grpc"], signing, "alice") as alice,
            httpx.AsyncClient(base_url=gateway.url) as somebody,
        ):
            endpoint = pb.NotificationEndpoint(channel=EMAIL, address="alice@example.com")
            await alice(
                "CreateNotificationEndpoint", pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint)
            )
            for type_ in ("ORDER_UNKNOWN", "ORDER_REJECTED"):
                await alice("SendNotification", pb.SendNotificationRequest(type=type_, title=type_))
            await eventually(lambda: len(mailbox.mails) == 2, timeout=20)
            urgent, ordinary = sorted(mailbox.mails, key=lambda mail: str(mail["Subject"]), reverse=True)
            assert (urgent["List-Unsubscribe"], ordinary["List-Unsubscribe-Post"]) == (
                None,
                "List-Unsubscribe=One-Click",
            )
            link = "".join(str(ordinary["List-Unsubscribe"]).split()).strip("<>").removeprefix(variables["PUBLIC_URL"])

            page = await somebody.get(link)
            assert page.status_code == 200
            assert "Stop e-mails about orders rejected?" in page.text
            wrong = await somebody.post(link, data={"List-Unsubscribe": "no"})
            assert (wrong.status_code, wrong.json()["message"]) == (
                400,
                "List-Unsubscribe: is not One-Click; nothing was changed",
            )
            forged = await somebody.post(f"{link[:-6]}AAAAAA", data={"List-Unsubscribe": "One-Click"})
            assert forged.status_code == 400
            assert (await somebody.post(link, data={"List-Unsubscribe": "x" * 20_000})).status_code == 413
            read = pb.GetNotificationSettingsRequest(user_id="me")
            assert list((await alice("GetNotificationSettings", read)).rules) == []

            for _ in range(2):
                done = await somebody.post(link, data={"List-Unsubscribe": "One-Click"})
                assert (done.status_code, "Stopped" in done.text) == (200, True)
            (rule,) = (await alice("GetNotificationSettings", read)).rules
            assert (list(rule.types), list(rule.channels)) == (["ORDER_REJECTED"], [EMAIL])
            assert rule.action == pb.NOTIFICATION_ACTION_SUPPRESS

            # Nothing else of the gateway is open to somebody without a token.
            assert (await somebody.get("/v1/notifications")).status_code == 401
            with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
                await alice("GetNotificationSettings", pb.GetNotificationSettingsRequest(user_id="bob"))
