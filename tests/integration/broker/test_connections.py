"""Warm connections, kept so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine_server.broker.angel_one import connections as module
from engine_server.broker.angel_one.connections import Connections
from engine_server.broker.angel_one.egress_route import EgressRoute, origin_of
from tests.support.angel_one import running_egress
from tests.support.broken_broker import BrokenBroker
from tests.support.waiting import eventually
from tradewinds.errors import ConfigurationError


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[BrokenBroker]:
    server = BrokenBroker(tmp_path)
    async with server.serving():
        yield server


@pytest.fixture
async def connections(server: BrokenBroker) -> AsyncIterator[Connections]:
    async with running_egress(server.url) as egress:
        route = EgressRoute.make(egress.url, "ACC1", 1, server.ca_file)
        connections = Connections(route, origin_of(server.url), 3)
        yield connections
        connections.close()


async def test_refresh_opens_what_is_missing_and_no_more(server: BrokenBroker, connections: Connections) -> None:
    await asyncio.to_thread(connections.refresh)
    await asyncio.to_thread(connections.refresh)
    taken = await asyncio.to_thread(connections.take, 1.0)
    await asyncio.to_thread(connections.refresh)
    assert server.connections == 3
    connections.give_back(taken, reusable=False)
    await asyncio.to_thread(connections.refresh)
    await eventually(lambda: server.connections == 4)


async def test_what_has_idled_too_long_is_replaced(
    server: BrokenBroker, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(connections.refresh)
    monkeypatch.setattr(module, "MAX_IDLE_SECONDS", 0.0)
    await asyncio.to_thread(connections.refresh)
    await eventually(lambda: server.connections == 6)


async def test_the_connection_used_last_is_taken_first_also_after_a_refresh(connections: Connections) -> None:
    await asyncio.to_thread(connections.refresh)
    last = await asyncio.to_thread(connections.take, 1.0)
    connections.give_back(last, reusable=True)
    await asyncio.to_thread(connections.refresh)
    again = await asyncio.to_thread(connections.take, 1.0)
    assert again is last
    connections.give_back(again, reusable=False)


async def test_after_close_nothing_is_kept(server: BrokenBroker, connections: Connections) -> None:
    taken = await asyncio.to_thread(connections.take, 1.0)
    connections.close()
    connections.give_back(taken, reusable=True)
    assert taken.sock is None
    await asyncio.to_thread(connections.refresh)
    assert server.connections == 1


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:80", ""])
def test_an_egress_url_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="EGRESS_URL"):
        EgressRoute.make(url, "ACC1", 1, None)


def test_a_ca_file_that_is_none_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigurationError, match="BROKER_CA_FILE"):
            EgressRoute.make("http://127.0.0.1:1", "ACC1", 1, tmp_path / name)


@pytest.mark.parametrize("url", ["http://a", "https://", "https://a/path", "https://a?x=1"])
def test_a_rest_url_that_is_no_origin_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="BROKER_REST_URL"):
        origin_of(url)
