"""Where a channel of one user leads to, and what makes an address acceptable."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from notifier.channels import EXTERNAL, Channel
from notifier.delivery.addresses import AddressGuard
from tradewinds.errors import InvalidArgumentError

MAXIMUM_LABEL: Final = 100
MAXIMUM_ENDPOINTS: Final = 20
_SECRET_BYTES: Final = 32
_EMAIL: Final = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_CHAT: Final = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{5,32}")
_URL_SCHEME: Final = re.compile(r"([a-z][a-z0-9]*)://\S+")
# Services whose host is their own: an Apprise URL of another kind names any host, a private one too.
APPRISE_SERVICES: Final = frozenset(
    {
        "discord",
        "slack",
        "gchat",
        "msteams",
        "workflow",
        "workflows",
        "pover",
        "pbul",
        "pagerduty",
        "opsgenie",
        "spike",
        "signl4",
        "join",
        "prowl",
        "webexteams",
        "wxteams",
        "line",
        "simplepush",
        "pushy",
        "pagertree",
    }
)


@dataclass(frozen=True)
class Endpoint:
    """`secrets` is what must not be shown: a webhook's key, a browser's keys, an Apprise URL."""

    endpoint_id: str
    user_id: str
    channel: Channel
    address: str
    label: str = ""
    disabled_reason: str = ""
    created_at: datetime | None = None
    verified_at: datetime | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)


def checked(endpoint: Endpoint, guard: AddressGuard, services: Collection[str] = APPRISE_SERVICES) -> Endpoint:
    """`endpoint` with its secrets complete; raises `InvalidArgumentError` naming what is wrong with it."""
    if endpoint.channel not in EXTERNAL:
        raise InvalidArgumentError.field("endpoint.channel", "LIVE needs no endpoint; name an external channel")
    if len(endpoint.label) > MAXIMUM_LABEL or not endpoint.label.isprintable():
        raise InvalidArgumentError.field(
            "endpoint.label", f"is longer than {MAXIMUM_LABEL} characters, or not one line"
        )
    _check_address(endpoint, guard, services)
    match endpoint.channel:
        case Channel.WEBHOOK:
            secret = endpoint.secrets.get("secret") or secrets.token_urlsafe(_SECRET_BYTES)
            return replace(endpoint, secrets={"secret": secret})
        case Channel.WEB_PUSH:
            _check_keys(endpoint.secrets)
        case Channel.APPRISE:
            service = endpoint.address.partition("://")[0]
            return replace(endpoint, address=f"{service}://…", secrets={"url": endpoint.address})
    return endpoint


def _check_address(endpoint: Endpoint, guard: AddressGuard, services: Collection[str]) -> None:
    name, address = "endpoint.address", endpoint.address
    match endpoint.channel:
        case Channel.EMAIL if not _EMAIL.fullmatch(address):
            raise InvalidArgumentError.field(name, "is not an e-mail address; write it like you@example.com")
        case Channel.SMS if not _PHONE.fullmatch(address):
            raise InvalidArgumentError.field(name, "is not a phone number; write it like +919812345678")
        case Channel.TELEGRAM if not _CHAT.fullmatch(address):
            raise InvalidArgumentError.field(name, "is not a chat id; the bot tells it, like 123456789")
        case Channel.WEB_PUSH | Channel.WEBHOOK:
            guard.check_url(address, name)
        case Channel.APPRISE:
            found = _URL_SCHEME.fullmatch(address)
            if found is None or found[1] not in services:
                raise InvalidArgumentError.field(
                    name, f"is not an Apprise URL of a service that is allowed: {', '.join(sorted(services))}"
                )


def _check_keys(keys: Mapping[str, str]) -> None:
    for name, size in (("p256dh", 65), ("auth", 16)):
        try:
            raw = base64.urlsafe_b64decode(keys.get(name, "") + "==")
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != size:
            raise InvalidArgumentError.field(
                f"endpoint.{name}", f"is not {size} bytes in base64url; take it from the browser's PushSubscription"
            )
