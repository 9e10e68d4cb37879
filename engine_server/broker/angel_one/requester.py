"""One request of one kind: in the session in force, when the broker's rate allows it, and what its answer says about both.

An order message goes out once and never again. A read that was refused as one too many is asked once more after the pause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.client import AskClient
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.lane import Lane
from engine_server.broker.angel_one.outcomes import is_session_expired, is_throttled, read_data
from engine_server.broker.angel_one.rates import Category
from engine_server.broker.port import SessionExpiredError, ThrottledError

# An order that has to wait longer than a request may take to begin would be stale; the order management paces before us.
ORDER_WAIT_SECONDS = 2.0
# Above the longest pause after a refusal that is not a part of a series.
READ_WAIT_SECONDS = 10.0

_NO_SESSION = "there is no valid broker session; log in first"


class UsableTokens(Protocol):
    """What a request needs of a session."""

    @property
    def api_key(self) -> str:
        """The key of the application."""
        ...

    @property
    def jwt(self) -> str:
        """The access token, without `Bearer `."""
        ...


class SessionInForce(Protocol):
    """The session that requests go out in."""

    def usable(self) -> UsableTokens | None:
        """Tokens that the broker is not known to have disowned; None without any."""
        ...

    def disown(self, jwt: str) -> None:
        """The broker does not know this token (any more)."""
        ...


@dataclass(frozen=True)
class PreparedRequest:
    """The bytes of a request, and the token in them."""

    jwt: str = field(repr=False)
    content: bytes = field(repr=False)


class Requester:
    """`send` for what changes something, `ask` and `read` for what does not. `seen` hears of every evidence."""

    def __init__(
        self,
        lane: Lane,
        budgets: Budgets,
        session: SessionInForce,
        seen: Callable[[Evidence], None] = lambda _evidence: None,
    ) -> None:
        self._lane = lane
        self._budgets = budgets
        self._session = session
        self._seen = seen

    def prepare(self, method: AskClient) -> PreparedRequest | None:
        """A request that will be sent soon, made in the session in force; None without one."""
        if (tokens := self._session.usable()) is None:
            return None
        return PreparedRequest(tokens.jwt, self._lane.content_of(tokens.api_key, tokens.jwt, method))

    async def send(self, category: Category, method: AskClient, prepared: PreparedRequest | None = None) -> Evidence:
        """One request, once. Without a session, or without room in the rate within two seconds, it is not begun. `prepared` is the
        same request, made beforehand: it goes if it was made in the session that is in force now."""
        if (tokens := self._session.usable()) is None:
            return Evidence(begun=False, failure=_NO_SESSION)
        if not self._budgets.take(category):
            try:
                await self._budgets.turn(category, ORDER_WAIT_SECONDS)
            except ThrottledError as e:
                return Evidence(begun=False, failure=e.message)
        if prepared is not None and prepared.jwt == tokens.jwt:
            evidence = await self._lane.send(prepared.content)
        else:
            evidence = await self._lane.ask(tokens.api_key, tokens.jwt, method)
        return self._noted(category, tokens.jwt, evidence)

    async def ask(self, category: Category, method: AskClient) -> Evidence:
        """One read, twice where the broker said that the first was one too many. Raises `SessionExpiredError` without a
        session and `ThrottledError` without room.
        """
        evidence = await self._ask_once(category, method)
        return await self._ask_once(category, method) if is_throttled(evidence) else evidence

    async def read(self, category: Category, what: str, method: AskClient) -> Any:
        """The data of one read; raises as `ask`, and as `read_data`."""
        return read_data(await self.ask(category, method), what)

    async def _ask_once(self, category: Category, method: AskClient) -> Evidence:
        if self._session.usable() is None:
            raise SessionExpiredError(_NO_SESSION)
        await self._budgets.turn(category, READ_WAIT_SECONDS)
        if (tokens := self._session.usable()) is None:
            raise SessionExpiredError(_NO_SESSION)
        return self._noted(category, tokens.jwt, await self._lane.ask(tokens.api_key, tokens.jwt, method))

    def _noted(self, category: Category, jwt: str, evidence: Evidence) -> Evidence:
        if is_throttled(evidence):
            self._budgets.refused(category)
        elif evidence.http_status:
            self._budgets.answered(category)
        if is_session_expired(evidence):
            self._session.disown(jwt)
        self._seen(evidence)
        return evidence
