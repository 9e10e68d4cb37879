"""An `AngelOneBroker` for tests: before it a real egress, behind that a real sandbox or a server of the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine_server.broker.angel_one import AngelOneBroker, Credentials, SessionStore
from engine_server.broker.angel_one.sessions import BrokerSession
from engine_server.broker.fence import EgressFence, FenceUnreachableError
from engine_server.broker.port import OrderTicket
from engine_server.egress.connect_request import Target
from engine_server.egress.fences import Fence, FenceAheadError, Fences
from engine_server.egress.proxy import EgressProxy
from tests.support.sandbox_process import SandboxCredentials, SandboxProcess
from tradewinds.config import BrokerSettings
from tradewinds.instruments import Instrument

ACCOUNT = "ACC1"
_OWNER = "engine-0"
SBIN = Instrument(
    key="NSE:SBIN-EQ",
    exchange="NSE",
    symbol="SBIN-EQ",
    token="3045",
    name="SBIN",
    kind="EQ",
    lot_size=1,
    tick_size=Decimal("0.05"),
)


@dataclass
class KeptInMemory:
    """A session store of one process."""

    session: BrokerSession | None = None
    failures: list[str] = field(default_factory=list)
    first_of_client: str = ""

    async def load(self) -> BrokerSession | None:
        return self.session

    async def save(self, session: BrokerSession, epoch: int) -> None:
        self.session = session

    async def record_failure(self, epoch: int, client_code: str, error: str) -> None:
        self.failures.append(error)

    async def rival(self, client_code: str) -> str:
        return self.first_of_client


class EgressForTests:
    """A real egress on a port of its own, which can go down and come back there. One epoch of the account passes."""

    def __init__(self, allowed: frozenset[Target], epoch: int) -> None:
        self._allowed = allowed
        self._fences = Fences(None)
        self._fences.raise_to(ACCOUNT, Fence(epoch, _OWNER))
        self._proxy = EgressProxy(allowed, self._fences)
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self._proxy = EgressProxy(self._allowed, self._fences)
        address = await self._proxy.start("127.0.0.1", self._port)
        self._port = int(address.rpartition(":")[2])

    async def stop(self) -> None:
        await self._proxy.stop()


@asynccontextmanager
async def running_egress(*urls: str, epoch: int = 1) -> AsyncIterator[EgressForTests]:
    """An egress that opens tunnels to the hosts of `urls`."""
    egress = EgressForTests(frozenset(Target.parse(urlsplit(url).netloc) for url in urls), epoch)
    await egress.start()
    try:
        yield egress
    finally:
        await egress.stop()


def broker_settings(https_url: str, ca_file: Path | None) -> BrokerSettings:
    """Everything at one TLS origin, as the sandbox has it."""
    wss_url = https_url.replace("https", "wss", 1)
    return BrokerSettings(
        rest_url=https_url,
        order_stream_url=f"{wss_url}/smart-order-update",
        market_stream_url=f"{wss_url}/smart-stream",
        ca_file=ca_file,
    )


def credentials_of(known: SandboxCredentials, **other: str) -> Credentials:
    """What the sandbox expects, or something else."""
    facts = {
        "client_code": known.client_code,
        "pin": known.pin,
        "totp_secret": known.totp_secret,
        "api_key": known.api_key,
        **other,
    }
    return Credentials(**facts)


@asynccontextmanager
async def broker_at(
    sandbox: SandboxProcess,
    egress_url: str,
    *,
    store: SessionStore | None = None,
    credentials: Credentials | None = None,
    epoch: int = 1,
    ca_file: Path | None = None,
    **options: Any,
) -> AsyncIterator[AngelOneBroker]:
    """The adapter, not logged in; closed afterwards."""
    with contextlib.suppress(FenceAheadError, FenceUnreachableError):
        await EgressFence(egress_url, _OWNER).raise_to(ACCOUNT, epoch)
    broker = AngelOneBroker(
        ACCOUNT,
        credentials or credentials_of(sandbox.credentials),
        broker_settings(sandbox.https_url, ca_file or sandbox.ca_file),
        egress_url,
        epoch,
        store or KeptInMemory(),
        **options,
    )
    try:
        yield broker
    finally:
        await broker.close()


def ticket(tag: str, **other: Any) -> OrderTicket:
    """A buy of one SBIN share, or something else."""
    facts: dict[str, Any] = {
        "tag": tag,
        "instrument": SBIN,
        "side": "BUY",
        "quantity": 1,
        "order_type": "LIMIT",
        "product": "MIS",
        "price": Decimal("100.00"),
        **other,
    }
    return OrderTicket(**facts)
