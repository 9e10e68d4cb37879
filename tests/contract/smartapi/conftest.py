"""A real sandbox process and the stock client, logged in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import logzero
import pytest
import requests

from tests.contract.smartapi.stock import StockClient
from tests.support.sandbox_process import SandboxProcess

_PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="session")
def smart_api() -> Iterator[Any]:
    """The package. Its import asks api.ipify.org for an address, without a timeout, and its objects open log files: not here."""
    with mock.patch.object(requests, "get", side_effect=requests.ConnectionError("no network in tests")):
        import SmartApi.smartConnect
        import SmartApi.smartWebSocketOrderUpdate
        import SmartApi.smartWebSocketV2
    with mock.patch.object(logzero, "logfile"):
        yield SmartApi


@pytest.fixture(scope="module")
def sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    """One sandbox for the tests of a module: they tell their orders by tag."""
    process = SandboxProcess()
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def fresh_sandbox() -> AsyncIterator[SandboxProcess]:
    """One that nobody has traded at."""
    async with SandboxProcess() as process:
        yield process


@pytest.fixture
def connect_to(smart_api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`connect_to(process)`: the stock client there, not logged in."""
    monkeypatch.chdir(tmp_path)  # it makes a folder ./logs
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def connect(process: SandboxProcess) -> StockClient:
        # What is asked here is what it sends and reads; its 7 s are too few for a machine that does other things too.
        class Client(smart_api.smartConnect.SmartConnect):
            _rootUrl = process.http_url  # noqa: N815 - the name is theirs

        return StockClient(Client(api_key=process.credentials.api_key, timeout=_PATIENCE_SECONDS), process, {})

    return connect


@pytest.fixture
async def client(connect_to: Any, sandbox: SandboxProcess) -> StockClient:
    """The stock client, logged in."""
    connected: StockClient = connect_to(sandbox)
    await connected.login()
    return connected
