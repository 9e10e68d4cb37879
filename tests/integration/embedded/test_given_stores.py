"""A server of the user's own is looked at before anything is started; what is wrong is said by the variable's name."""

from __future__ import annotations

import pytest

from tradewinds.embedded import given_stores
from tradewinds.embedded.given_stores import check_database, check_redis
from tradewinds.errors import TradewindsError


async def test_servers_that_answer_are_taken(database_url: str, redis_url: str) -> None:
    await check_database(database_url)
    await check_redis(redis_url)


@pytest.mark.parametrize(
    "url", ["mysql://root@127.0.0.1/x", "127.0.0.1:5432", "postgresql://nobody:x@127.0.0.1:1/none"]
)
async def test_a_database_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(given_stores, "_ANSWER_SECONDS", 0.3)
    with pytest.raises(TradewindsError, match="DATABASE_URL"):
        await check_database(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis://127.0.0.1:1/0"])
async def test_a_redis_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(given_stores, "_ANSWER_SECONDS", 0.3)
    with pytest.raises(TradewindsError, match="REDIS_URL"):
        await check_redis(url)


async def test_a_wrong_password_is_told_at_once(database_url: str) -> None:
    with pytest.raises(TradewindsError, match="DATABASE_URL"):
        await check_database(database_url.replace("tradewinds:", "tradewinds:wrong", 1))
