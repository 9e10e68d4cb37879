"""An endpoint is its owner's before anything but a code is sent there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc
import pytest

from tests.integration.notifier.conftest import Caller, environment
from tests.support.outside_world import Mailbox
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds.auth import OPERATOR
from tradewinds.v1 import notifier_pb2 as pb


@dataclass
class House:
    """A notifier that wants codes, and where they go."""

    process: ServiceProcess
    mailbox: Mailbox
    signing: Signing

    def caller(self, user: str, *roles: str) -> Caller:
        return Caller(self.process.facts["grpc"], self.signing, user, *roles)

    def code(self) -> str:
        """The last one that was mailed."""
        return str(self.mailbox.mails[-1]["Subject"]).rpartition(" ")[2]

    def recipients(self) -> list[str]:
        return [str(mail["To"]) for mail in self.mailbox.mails]


@pytest.fixture
async def house(database_url: str, redis_url: str, signing: Signing, tmp_path: Path) -> AsyncIterator[House]:
    async with Mailbox() as mailbox:
        variables = environment(database_url, redis_url, signing) | {
            "EMAIL_PROVIDERS": mailbox.url,
            "ENDPOINT_VERIFICATION": "true",
        }
        async with ServiceProcess("notifier", variables, tmp_path) as process:
            yield House(process, mailbox, signing)


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


def wanted(address: str, *, vouched: bool = False, user_id: str = "me") -> pb.CreateNotificationEndpointRequest:
    endpoint = pb.NotificationEndpoint(channel=pb.NOTIFICATION_CHANNEL_EMAIL, address=address)
    return pb.CreateNotificationEndpointRequest(user_id=user_id, endpoint=endpoint, skip_verification=vouched)


async def test_nothing_but_a_code_is_sent_before_it_was_said(house: House, database_url: str) -> None:
    async with (
        house.caller("alice") as alice,
        house.caller("mallory") as mallory,
        connected(database_url) as connection,
    ):
        added = await alice("CreateNotificationEndpoint", wanted("alice@example.com"))
        assert not added.HasField("verified_at")
        assert house.recipients() == ["alice@example.com"]
        # Both kinds: one that is sent at once, and one whose ladder begins.
        for type_ in ("ORDER_REJECTED", "ORDER_UNKNOWN"):
            await alice("SendNotification", pb.SendNotificationRequest(type=type_, title="early"))
        assert await connection.fetchval("SELECT count(*) FROM notification_deliveries") == 0

        def said(code: str, user_id: str = "me") -> pb.VerifyNotificationEndpointRequest:
            return pb.VerifyNotificationEndpointRequest(user_id=user_id, endpoint_id=added.endpoint_id, code=code)

        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await mallory("VerifyNotificationEndpoint", said(house.code()))
        with pytest.raises(grpc.aio.AioRpcError, match="is not what was sent there"):
            await alice("VerifyNotificationEndpoint", said("no"))
        verified = await alice("VerifyNotificationEndpoint", said(house.code()))
        assert verified.HasField("verified_at")
        assert (await alice("VerifyNotificationEndpoint", said("again"))).verified_at == verified.verified_at

        async def told() -> bool:
            # The notifier hears of its own change a moment later.
            await alice("SendNotification", pb.SendNotificationRequest(type="ORDER_REJECTED", title="now"))
            return len(house.mailbox.mails) == 2

        await eventually(told, timeout=20, interval=0.5)
        actions = [row["action"] for row in await connection.fetch("SELECT action FROM audit_log ORDER BY audit_id")]
        assert actions == ["notification_endpoint.create", "notification_endpoint.verify"]

        # A code cannot be guessed: after five wrong ones the right one is none any more.
        other = await alice("CreateNotificationEndpoint", wanted("second@example.com"))
        for _ in range(5):
            guess = pb.VerifyNotificationEndpointRequest(user_id="me", endpoint_id=other.endpoint_id, code="0")
            with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
                await alice("VerifyNotificationEndpoint", guess)
        await eventually(lambda: house.recipients()[-1] == "second@example.com", timeout=20)
        guess = pb.VerifyNotificationEndpointRequest(user_id="me", endpoint_id=other.endpoint_id, code=house.code())
        with pytest.raises(grpc.aio.AioRpcError, match="guessed wrong too often"):
            await alice("VerifyNotificationEndpoint", guess)


async def test_an_operator_vouches_and_a_code_that_is_not_taken_adds_nothing(house: House) -> None:
    async with house.caller("alice", "trader") as alice, house.caller("olga", OPERATOR, "trader") as olga:
        with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
            await alice("CreateNotificationEndpoint", wanted("alice@example.com", vouched=True))
        vouched = await olga("CreateNotificationEndpoint", wanted("bob@example.com", vouched=True, user_id="bob"))
        assert vouched.HasField("verified_at")
        assert house.mailbox.mails == []
        house.mailbox.refusals.append("550 5.1.1 no such user")
        with pytest.raises(grpc.aio.AioRpcError, match="no such user"):
            await alice("CreateNotificationEndpoint", wanted("nobody@example.com"))
        # Three times within an hour, whoever asks: an address is nobody's toy.
        for _ in range(2):
            await alice("CreateNotificationEndpoint", wanted("nobody@example.com"))
        with pytest.raises(grpc.aio.AioRpcError, match=r"too many codes .* try again in 60 min"):
            await olga("CreateNotificationEndpoint", wanted("nobody@example.com"))
        assert len(house.mailbox.mails) == 2
        listed = await alice("ListNotificationEndpoints", pb.ListNotificationEndpointsRequest(user_id="me"))
        assert [one.HasField("verified_at") for one in listed.endpoints] == [False, False]
