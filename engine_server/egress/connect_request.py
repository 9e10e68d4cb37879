"""What a client of the egress says: `CONNECT host:port`, for which account, under which epoch (RFC 9110 §9.3.6); or `POST /fence`,
from this epoch on, and `GET /fences`.

Pure: bytes in, a request or the refusal out.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

ACCOUNT_HEADER = "X-Tradewinds-Account"
EPOCH_HEADER = "X-Tradewinds-Epoch"
OWNER_HEADER = "X-Tradewinds-Owner"
FENCE_PATH = "/fence"
FENCES_PATH = "/fences"

MAX_HEAD_BYTES = 8 * 1024
_MAX_TEXT = 300  # it goes into a status line

_REQUEST_LINE = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.[01]$")
_HEADER_LINE = re.compile(rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x20-\x7e]*?)[ \t]*$")
_TARGET = re.compile(r"^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._\-]+)):([0-9]{1,5})$")
_NAME = re.compile(r"^[A-Za-z0-9_.\-]{1,64}$")
_EPOCH = re.compile(r"^[0-9]{1,18}$")


class TunnelRefusedError(Exception):
    """The tunnel is not opened; the text tells the client why."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        self.status = status
        self.text = text[:_MAX_TEXT]
        super().__init__(self.text)


@dataclass(frozen=True)
class Target:
    """Where a tunnel leads. The host is lower case, an IPv6 address without its brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Target:
        """`host:port` or `[v6]:port`; raises `ValueError`."""
        match = _TARGET.match(text)
        if match is None or not 0 < int(match[3]) <= 65535:
            raise ValueError(f"{text!r} is not host:port")
        return cls((match[1] or match[2]).lower(), int(match[3]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ConnectRequest:
    """A tunnel that is asked for, and by whom."""

    target: Target
    account: str
    epoch: int


@dataclass(frozen=True)
class FenceRequest:
    """From now on nothing of `account` passes under an epoch below this one, which belongs to `owner`."""

    account: str
    epoch: int
    owner: str


@dataclass(frozen=True)
class FencesRequest:
    """Asks what is in force."""


Request = ConnectRequest | FenceRequest | FencesRequest


def read_request(head: bytes, allowed: Collection[Target]) -> Request:
    """The request in `head` (everything up to and with the empty line); raises `TunnelRefusedError` (400 or 403)."""
    if len(head) > MAX_HEAD_BYTES:
        raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, f"the request head is longer than {MAX_HEAD_BYTES} bytes")
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, what = _read_line(lines[0])
    headers = _read_headers(lines[1:])
    if (method, what) == ("GET", FENCES_PATH):
        return FencesRequest()
    if (method, what) == ("POST", FENCE_PATH):
        return FenceRequest(_read_account(headers), _read_epoch(headers), _read_name(headers, OWNER_HEADER))
    if method != "CONNECT":
        raise TunnelRefusedError(
            HTTPStatus.BAD_REQUEST,
            f"CONNECT host:port, POST {FENCE_PATH} and GET {FENCES_PATH} are served here, not {method}; "
            "tunnels carry TLS end to end",
        )
    return _tunnel(_read_target(what), headers, allowed)


def _tunnel(target: Target, headers: dict[str, str], allowed: Collection[Target]) -> ConnectRequest:
    request = ConnectRequest(target, _read_account(headers), _read_epoch(headers))
    if target not in allowed:
        choices = ", ".join(sorted(str(one) for one in allowed))
        raise TunnelRefusedError(
            HTTPStatus.FORBIDDEN, f"{target} is not one of the allowed targets ({choices}); EGRESS_ALLOWED names them"
        )
    return request


def _read_line(line: bytes) -> tuple[str, str]:
    match = _REQUEST_LINE.match(line)
    if match is None:
        raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, "this is not an HTTP/1 request")
    return match[1].decode("ascii"), match[2].decode("latin-1")


def _read_target(text: str) -> Target:
    try:
        return Target.parse(text)
    except ValueError as e:
        raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, f"CONNECT needs host:port: {e}") from e


def _read_headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        match = _HEADER_LINE.match(line)
        if match is None:
            raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, "a header line is malformed")
        name = match[1].decode("ascii").lower()
        # Two answers to "who are you" are none.
        if name in headers:
            raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, f"the header {name} is there twice")
        headers[name] = match[2].decode("ascii")
    return headers


def _read_account(headers: dict[str, str]) -> str:
    return _read_name(headers, ACCOUNT_HEADER)


def _read_name(headers: dict[str, str], header: str) -> str:
    name = headers.get(header.lower())
    if name is None:
        raise TunnelRefusedError(HTTPStatus.FORBIDDEN, f"the header {header} is missing")
    if not _NAME.match(name):
        raise TunnelRefusedError(
            HTTPStatus.BAD_REQUEST,
            f"{header} is not an account id" if header == ACCOUNT_HEADER else f"{header} is not an id",
        )
    return name


def _read_epoch(headers: dict[str, str]) -> int:
    epoch = headers.get(EPOCH_HEADER.lower())
    if epoch is None:
        raise TunnelRefusedError(HTTPStatus.FORBIDDEN, f"the header {EPOCH_HEADER} is missing")
    if not _EPOCH.match(epoch):
        raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, f"{EPOCH_HEADER} is not a whole number")
    return int(epoch)
