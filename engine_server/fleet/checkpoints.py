"""Strategies' saved state: one row each, fenced by epoch, never going back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tradewinds.database.session import Database

# The holder's instance and epoch are checked in the write itself: a zombie's state never replaces its successor's.
_SAVE = """
    INSERT INTO strategy_checkpoints AS k (config_id, epoch, last_event_sequence, state)
    SELECT b.config_id, b.epoch, b.last_event_sequence, b.state
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::jsonb[]) AS b (config_id, epoch, last_event_sequence, state)
    JOIN assignments a ON a.config_id = b.config_id AND a.epoch = b.epoch AND a.instance_id = $5
    ON CONFLICT (config_id) DO UPDATE
    SET epoch = excluded.epoch, last_event_sequence = excluded.last_event_sequence, state = excluded.state,
        updated_at = now()
    WHERE (excluded.epoch, excluded.last_event_sequence) >= (k.epoch, k.last_event_sequence)
    RETURNING k.config_id
"""
_SEQUENCE = "SELECT last_event_sequence FROM strategy_checkpoints WHERE config_id = $1"


@dataclass(frozen=True)
class Checkpoint:
    """State and the last order event that it includes: one fact."""

    config_id: str
    epoch: int
    last_event_sequence: int
    state: dict[str, object]


def parse_state(text: str) -> dict[str, object]:
    """The JSON object of a saved state; raises `ValueError` for anything that PostgreSQL could not keep."""
    state = msgspec.json.decode(text)
    if not isinstance(state, dict):
        raise ValueError(f"a state is a JSON object, this is a {type(state).__name__}")  # noqa: TRY004 - one error for bad input
    if "\\u0000" in text:
        raise ValueError("a state cannot hold the character NUL")
    return state


class CheckpointStore:
    """Writes and reads the rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, instance_id: str, checkpoints: Sequence[Checkpoint]) -> set[str]:
        """Save at most one per strategy; returns those that were: the others are no longer this instance's, or older."""
        rows = await self._database.pool.fetch(
            _SAVE,
            [c.config_id for c in checkpoints],
            [c.epoch for c in checkpoints],
            [c.last_event_sequence for c in checkpoints],
            [c.state for c in checkpoints],
            instance_id,
        )
        return {row["config_id"] for row in rows}

    async def last_event_sequence(self, config_id: str) -> int:
        """Order events up to here are in the saved state; 0 without one."""
        return await self._database.pool.fetchval(_SEQUENCE, config_id) or 0
