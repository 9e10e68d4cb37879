"""A real notifier, with real PostgreSQL and Valkey of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.grpc_server import open_channel
from tradewinds.v1.notifier_pb2_grpc import NotifierStub


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    return Signing(tmp_path)


@pytest.fixture
def notifier_environment(database_url: str, redis_url: str, signing: Signing) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWKS_FILE": str(signing.jwks_file),
        "NOTIFICATION_HEARTBEAT_SECONDS": "0.3",
    }


@pytest.fixture
async def notifier(notifier_environment: dict[str, str], tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    async with ServiceProcess("notifier", notifier_environment, tmp_path) as process:
        yield process


@pytest.fixture
async def gateway(notifier: ServiceProcess, signing: Signing, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    facts = notifier.facts
    async with GatewayProcess(
        tmp_path, signing.jwks_file, notifier=facts["grpc"], notifier_http=facts["http"]
    ) as process:
        yield process


class Caller:
    """Calls the notifier as somebody, at `address`."""

    def __init__(self, address: str, token: str) -> None:
        self._channel = open_channel(address)
        self._stub = NotifierStub(self._channel)
        self._metadata = auth.bearer(token)

    async def __call__(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=10)

    def stream(self, method: str, request: Any) -> Any:
        return getattr(self._stub, method)(request, metadata=self._metadata)

    async def close(self) -> None:
        await self._channel.close()


@pytest.fixture
async def alice(notifier: ServiceProcess, signing: Signing) -> AsyncIterator[Caller]:
    """A trader, straight at the notifier."""
    caller = Caller(notifier.facts["grpc"], signing.token("alice"))
    yield caller
    await caller.close()
