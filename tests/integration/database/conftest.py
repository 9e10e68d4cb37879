"""Servers of a test's own, which it may stop, freeze and kill."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey


@pytest.fixture
async def own_postgres(state_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(state_dir / "postgres", settings={"fsync": "off"}) as server:
        yield server


@pytest.fixture
async def own_valkey(state_dir: Path) -> AsyncIterator[EmbeddedValkey]:
    async with EmbeddedValkey(state_dir / "valkey") as server:
        yield server
