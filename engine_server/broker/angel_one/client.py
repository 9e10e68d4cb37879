"""The official client with another transport: its routes, payloads and headers, none of its network code.

One object serves one request: it holds no state that two threads could share or a new login could change under way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn
from urllib.parse import quote

from engine_server.broker.angel_one.evidence import Evidence, HttpRequest
from engine_server.broker.angel_one.official_client import SmartConnect

Exchange = Callable[[HttpRequest], Evidence]

_DETAILS_ROUTE = "api.individual.order.details"


class AngelOneClient(SmartConnect):
    """Every answer is `{"status", "message", "errorcode", "data", "evidence"}`; nothing is raised for what the network or
    the broker do. Tokens are raw: the `Bearer ` prefix is put on here, once.
    """

    _rootUrl = ""  # noqa: N815 - the client's name; its own addresses are never used
    _login_url = ""
    # The client sends somebody's constant address here (protocol §8, 18); the broker looks at the TCP source alone.
    clientPublicIp = "127.0.0.1"  # noqa: N815
    clientLocalIp = "127.0.0.1"  # noqa: N815
    _routes: ClassVar[dict[str, str]] = {
        **SmartConnect._routes,
        _DETAILS_ROUTE: SmartConnect._routes[_DETAILS_ROUTE] + "{unique_order_id}",
    }

    def __init__(self, api_key: str, access_token: str, exchange: Exchange) -> None:
        # The parent's constructor makes ./logs and a session that is never used: it is left out on purpose.
        self.api_key = self.privateKey = api_key
        self.access_token = access_token.removeprefix("Bearer ")  # put on once, below
        self._exchange = exchange

    def _request(self, route: str, method: str, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
        content = dict(parameters or {})
        headers = {**self.requestHeaders(), "User-Agent": "tradewinds smartapi-python/1.5.5"}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        # Parameters of a GET are not sent: the client puts them, the refresh token included, into the URL.
        body = json.dumps(content).encode() if method in ("POST", "PUT") else b""
        path = "/" + self._routes[route].format(**content).lstrip("/")
        return _as_the_client_expects(self._exchange(HttpRequest(route, method, path, headers, body)))

    def generateSession(self, clientCode: str, password: str, totp: str) -> dict[str, Any]:  # noqa: N802, N803
        """Log in. The parent goes on to read the profile, with the refresh token in the URL, and calls the login failed
        where only that fails.
        """
        return self._request("api.login", "POST", {"clientcode": clientCode, "password": password, "totp": totp})

    def individual_order_details(self, qParam: str) -> dict[str, Any]:  # noqa: N803
        """One order by its unique id. The parent sends the token to the class's own address, without a timeout."""
        return self._request(_DETAILS_ROUTE, "GET", {"unique_order_id": quote(qParam, safe="")})

    def make_authenticated_get_request(self, url: str, access_token: str) -> NoReturn:
        """Closed: the parent's way round `_request`."""
        raise NotImplementedError("requests go through _request alone")


AskClient = Callable[[AngelOneClient], dict[str, Any]]


def request_of(api_key: str, access_token: str, method: AskClient) -> HttpRequest:
    """What the official client sends for one of its methods; nothing is sent here."""
    requests: list[HttpRequest] = []

    def record(request: HttpRequest) -> Evidence:
        requests.append(request)
        return Evidence(begun=False, failure="not sent yet")

    method(AngelOneClient(api_key, access_token, record))
    (request,) = requests
    return request


def _as_the_client_expects(evidence: Evidence) -> dict[str, Any]:
    envelope = evidence.envelope
    return {
        "status": envelope is not None and envelope.ok is True,
        "message": envelope.message if envelope else evidence.describe(),
        "errorcode": envelope.code if envelope else "",
        "data": envelope.data if envelope else None,
        "evidence": evidence,
    }
