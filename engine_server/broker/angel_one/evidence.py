"""One HTTP request to the broker, and what is known after it. Nothing is concluded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from engine_server.broker.angel_one.envelope import Envelope, read_envelope

_EXCERPT_CHARACTERS = 160


@dataclass(frozen=True)
class HttpRequest:
    """What goes out; headers and body hold secrets and are kept out of the text form."""

    route: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Evidence:
    """`begun`: a byte of the request may have left. `http_status` 0: no whole answer came, and `failure` says why."""

    begun: bool
    http_status: int = 0
    body: bytes = field(default=b"", repr=False)
    failure: str = ""
    server_date: str = ""  # the answer's Date header: the broker's clock, to the second

    @cached_property
    def envelope(self) -> Envelope | None:
        """The broker's words, where the body is such."""
        return read_envelope(self.body)

    def describe(self) -> str:
        """One line for people: what came instead of a clear answer."""
        if not self.http_status:
            return self.failure
        excerpt = " ".join(self.body[: 4 * _EXCERPT_CHARACTERS].decode("utf-8", "replace").split())[
            :_EXCERPT_CHARACTERS
        ]
        return f"HTTP {self.http_status}: {excerpt or 'an empty body'}"


def describe_error(error: BaseException) -> str:
    """An exception in one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
