"""Real notifiers on real PostgreSQL and Valkey: one shared by a module's tests, and one of its own for a test that breaks it.

Users are new in every test, so that tests which share a notifier do not see each other.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.datastores import PostgresForTests
from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.grpc_server import open_channel
from tradewinds.v1.notifier_pb2_grpc import NotifierStub


def environment(database_url: str, redis_url: str, signing: Signing) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWKS_FILE": str(signing.jwks_file),
        "NOTIFICATION_HEARTBEAT_SECONDS": "0.3",
        "NOTIFICATION_CANARY_SECONDS": "0.5",
        "ENDPOINT_VERIFICATION": "false",  # but where a test is about it
        # Nobody listens there.
        "EMAIL_PROVIDERS": "smtp://127.0.0.1:9?from=tradewinds@example.com&tls=none",
        "SMS_PROVIDERS": "twilio://AC1:token@127.0.0.1:9?from=%2B15550100&scheme=http",
    }


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    return Signing(tmp_path_factory.mktemp("signing"))


class Caller:
    """Calls the notifier at `address` as `user`; `header` says the same over HTTP."""

    def __init__(self, address: str, signing: Signing, user: str, *roles: str) -> None:
        self._channel = open_channel(address)
        self._stub = NotifierStub(self._channel)
        self._metadata = auth.bearer(signing.token(user, *roles))
        self.user = user
        self.header: Mapping[str, str] = signing.header(user, *roles)

    async def __call__(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=10)

    def stream(self, method: str, request: Any) -> Any:
        return getattr(self._stub, method)(request, metadata=self._metadata)

    async def __aenter__(self) -> Caller:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


class SharedNotifier:
    """A notifier that no test may stop, with its database."""

    def __init__(self, process: ServiceProcess, database_url: str) -> None:
        self.database_url = database_url
        self.environment = process.environment
        self.grpc: str = process.facts["grpc"]
        self.http = f"http://{process.facts['http']}"


@pytest.fixture(scope="module")
def shared(
    postgres_server: PostgresForTests,
    valkey_url: str,
    signing: Signing,
    session_runner: asyncio.Runner,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SharedNotifier]:
    with postgres_server.fresh_database() as database_url:
        process = ServiceProcess(
            "notifier", environment(database_url, valkey_url, signing), tmp_path_factory.mktemp("notifier")
        )
        session_runner.run(process.start())
        yield SharedNotifier(process, database_url)
        session_runner.run(process.stop())


@pytest.fixture
async def alice(shared: SharedNotifier, signing: Signing) -> AsyncIterator[Caller]:
    """A trader whom nobody has heard of before."""
    async with Caller(shared.grpc, signing, f"alice-{secrets.token_hex(4)}") as caller:
        yield caller


@pytest.fixture
async def gateway(shared: SharedNotifier, signing: Signing, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    http = shared.http.removeprefix("http://")
    async with GatewayProcess(tmp_path, signing.jwks_file, notifier=shared.grpc, notifier_http=http) as process:
        yield process


@pytest.fixture
async def own(database_url: str, redis_url: str, signing: Signing, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """A notifier of the test's own, on stores of its own."""
    async with ServiceProcess("notifier", environment(database_url, redis_url, signing), tmp_path) as process:
        yield process
