"""A request that was made beforehand goes only in the session that it was made in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.client import AskClient
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.lane import Lane
from engine_server.broker.angel_one.rates import Category
from engine_server.broker.angel_one.requester import Requester


@dataclass
class Tokens:
    api_key: str = "key"
    jwt: str = "jwt-1"


@dataclass
class Session:
    tokens: Tokens | None = field(default_factory=Tokens)

    def usable(self) -> Tokens | None:
        return self.tokens

    def disown(self, jwt: str) -> None:
        raise AssertionError("nobody said so")


@dataclass
class Wire:
    """In place of the lane: what was made, and what went."""

    made: int = 0
    sent: list[bytes] = field(default_factory=list)

    def content_of(self, api_key: str, access_token: str, method: AskClient) -> bytes:
        self.made += 1
        return f"{api_key} {access_token}".encode()

    async def ask(self, api_key: str, access_token: str, method: AskClient) -> Evidence:
        return await self.send(self.content_of(api_key, access_token, method))

    async def send(self, content: bytes) -> Evidence:
        self.sent.append(content)
        return Evidence(begun=True, http_status=200, body=b"{}")


def method(client: Any) -> dict[str, Any]:
    raise AssertionError("the wire of this test asks no client")


async def test_it_goes_as_it_was_made() -> None:
    wire, session = Wire(), Session()
    requester = Requester(cast("Lane", wire), Budgets(), session)
    prepared = requester.prepare(method)
    await requester.send(Category.PLACE, method, prepared)
    assert (wire.made, wire.sent) == (1, [b"key jwt-1"])


async def test_after_a_new_login_it_is_made_anew() -> None:
    wire, session = Wire(), Session()
    requester = Requester(cast("Lane", wire), Budgets(), session)
    prepared = requester.prepare(method)
    session.tokens = Tokens(jwt="jwt-2")
    await requester.send(Category.PLACE, method, prepared)
    assert wire.sent == [b"key jwt-2"]


async def test_without_a_session_nothing_is_made_and_nothing_goes() -> None:
    wire, session = Wire(), Session(None)
    requester = Requester(cast("Lane", wire), Budgets(), session)
    assert requester.prepare(method) is None
    session.tokens = Tokens()
    prepared = requester.prepare(method)
    session.tokens = None
    assert not (await requester.send(Category.PLACE, method, prepared)).begun
    assert wire.sent == []
