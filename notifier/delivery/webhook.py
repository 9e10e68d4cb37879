"""Signed webhooks, as Standard Webhooks says (https://www.standardwebhooks.com): the signature covers id, time and body.

A receiver repeats `base64(HMAC-SHA256(secret, "{webhook-id}.{webhook-timestamp}.{body}"))`, compares it with what follows `v1,` in
webhook-signature, and refuses old timestamps. A repetition has the same webhook-id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

import msgspec

from notifier.delivery.addresses import AddressGuard
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.http_answers import HttpCaller, of_status
from notifier.delivery.message import Attempt, Message


class SignedWebhook:
    """A `Provider` whose address every user chooses: hence the guard."""

    name = "webhook"

    def __init__(self, guard: AddressGuard, now: Callable[[], datetime]) -> None:
        self._http = HttpCaller(guard)
        self._now = now

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """POST it; 2xx is sent, 410 says that nobody listens any more."""
        body = msgspec.json.encode(_document(message))
        timestamp = str(int(self._now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "tradewinds-webhook/1",
            "webhook-id": message.delivery_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(endpoint.secrets.get("secret", ""), message.delivery_id, timestamp, body),
        }
        answer = await self._http.post(endpoint.address, body=body, headers=headers)
        return answer if isinstance(answer, Attempt) else of_status(*answer, gone=(410,))

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()


def signature(secret: str, identifier: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the signature."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()


def _document(message: Message) -> dict[str, object]:
    return {
        "type": message.type,
        "timestamp": message.created_at.isoformat(),
        "data": {
            "notification_id": message.notification_id,
            "severity": message.severity.name,
            "title": message.title,
            "message": message.body,
            "data": dict(message.data),
        },
    }
