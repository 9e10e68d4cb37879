"""Where users may make us send: public addresses only, since the notifier stands inside the private network.

A name is resolved, every address it has is checked, and the connection goes to a checked address: a name that changes its mind
between the check and the connection (DNS rebinding) gains nothing. Redirects are never followed.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from tradewinds.errors import InvalidArgumentError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MAXIMUM_URL: Final = 2_000
# NAT64 (RFC 6052): the last 32 bits are an IPv4 address.
_NAT64: Final = ip_network("64:ff9b::/96")


class ForbiddenAddressError(OSError):
    """The name leads to an address that is not public."""


class AddressGuard:
    """Knows which addresses may be reached; `allowed` are private networks that an operator has opened."""

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def permits(self, address: str) -> bool:
        """Whether a connection to the IP address `address` may be made."""
        try:
            parsed = ip_address(address.split("%", maxsplit=1)[0])
        except ValueError:
            return False
        return self._is_opened(parsed) or all(_is_public(one) for one in _faces(parsed))

    def permits_host(self, host: str) -> bool:
        """Whether a URL's host may be called as far as it is an address; a name is judged when it is resolved."""
        return not _is_literal(host) or self.permits(host)

    def check_url(self, url: str, field: str) -> None:
        """Raise `InvalidArgumentError` on `field` unless `url` is one that we would call."""
        parts = _split(url, field)
        host = parts.hostname or ""
        if not host or "@" in parts.netloc:
            raise InvalidArgumentError.field(field, "has no host, or a user in it; use https://host/path")
        literal = _is_literal(host)
        if literal and not self.permits(host):
            raise InvalidArgumentError.field(
                field, f"{host} is not a public address; an operator can open private networks with WEBHOOK_NETWORKS"
            )
        if parts.scheme != "https" and not (literal and self._is_opened(ip_address(host))):
            raise InvalidArgumentError.field(field, "does not begin with https://; messages are not sent in the clear")

    def _is_opened(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._allowed)


def _split(url: str, field: str) -> SplitResult:
    if len(url) > MAXIMUM_URL or not url.isprintable() or " " in url:
        raise InvalidArgumentError.field(
            field, f"is longer than {MAXIMUM_URL} characters or holds blanks; use https://host/path"
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as e:
        raise InvalidArgumentError.field(field, f"is not a URL ({e}); use https://host/path") from e
    if parts.scheme not in ("http", "https"):
        raise InvalidArgumentError.field(field, f"{parts.scheme!r} is not a scheme we speak; use https://host/path")
    return parts


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        # What inet_aton reads as an address too, such as 127.1 and 0x7f000001, is refused by its look.
        return host.replace(".", "").isdigit() or host.lower().startswith("0x")
    return True


def _faces(address: Address) -> Iterator[Address]:
    """The address, and every IPv4 address that it stands for."""
    yield address
    if isinstance(address, IPv6Address):
        for inner in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
            if inner is not None:
                yield inner
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return True  # judged by its other face
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class GuardedResolver(AbstractResolver):
    """For aiohttp: names resolve to permitted addresses or not at all."""

    def __init__(self, guard: AddressGuard, resolver: AbstractResolver | None = None) -> None:
        self._guard = guard
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of `host`; raises `ForbiddenAddressError` when one of them is not permitted."""
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            if not self._guard.permits(one["host"]):
                raise ForbiddenAddressError(f"{host} leads to {one['host']}, which is not a public address")
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._resolver.close()
