"""One sandbox and one egress per test module or test, the adapter between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import uvloop

from engine_server.broker.angel_one import AngelOneBroker
from tests.support.angel_one import KeptInMemory, broker_at, running_egress
from tests.support.sandbox_process import SandboxProcess


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, as in `tradewinds.service.run`."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    """A real sandbox process, shared by the module's tests: they tell their orders by tag."""
    process = SandboxProcess()
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def egress_url(sandbox: SandboxProcess) -> AsyncIterator[str]:
    """A real egress that leads to the sandbox."""
    async with running_egress(sandbox.https_url) as egress:
        yield egress.url


@pytest.fixture
def store() -> KeptInMemory:
    """Where the test's broker keeps its session."""
    return KeptInMemory()


@pytest.fixture
async def broker(sandbox: SandboxProcess, egress_url: str, store: KeptInMemory) -> AsyncIterator[AngelOneBroker]:
    """The adapter, logged in."""
    async with broker_at(sandbox, egress_url, store=store) as broker:
        await broker.login()
        yield broker
