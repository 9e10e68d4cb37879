"""Where users may make us send: addresses by channel, and never into a private network."""

from __future__ import annotations

import base64
import socket
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from notifier.channels import Channel
from notifier.delivery.addresses import AddressGuard, ForbiddenAddressError, GuardedResolver
from notifier.delivery.endpoints import Endpoint, checked
from tradewinds.errors import InvalidArgumentError

GUARD = AddressGuard()
OPENED = AddressGuard([ip_network("127.0.0.0/8")])
KEYS = {
    "p256dh": base64.urlsafe_b64encode(bytes(65)).decode().rstrip("="),
    "auth": base64.urlsafe_b64encode(bytes(16)).decode().rstrip("="),
}


def endpoint(channel: Channel, address: str, **secrets: str) -> Endpoint:
    return Endpoint("nep-1", "alice", channel, address, secrets=secrets)


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.EMAIL, "alice+tradewinds@example.co.in"),
        (Channel.SMS, "+919812345678"),
        (Channel.TELEGRAM, "-100123456"),
        (Channel.TELEGRAM, "@my_channel"),
        (Channel.WEBHOOK, "https://hooks.example.com/a?b=c"),
        (Channel.APPRISE, "slack://TokenA/TokenB/TokenC/#general"),
    ],
)
def test_a_good_address_passes(channel: Channel, address: str) -> None:
    assert checked(endpoint(channel, address), GUARD).channel is channel


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.EMAIL, "alice"),
        (Channel.EMAIL, "alice@example.com\r\nBcc: mallory@example.com"),
        (Channel.EMAIL, "alice@example.com, mallory@example.com"),
        (Channel.EMAIL, "Alice <alice@example.com>"),
        (Channel.SMS, "9812345678"),
        (Channel.SMS, "+91 98123 45678"),
        (Channel.TELEGRAM, "alice"),
        (Channel.WEBHOOK, "http://hooks.example.com/"),
        (Channel.WEBHOOK, "https://10.0.0.1/"),
        (Channel.WEBHOOK, "https://127.1/"),
        (Channel.WEBHOOK, "https://2130706433/"),
        (Channel.WEBHOOK, "https://0x7f000001/"),
        (Channel.WEBHOOK, "https://[::1]/"),
        (Channel.WEBHOOK, "https://[::ffff:10.0.0.1]/"),
        (Channel.WEBHOOK, "https://169.254.169.254/latest/meta-data"),
        (Channel.WEBHOOK, "https://user:password@hooks.example.com/"),
        (Channel.WEBHOOK, "ftp://hooks.example.com/"),
        (Channel.WEBHOOK, "https://hooks.example.com:99999/"),
        (Channel.WEBHOOK, "https:///path"),
        (Channel.APPRISE, "json://10.0.0.1/"),
        (Channel.APPRISE, "nonsense"),
    ],
)
def test_a_bad_address_is_refused(channel: Channel, address: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        checked(endpoint(channel, address), GUARD)
    assert refused.value.violations[0].field == "endpoint.address"


def test_an_operator_can_open_a_private_network() -> None:
    checked(endpoint(Channel.WEBHOOK, "http://127.0.0.1:8080/hook"), OPENED)
    with pytest.raises(InvalidArgumentError):
        checked(endpoint(Channel.WEBHOOK, "http://10.0.0.1/hook"), OPENED)


def test_a_webhook_without_a_secret_gets_one() -> None:
    first, second = (checked(endpoint(Channel.WEBHOOK, "https://hooks.example.com/"), GUARD) for _ in range(2))
    assert len(first.secrets["secret"]) >= 40
    assert first.secrets != second.secrets
    assert checked(endpoint(Channel.WEBHOOK, "https://a.example.com/", secret="own"), GUARD).secrets["secret"] == "own"


def test_an_apprise_url_is_a_secret() -> None:
    found = checked(endpoint(Channel.APPRISE, "slack://TokenA/TokenB/TokenC"), GUARD)
    assert found.address == "slack://…"
    assert found.secrets == {"url": "slack://TokenA/TokenB/TokenC"}


def test_a_browsers_keys_are_checked() -> None:
    checked(endpoint(Channel.WEB_PUSH, "https://push.example.com/1", **KEYS), GUARD)
    with pytest.raises(InvalidArgumentError, match=r"endpoint\.auth"):
        checked(endpoint(Channel.WEB_PUSH, "https://push.example.com/1", **(KEYS | {"auth": "ää"})), GUARD)


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", False),
        ("172.31.0.1", False),
        ("192.168.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("255.255.255.255", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("nonsense", False),
    ],
)
def test_only_public_addresses_are_reached(address: str, permitted: bool) -> None:
    assert GUARD.permits(address) is permitted


class Names(AbstractResolver):
    """A DNS server that says what the attacker wants."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


async def test_a_name_is_judged_by_every_address_that_it_has() -> None:
    assert await GuardedResolver(GUARD, Names("93.184.216.34")).resolve("good.example.com", 443)
    with pytest.raises(ForbiddenAddressError, match=r"10\.0\.0\.1"):
        await GuardedResolver(GUARD, Names("93.184.216.34", "10.0.0.1")).resolve("evil.example.com", 443)
