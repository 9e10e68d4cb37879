"""The rows that make the feed stream what a strategy wants: market_subscriptions of subscriber `config:{config_id}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ADD = text(
    """
    INSERT INTO market_subscriptions (subscriber, instrument)
    SELECT subscriber, instrument FROM unnest(CAST(:subscribers AS text[]), CAST(:instruments AS text[])) AS w (subscriber, instrument)
    ON CONFLICT DO NOTHING
    """
)
_KEEP_ONLY = text(
    "DELETE FROM market_subscriptions WHERE subscriber = :subscriber AND NOT instrument = ANY(CAST(:instruments AS text[]))"
)
_REMOVE = text("DELETE FROM market_subscriptions WHERE subscriber = ANY(CAST(:subscribers AS text[]))")


def subscriber(config_id: str) -> str:
    """The name that a strategy's rows go by."""
    return f"config:{config_id}"


def instruments_of(config: Mapping[str, object]) -> tuple[str, ...]:
    """The canonical keys that stored parameters name, in order and once: `symbols`, `signal_symbols`, `symbol`."""
    lists = (config.get(name) for name in ("symbols", "signal_symbols"))
    named = [key for symbols in lists if isinstance(symbols, list) for key in symbols]
    named.append(config.get("symbol"))
    return tuple(dict.fromkeys(key for key in named if isinstance(key, str) and key))


async def want(session: AsyncSession, wishes: Iterable[tuple[str, str]]) -> None:
    """Add (config_id, instrument) wishes; those there already stay."""
    rows = sorted(set(wishes))
    if rows:
        await session.execute(
            _ADD, {"subscribers": [subscriber(c) for c, _ in rows], "instruments": [key for _, key in rows]}
        )


async def want_only(session: AsyncSession, config_id: str, instruments: Iterable[str]) -> None:
    """Make `instruments` the whole set of this strategy."""
    keys = sorted(set(instruments))
    await session.execute(_KEEP_ONLY, {"subscriber": subscriber(config_id), "instruments": keys})
    await want(session, [(config_id, key) for key in keys])


async def want_nothing(session: AsyncSession, config_ids: Iterable[str]) -> None:
    """These strategies are over."""
    await session.execute(_REMOVE, {"subscribers": [subscriber(c) for c in config_ids]})
