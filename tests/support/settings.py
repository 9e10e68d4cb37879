"""Settings for tests, from URLs."""

from __future__ import annotations

from pydantic import SecretStr

from tradewinds.config import DatabaseSettings, RedisSettings


def database_settings(url: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(url), pool_size=2)


def redis_settings(url: str) -> RedisSettings:
    return RedisSettings(url=SecretStr(url))
