"""A real notifier with a market beside it, shared by a module's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.integration.alerts.market import FUTURE, NIFTY, RELIANCE, SBIN, Market, list_instruments
from tests.integration.notifier.conftest import (  # noqa: F401 - fixtures of its neighbour
    alice,
    gateway,
    shared,
    signing,
)


@pytest.fixture
async def market(valkey_url: str) -> AsyncIterator[Market]:
    """Open, with four instruments."""
    async with Redis.from_url(valkey_url) as client:
        await list_instruments(client, SBIN, RELIANCE, NIFTY, FUTURE)
        yield Market(client)
