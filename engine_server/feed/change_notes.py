"""Writes down what a new scrip master changed, pauses the strategies that it concerns, and tells their users, in one transaction.

Whoever of several feeds writes a change first acts on it; a person who resumed a strategy afterwards is not overruled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from engine_server.instruments.changes import InstrumentChange
from tradewinds.instruments import InstrumentKey

ISSUER: Final = "scrip master"
NOTIFICATION_TYPE: Final = "INSTRUMENT_CHANGED"
_TIMEOUT_SECONDS: Final = 10.0
_NAMED = """
    SELECT c.config_id, c.user_id, symbol FROM strategy_configs c
    CROSS JOIN LATERAL (
        SELECT jsonb_array_elements_text(CASE jsonb_typeof(config -> 'symbols') WHEN 'array' THEN config -> 'symbols' ELSE '[]' END)
        UNION SELECT config ->> 'symbol'
        UNION SELECT w.instrument FROM market_subscriptions w WHERE w.subscriber = 'config:' || c.config_id
    ) AS named (symbol)
    WHERE symbol IS NOT NULL
"""
_USED = f"SELECT instrument FROM market_subscriptions UNION SELECT symbol FROM ({_NAMED}) AS named"  # noqa: S608 - constant
_NOTE = """
INSERT INTO instrument_changes (trade_day, instrument, kind, before, after)
SELECT $1, instrument, kind, before, after
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS c (instrument, kind, before, after)
ON CONFLICT DO NOTHING
RETURNING instrument, kind
"""
_CONCERNED = (
    f"SELECT config_id, user_id, symbol FROM ({_NAMED}) AS named WHERE symbol = ANY($1) ORDER BY config_id, symbol"  # noqa: S608
)
# It may take long until an engine is there: what is unsettling today is so tomorrow.
_PAUSE = """
INSERT INTO strategy_commands (config_id, verb, issuer, reason, expires_at)
VALUES ($1, 'PAUSE', $2, $3, now() + interval '7 days')
"""
_TELL = "INSERT INTO outbox (topic, dedupe_key, payload) VALUES ($1, $2, $3)"


async def used(connection: Any) -> set[InstrumentKey]:
    """The instruments that somebody watches or that a strategy's parameters name. Raises asyncpg's errors."""
    return {row["instrument"] for row in await connection.fetch(_USED, timeout=_TIMEOUT_SECONDS)}


async def note(connection: Any, day: date, changes: Sequence[InstrumentChange]) -> list[InstrumentChange]:
    """Write those that nobody has written yet and act on them; returns them. The caller commits. Raises asyncpg's errors."""
    columns = ([c.instrument for c in changes], [c.kind for c in changes], [c.before for c in changes])
    rows = await connection.fetch(_NOTE, day, *columns, [c.after for c in changes], timeout=_TIMEOUT_SECONDS)
    written = {(row["instrument"], row["kind"]) for row in rows}
    new = [change for change in changes if (change.instrument, change.kind) in written]
    await _act(connection, day, new)
    return new


async def _act(connection: Any, day: date, changes: Sequence[InstrumentChange]) -> None:
    by_instrument = defaultdict(list)
    for change in changes:
        by_instrument[change.instrument].append(change)
    concerned: dict[tuple[str, str], list[InstrumentChange]] = defaultdict(list)
    for row in await connection.fetch(_CONCERNED, list(by_instrument), timeout=_TIMEOUT_SECONDS):
        concerned[row["config_id"], row["user_id"]] += by_instrument[row["symbol"]]
    for (config_id, user_id), theirs in concerned.items():
        unsettling = [change for change in theirs if change.is_unsettling]
        if unsettling:
            await connection.execute(_PAUSE, config_id, ISSUER, _because(day, unsettling), timeout=_TIMEOUT_SECONDS)
        payload = _event(config_id, user_id, day, theirs, is_paused=bool(unsettling))
        key = f"{NOTIFICATION_TYPE.lower()}:{config_id}:{day}"
        await connection.execute(_TELL, NOTIFICATION_TYPE, key, payload, timeout=_TIMEOUT_SECONDS)


def _because(day: date, changes: Sequence[InstrumentChange]) -> str:
    return f"{'; '.join(change.described() for change in changes)} (scrip master of {day})"


def _event(
    config_id: str, user_id: str, day: date, changes: Sequence[InstrumentChange], *, is_paused: bool
) -> dict[str, Any]:
    remedy = "; it is paused: change its parameters if need be, then resume it" if is_paused else ""
    return {
        "user_id": user_id,
        "type": NOTIFICATION_TYPE,
        "title": f"An instrument of {config_id} has changed",
        "message": f"{_because(day, changes)}{remedy}",
        "data": {
            "config_id": config_id,
            "day": str(day),
            "is_paused": is_paused,
            "changes": [
                {"instrument": c.instrument, "kind": c.kind, "before": c.before, "after": c.after} for c in changes
            ],
        },
    }
