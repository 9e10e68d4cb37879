"""A small asynchronous client of the sandbox, for tests of the sandbox and of what stands behind it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.support.sandbox_process import SandboxProcess

_AUTH = "/rest/auth/angelbroking/user/v1"
_ORDER = "/rest/secure/angelbroking/order/v1"


@dataclass(slots=True)
class SandboxClient:
    """Logged in while its context is open. `tls` talks to the second port and verifies the sandbox's CA."""

    process: SandboxProcess
    tls: bool = False
    tokens: dict[str, str] = field(default_factory=dict)
    _http: aiohttp.ClientSession | None = None
    _streams: list[aiohttp.ClientWebSocketResponse] = field(default_factory=list)

    @property
    def root(self) -> str:
        return self.process.https_url if self.tls else self.process.http_url

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._http is not None, "open the client's context first"
        return self._http

    @property
    def stream_headers(self) -> dict[str, str]:
        known = self.process.credentials
        return {
            "Authorization": f"Bearer {self.tokens['jwtToken']}",
            "x-api-key": known.api_key,
            "x-client-code": known.client_code,
            "x-feed-token": self.tokens["feedToken"],
        }

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One REST call; the whole envelope comes back, whatever it says."""
        headers = {"X-PrivateKey": self.process.credentials.api_key}
        if self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens['jwtToken']}"
        async with self.http.request(method, f"{self.root}{path}", json=body, headers=headers) as answer:
            envelope: dict[str, Any] = await answer.json()
            return envelope

    async def login(self) -> None:
        known = self.process.credentials
        body = {"clientcode": known.client_code, "password": known.pin, "totp": known.totp()}
        answer = await self.call("POST", f"{_AUTH}/loginByPassword", body)
        assert answer["status"] is True, answer
        self.tokens = answer["data"]

    async def place(self, **changes: Any) -> dict[str, Any]:
        """Place an order in SBIN-EQ (a resting buy unless changed); the `data` of the answer."""
        body = {
            "variety": "NORMAL",
            "tradingsymbol": "SBIN-EQ",
            "symboltoken": "3045",
            "transactiontype": "BUY",
            "exchange": "NSE",
            "ordertype": "LIMIT",
            "producttype": "INTRADAY",
            "duration": "DAY",
            "price": "900.00",
            "quantity": "10",
            **changes,
        }
        answer = await self.call("POST", f"{_ORDER}/placeOrder", body)
        assert answer["status"] is True, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def cancel(self, order_id: str, variety: str = "NORMAL") -> dict[str, Any]:
        return await self.call("POST", f"{_ORDER}/cancelOrder", {"variety": variety, "orderid": order_id})

    async def order_book(self) -> list[dict[str, Any]]:
        return (await self.call("GET", f"{_ORDER}/getOrderBook"))["data"] or []

    async def statuses(self) -> dict[str, str]:
        """Order id -> status of every order of today."""
        return {row["orderid"]: row["status"] for row in await self.order_book()}

    async def positions(self) -> list[dict[str, Any]]:
        return (await self.call("GET", f"{_ORDER}/getPosition"))["data"] or []

    # Protocol pings and pongs are handed to the test (autoping off); the sandbox itself never pings.

    async def market_stream(self) -> aiohttp.ClientWebSocketResponse:
        return await self._stream("/smart-stream")

    async def order_stream(self) -> aiohttp.ClientWebSocketResponse:
        return await self._stream("/smart-order-update")

    async def _stream(self, path: str) -> aiohttp.ClientWebSocketResponse:
        stream = await self.http.ws_connect(f"{self.root}{path}", headers=self.stream_headers, autoping=False)
        self._streams.append(stream)
        return stream

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context(cafile=self.process.ca_file) if self.tls else True
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))
        await self.login()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams:
            await stream.close()
        await self.http.close()


def subscription(tokens: list[str], mode: int = 3, action: int = 1) -> dict[str, Any]:
    """A request frame of the market stream for NSE tokens."""
    groups = [{"exchangeType": 1, "tokens": tokens}]
    return {"correlationID": "test", "action": action, "params": {"mode": mode, "tokenList": groups}}
