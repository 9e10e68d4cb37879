"""Servers of the user's own, named by DATABASE_URL and REDIS_URL: looked at before anything is started."""

from __future__ import annotations

from pydantic import SecretStr, ValidationError

from tradewinds.config import DatabaseSettings, RedisSettings
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.errors import ConfigurationError

_ANSWER_SECONDS = 5.0


async def check_database(url: str) -> None:
    """Raise `ConfigurationError` or `UnavailableError`, naming DATABASE_URL and the remedy, unless it can be worked with."""
    from tradewinds.database.session import Database  # SQLAlchemy: half a second that other starts do not need

    try:
        settings = DatabaseSettings(url=SecretStr(url))
    except ValidationError as e:
        raise ConfigurationError(f"DATABASE_URL: {_problem(e)}; write postgresql://user:password@host:port/name") from e
    database = Database(settings)
    try:
        await database.connect(deadline_seconds=_ANSWER_SECONDS)
    finally:
        await database.close()


async def check_redis(url: str) -> None:
    """Raise `ConfigurationError` or `UnavailableError`, naming REDIS_URL and the remedy, unless it answers."""
    try:
        settings = RedisSettings(url=SecretStr(url))
    except ValidationError as e:
        raise ConfigurationError(f"REDIS_URL: {_problem(e)}; write redis://[:password@]host:port/0") from e
    redis = RedisConnection(settings)
    try:
        await redis.connect(deadline_seconds=_ANSWER_SECONDS)
    finally:
        await redis.close()


def _problem(error: ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Value error, ")
