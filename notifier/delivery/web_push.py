"""Web push: encrypted for the browser (RFC 8291), signed by us (VAPID, RFC 8292)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from py_vapid import Vapid02
from pywebpush import WebPusher

from notifier.delivery.addresses import AddressGuard
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.http_answers import HttpCaller, of_status
from notifier.delivery.message import Attempt, Message
from notifier.delivery.wording import push_payload
from notifier.types import Severity

# RFC 8292 §2: at most 24 hours; push services with a clock of their own want less.
_CLAIM_LIFETIME: Final = timedelta(hours=12)
_TOPIC_CHARACTERS: Final = 32
_URGENCY: Final = {Severity.INFO: "low", Severity.WARNING: "normal", Severity.CRITICAL: "high"}


class WebPush:
    """A `Provider`. The push service is named by the browser, which is the user's: hence the guard."""

    name = "web-push"

    def __init__(self, private_key: str, subject: str, guard: AddressGuard, now: Callable[[], datetime]) -> None:
        self._vapid = Vapid02.from_string(private_key)
        self._subject = subject
        self._http = HttpCaller(guard)
        self._now = now

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """One message to one browser; 404 and 410 say that its subscription is over."""
        subscription = {"endpoint": endpoint.address, "keys": dict(endpoint.secrets)}
        payload = json.dumps(push_payload(message)).encode()
        encrypted = WebPusher(subscription).encode(payload, content_encoding="aes128gcm")
        answer = await self._http.post(
            endpoint.address, body=encrypted["body"], headers=self._headers(message, endpoint)
        )
        if isinstance(answer, Attempt):
            return answer
        status, headers, text = answer
        attempt = of_status(status, headers, text, gone=(404, 410))
        return Attempt(
            attempt.fate,
            attempt.detail,
            provider_message_id=headers.get("Location", "") if 200 <= status < 300 else "",
            retry_after_seconds=attempt.retry_after_seconds,
        )

    def _headers(self, message: Message, endpoint: Endpoint) -> dict[str, str]:
        now, parts = self._now(), urlsplit(endpoint.address)
        claims = {
            "sub": self._subject,
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((now + _CLAIM_LIFETIME).timestamp()),
        }
        left = int((message.expires_at - now).total_seconds())
        topic = hashlib.sha256(message.delivery_id.encode()).hexdigest()[:_TOPIC_CHARACTERS]
        return {
            **self._vapid.sign(claims),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(max(left, 0)),
            "Urgency": _URGENCY[message.severity],
            # A repetition replaces the one that still waits for the browser.
            "Topic": topic,
        }

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()
