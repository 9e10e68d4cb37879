"""A store of the stack that dies comes back at its address, and nowhere else."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.waiting import eventually
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.supervised_store import Store, SupervisedStore
from tradewinds.embedded.valkey import EmbeddedValkey


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture(params=["postgres", "valkey"])
async def store(request: pytest.FixtureRequest, state_dir: Path, told: list[str]) -> AsyncIterator[SupervisedStore]:
    server: Store = (
        EmbeddedPostgres(state_dir / "postgres", settings={"fsync": "off"})
        if request.param == "postgres"
        else EmbeddedValkey(state_dir / "valkey")
    )
    supervised = SupervisedStore(request.param, server, lambda _name, what: told.append(what))
    await supervised.start()
    yield supervised
    await supervised.stop()


async def test_a_killed_store_is_started_again_at_its_address(store: SupervisedStore, told: list[str]) -> None:
    url, before = store.url, store.pid
    os.kill(before, signal.SIGKILL)

    await eventually(lambda: store.pid not in (0, before), timeout=20, what="another process")
    assert store.url == url
    assert told == ["ended with exit code -9, starting it again", f"up again as process {store.pid}"]


async def test_a_taken_address_is_waited_for(store: SupervisedStore, told: list[str]) -> None:
    url, before = store.url, store.pid
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(before, signal.SIGKILL)

        def taken() -> bool:
            try:
                stranger.bind(("127.0.0.1", urlsplit(url).port or 0))
            except OSError:
                return False
            return True

        await eventually(taken, interval=0.001, what="the port is free for a moment")
        stranger.listen()
        await eventually(lambda: any("Address already in use" in what for what in told), timeout=20)
        assert store.pid == 0

    await eventually(lambda: store.pid, timeout=20, what="it is back")
    assert store.url == url


async def test_it_is_not_started_again_after_it_was_stopped(store: SupervisedStore, told: list[str]) -> None:
    await store.stop()
    assert (store.pid, told) == (0, [])
