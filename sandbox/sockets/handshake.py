"""Who may open a socket: the four headers, or their browser form in the query, and three connections per client."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.sessions import Sessions, TokenState, TokenUse
from sandbox.settings import Credentials

MAX_CONNECTIONS = 3
CLOSE_SECONDS = 0.5
"""How long a closing socket waits for the other side's goodbye."""
_EXPIRED = "Auth token expired"
"""The order socket's 403; the market socket calls an expired token an invalid one."""


class Admission:
    """The door of one kind of socket."""

    def __init__(self, sessions: Sessions, credentials: Credentials, *, needs_authorization: bool) -> None:
        """The market socket lets a client without Authorization in (the broker's Java client), the order socket does not."""
        self._sessions = sessions
        self._credentials = credentials
        self._needs_authorization = needs_authorization

    def refusal(self, request: web.Request, connected: int) -> web.Response | None:
        """The answer to a request that must not be upgraded: 401 or 429 with `x-error-message`; None = welcome."""
        problem = self._problem(request)
        if problem:
            return _refuse(403 if problem == _EXPIRED else 401, f"Invalid Header - {problem}")
        if connected >= MAX_CONNECTIONS:
            return _refuse(429, "Invalid Request. Connection Limit Exceeded.")
        return None

    def _problem(self, request: web.Request) -> str | None:
        given = request.headers
        feed_token = given.get("x-feed-token") or request.query.get("feedToken", "")
        client_code = given.get("x-client-code") or request.query.get("clientCode", "")
        api_key = given.get("x-api-key") or request.query.get("apiKey")
        authorization = given.get("Authorization", "" if self._needs_authorization else None)
        if authorization is not None:
            standing = self._sessions.look_up(authorization, TokenUse.ACCESS)
            if standing.state is TokenState.EXPIRED and self._needs_authorization:
                return _EXPIRED
            if not standing.is_valid:
                return "Invalid Auth token"
        if client_code != self._credentials.client_code:
            return "Invalid Client Code"
        if api_key is not None and not self._sessions.knows_api_key(api_key):
            return "Invalid API Key"
        if not self._sessions.look_up(feed_token, TokenUse.FEED).is_valid:
            return "Invalid Feed Token"
        return None


def transport_of(request: web.Request) -> asyncio.Transport:
    """The connection under an upgraded request. Raises ConnectionResetError when it is gone already."""
    transport = request.transport
    if not isinstance(transport, asyncio.Transport):
        raise ConnectionResetError("the client went away during the handshake")
    return transport


def _refuse(status: int, message: str) -> web.Response:
    body = f"<html><body>{message}</body></html>"
    return web.Response(status=status, text=body, content_type="text/html", headers={"x-error-message": message})
