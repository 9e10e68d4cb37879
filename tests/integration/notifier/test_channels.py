"""Each channel against a real counterpart, which takes, refuses, throttles, dawdles, cuts and answers nonsense."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from notifier.channels import Channel
from notifier.delivery import http_answers
from notifier.delivery.addresses import AddressGuard
from notifier.delivery.apprise_service import AppriseService
from notifier.delivery.email import MailServer, Smtp
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Attempt, Fate, Message, Provider
from notifier.delivery.receipts import Receipt
from notifier.delivery.sms import SmsAccount, TwilioSms
from notifier.delivery.telegram import TelegramBot
from notifier.delivery.web_push import WebPush
from notifier.delivery.webhook import SignedWebhook
from notifier.types import Severity
from tests.support.outside_world import Answer, Mailbox, Sink

HERE = AddressGuard([ip_network("127.0.0.0/8")])
CREATED = datetime.now(UTC)
MESSAGE = Message(
    delivery_id="dlv-1",
    notification_id="ntf-1",
    type="ORDER_REJECTED",
    severity=Severity.WARNING,
    title="SELL 10 TCS rejected – ₹",
    body="RMS: margin",
    data={"instrument": "NSE:TCS-EQ", "order_id": "ord-1"},
    created_at=CREATED,
    expires_at=CREATED + timedelta(hours=1),
)


@asynccontextmanager
async def closing(provider: Provider) -> AsyncIterator[Provider]:
    try:
        yield provider
    finally:
        await provider.close()


def endpoint(channel: Channel, address: str, **secrets: str) -> Endpoint:
    return Endpoint("nep-1", "alice", channel, address, secrets=secrets)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with Mailbox() as box:
        yield box


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as one:
        yield one


ALICE = endpoint(Channel.EMAIL, "alice@example.com")


def smtp(box: Mailbox) -> Smtp:
    return Smtp("local", MailServer("127.0.0.1", box.port, "Tradewinds <tradewinds@example.com>", tls="none"))


async def test_a_mail_arrives_whole_and_the_connection_is_kept(mailbox: Mailbox) -> None:
    async with closing(smtp(mailbox)) as provider:
        html = replace(MESSAGE, delivery_id="dlv-2", part={"html": "<b>rejected</b>", "subject": "Order"})
        first, second = await provider.send(MESSAGE, ALICE), await provider.send(html, ALICE)
    assert (first.fate, second.fate) == (Fate.SENT, Fate.SENT)
    assert first.provider_message_id == "<dlv-1@example.com>"
    plain, rich = mailbox.mails
    assert (plain["Subject"], plain["To"], plain["Message-ID"]) == (
        MESSAGE.title,
        "alice@example.com",
        "<dlv-1@example.com>",
    )
    assert "RMS: margin" in plain.get_content()
    assert "NSE:TCS-EQ" in plain.get_content()
    body = rich.get_body(("html",))
    assert body is not None
    assert body.get_content().strip() == "<b>rejected</b>"
    assert mailbox.connections == 1


@pytest.mark.parametrize(
    ("refusal", "fate"),
    [
        ("550 5.1.1 no such user", Fate.REFUSED),
        ("451 4.7.1 greylisted", Fate.PASSING),
        ("421 4.3.2 closing", Fate.PASSING),
        ("535 5.7.8 bad credentials", Fate.PASSING),
    ],
)
async def test_what_a_mail_server_says_is_classified(mailbox: Mailbox, refusal: str, fate: Fate) -> None:
    mailbox.refusals.append(refusal)
    async with closing(smtp(mailbox)) as provider:
        refused = await provider.send(MESSAGE, ALICE)
        assert refused.fate is fate
        assert refused.detail.startswith(f"SMTP {refusal[:3]}")
        assert (await provider.send(MESSAGE, ALICE)).fate is Fate.SENT


async def test_a_mail_server_that_is_away_passes_and_one_that_came_back_is_used(mailbox: Mailbox) -> None:
    async with closing(smtp(mailbox)) as provider:
        assert (await provider.send(MESSAGE, ALICE)).fate is Fate.SENT
        for client in provider._idle:  # type: ignore[attr-defined]
            client.transport.abort()
        assert (await provider.send(MESSAGE, ALICE)).fate is Fate.SENT
    async with closing(Smtp("away", MailServer("127.0.0.1", 9, "a@example.com", tls="none"))) as away:
        assert (await away.send(MESSAGE, ALICE)).fate is Fate.PASSING


PHONE = endpoint(Channel.SMS, "+919812345678")
ACCEPTED = Answer(201, {"sid": "SM1", "status": "queued"})


def for_an_hour() -> Message:
    """The message, with an hour left from now on: a test may run long after its module was read."""
    return replace(MESSAGE, expires_at=datetime.now(UTC) + timedelta(hours=1))


def twilio(sink: Sink, **fields: str) -> TwilioSms:
    return TwilioSms("local", SmsAccount(sink.url, "AC1", "token", **({"sender": "+15550100"} | fields)))


async def test_a_text_message_carries_what_the_dlt_platform_wants(sink: Sink) -> None:
    sink.usual = ACCEPTED
    async with closing(twilio(sink, entity_id="1101", template_id="1107")) as provider:
        sent = await provider.send(for_an_hour(), PHONE)
        await provider.send(replace(MESSAGE, part={"text": "as registered", "dlt_template_id": "1108"}), PHONE)
    assert sent == Attempt(Fate.SENT, "queued", provider_message_id="SM1")
    first, second = ({k: v[0] for k, v in parse_qs(call.body.decode()).items()} for call in sink.calls)
    assert sink.calls[0].path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert sink.calls[0].headers["authorization"] == "Basic " + base64.b64encode(b"AC1:token").decode()
    assert sink.calls[0].headers["i-twilio-idempotency-token"] == "dlv-1"
    assert (first["To"], first["From"], first["DltEntityId"], first["DltTemplateId"]) == (
        "+919812345678",
        "+15550100",
        "1101",
        "1107",
    )
    assert 3500 < int(first["ValidityPeriod"]) <= 3600
    assert (second["Body"], second["DltTemplateId"]) == ("as registered", "1108")


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Answer(400, {"code": 21211, "message": "invalid number"}), Fate.GONE),
        (Answer(400, {"code": 21610, "message": "unsubscribed"}), Fate.GONE),
        (Answer(400, {"code": 21617, "message": "too long"}), Fate.REFUSED),
        (Answer(401, {"code": 20003, "message": "authenticate"}), Fate.PASSING),
        (Answer(429, {"code": 20429}, {"Retry-After": "3"}), Fate.THROTTLED),
        (Answer(500, "oops"), Fate.PASSING),
        (Answer(200, "<html>welcome</html>"), Fate.PASSING),
        (Answer(cut=True), Fate.PASSING),
    ],
)
async def test_what_an_sms_gateway_says_is_classified(sink: Sink, answer: Answer, fate: Fate) -> None:
    sink.answers.append(answer)
    async with closing(twilio(sink)) as provider:
        assert (await provider.send(MESSAGE, PHONE)).fate is fate


@pytest.mark.parametrize(
    ("said", "receipt"),
    [
        ({"status": "delivered"}, Receipt(delivered=True, detail="delivered")),
        ({"status": "undelivered", "error_code": 30003}, Receipt(delivered=False, detail="undelivered 30003")),
        ({"status": "sent"}, None),
        ("oops", None),
    ],
)
async def test_a_gateway_tells_later_what_became_of_a_text_message(
    sink: Sink, said: Any, receipt: Receipt | None
) -> None:
    sink.answers.append(Answer(200, said))
    provider = twilio(sink)
    async with closing(provider):
        assert await provider.receipt("SM1") == receipt
    assert sink.calls[0].path == "/2010-04-01/Accounts/AC1/Messages/SM1.json"


CHAT = endpoint(Channel.TELEGRAM, "42")


async def test_a_chat_gets_plain_text(sink: Sink) -> None:
    sink.usual = Answer(200, {"ok": True, "result": {"message_id": 7}})
    async with closing(TelegramBot("local", sink.url, "1:T")) as provider:
        sent = await provider.send(replace(MESSAGE, body="<b>*not markup*</b>"), CHAT)
    assert (sent.fate, sent.provider_message_id) == (Fate.SENT, "7")
    assert sink.calls[0].path == "/bot1:T/sendMessage"
    said = sink.calls[0].json
    assert said["chat_id"] == "42"
    assert said["text"] == f"{MESSAGE.title}\n<b>*not markup*</b>"
    assert "parse_mode" not in said


@pytest.mark.parametrize(
    ("answer", "fate", "wish"),
    [
        (Answer(429, {"ok": False, "description": "Too Many", "parameters": {"retry_after": 14}}), Fate.THROTTLED, 14),
        (Answer(403, {"ok": False, "description": "bot was blocked by the user"}), Fate.GONE, None),
        (Answer(400, {"ok": False, "description": "Bad Request: chat not found"}), Fate.GONE, None),
        (Answer(400, {"ok": False, "description": "Bad Request: message is too long"}), Fate.REFUSED, None),
        (Answer(401, {"ok": False, "description": "Unauthorized"}), Fate.PASSING, None),
        (Answer(502, "bad gateway"), Fate.PASSING, None),
        (Answer(200, {"ok": True}), Fate.PASSING, None),
    ],
)
async def test_what_telegram_says_is_classified(sink: Sink, answer: Answer, fate: Fate, wish: float | None) -> None:
    sink.answers.append(answer)
    async with closing(TelegramBot("local", sink.url, "1:T")) as provider:
        said = await provider.send(MESSAGE, CHAT)
    assert (said.fate, said.retry_after_seconds) == (fate, wish)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_webhook_is_signed_so_that_its_receiver_can_check_it(sink: Sink) -> None:
    async with closing(SignedWebhook(HERE, now)) as provider:
        sent = await provider.send(MESSAGE, endpoint(Channel.WEBHOOK, f"{sink.url}/hook", secret="whsec"))
    assert sent.fate is Fate.SENT
    call = sink.calls[0]
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    expected = base64.b64encode(hmac.new(b"whsec", signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    assert call.headers["webhook-id"] == "dlv-1"
    assert call.json["data"]["data"] == MESSAGE.data


@pytest.mark.parametrize(
    ("answer", "fate"),
    [
        (Answer(302, "", {"Location": "http://169.254.169.254/"}), Fate.REFUSED),
        (Answer(410), Fate.GONE),
        (Answer(429, "", {"Retry-After": "2"}), Fate.THROTTLED),
        (Answer(500), Fate.PASSING),
        (Answer(200, "x" * 10_000_000), Fate.SENT),
        (Answer(cut=True), Fate.PASSING),
    ],
)
async def test_what_a_webhook_says_is_classified(sink: Sink, answer: Answer, fate: Fate) -> None:
    sink.answers.append(answer)
    async with closing(SignedWebhook(HERE, now)) as provider:
        said = await provider.send(MESSAGE, endpoint(Channel.WEBHOOK, f"{sink.url}/hook", secret="s"))
    assert said.fate is fate
    assert len(sink.calls) == 1, "redirects are not followed"


async def test_a_dawdling_receiver_is_given_up(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_answers, "CALL_SECONDS", 0.2)
    sink.answers.append(Answer(delay_seconds=5))
    async with closing(SignedWebhook(HERE, now)) as provider:
        assert (await provider.send(MESSAGE, endpoint(Channel.WEBHOOK, sink.url, secret="s"))).fate is Fate.PASSING


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"])
async def test_what_leads_into_the_house_is_not_called(sink: Sink, host: str) -> None:
    # It was public when the endpoint was made; now its name leads here, or an operator has closed the network.
    async with closing(SignedWebhook(AddressGuard(), now)) as provider:
        said = await provider.send(MESSAGE, endpoint(Channel.WEBHOOK, f"http://{host}:{sink.port}/", secret="s"))
    assert said.fate is Fate.REFUSED
    assert "public" in said.detail
    assert not sink.calls


class Browser:
    """What a browser keeps of its subscription."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)

    def subscription(self, url: str) -> Endpoint:
        raw = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return endpoint(Channel.WEB_PUSH, url, p256dh=_b64(raw), auth=_b64(self.auth))

    def decrypt(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def vapid_key() -> tuple[str, ec.EllipticCurvePublicKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _b64(key.private_numbers().private_value.to_bytes(32, "big")), key.public_key()


async def test_a_push_is_signed_by_us_and_read_by_the_browser_alone(sink: Sink) -> None:
    sink.usual = Answer(201, "", {"Location": "https://push.example.com/m/1"})
    browser, (private, public) = Browser(), vapid_key()
    async with closing(WebPush(private, "mailto:ops@example.com", HERE, now)) as provider:
        sent = await provider.send(for_an_hour(), browser.subscription(f"{sink.url}/push/1"))
    assert (sent.fate, sent.provider_message_id) == (Fate.SENT, "https://push.example.com/m/1")
    call = sink.calls[0]
    told = browser.decrypt(call.body)
    assert (told["title"], told["data"]["order_id"]) == (MESSAGE.title, "ord-1")
    token = call.headers["authorization"].split("t=")[1].split(",")[0]
    claims = jwt.decode(token, public, algorithms=["ES256"], audience=sink.url)
    assert claims["sub"] == "mailto:ops@example.com"
    assert claims["exp"] - now().timestamp() <= 24 * 3600
    assert 3500 < int(call.headers["ttl"]) <= 3600
    assert call.headers["urgency"] == "normal"
    assert len(call.headers["topic"]) <= 32


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (404, Fate.GONE),
        (410, Fate.GONE),
        (403, Fate.REFUSED),
        (413, Fate.REFUSED),
        (429, Fate.THROTTLED),
        (500, Fate.PASSING),
    ],
)
async def test_what_a_push_service_says_is_classified(sink: Sink, status: int, fate: Fate) -> None:
    sink.answers.append(Answer(status))
    async with closing(WebPush(vapid_key()[0], "mailto:ops@example.com", HERE, now)) as provider:
        assert (await provider.send(MESSAGE, Browser().subscription(f"{sink.url}/push/1"))).fate is fate


async def test_the_rest_goes_through_apprise(sink: Sink) -> None:
    sink.answers += [Answer(), Answer(500)]
    async with closing(AppriseService()) as provider:
        to = endpoint(Channel.APPRISE, "json://…", url=f"json://{sink.host}/")
        assert (await provider.send(MESSAGE, to)).fate is Fate.SENT
        assert (await provider.send(MESSAGE, to)).fate is Fate.PASSING
        nonsense = endpoint(Channel.APPRISE, "x://…", url="nonsense://")
        assert (await provider.send(MESSAGE, nonsense)).fate is Fate.REFUSED
    assert sink.calls[0].json["title"] == MESSAGE.title
