"""Fixtures of the OMS's integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from engine_server.broker.scripted import ScriptedBroker
from tests.integration.oms.engine import Engine, add_account, running_engine
from tradewinds.database.session import Database


@pytest.fixture
def broker() -> ScriptedBroker:
    """Accepts everything unless the test scripts it."""
    return ScriptedBroker()


@pytest.fixture
async def engine(database: Database, broker: ScriptedBroker) -> AsyncIterator[Engine]:
    """One running engine that owns the account ACC1 of asha, its gate open."""
    await add_account(database)
    async with running_engine(database, broker) as engine:
        yield engine
