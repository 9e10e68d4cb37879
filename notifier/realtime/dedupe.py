"""Dedupe keys in Redis: claimed before the work, remembered in the very write that tells it live.

A claim that its owner never fulfils (it died) ends by itself, so that a retry is not mistaken for a duplicate of something that nobody
was told. PostgreSQL's unique index stays the judge of what is kept; this is all there is for realtime types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from notifier.ports import Claim
from notifier.realtime.stream_store import STREAM_ERRORS, StreamStore
from tradewinds.database.reconnecting import describe
from tradewinds.errors import UnavailableError

_CLAIM_MS: Final = 3_000
_CLAIMED: Final = "~"


class Claims:
    """Who may send under a key now."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store

    async def take(self, claims: Sequence[Claim]) -> dict[Claim, str]:
        """Take every claim; returns those that were sent before, with their first id. All the others are ours.

        Raises `UnavailableError`: Redis does not answer, or (reason IN_PROGRESS) another send under a key is under way; nothing is
        claimed then.
        """
        if not claims:
            return {}
        try:
            before = await self._store.claim(
                {claim.redis_key: f"{_CLAIMED}{claim.notification_id}" for claim in claims}, _CLAIM_MS
            )
        except STREAM_ERRORS as e:
            raise UnavailableError(f"Redis does not answer ({describe(e)}); try again") from e
        if busy := [claim for claim in claims if (before[claim.redis_key] or "").startswith(_CLAIMED)]:
            await self.release([claim for claim in claims if before[claim.redis_key] is None])
            raise UnavailableError(
                f"dedupe_key {busy[0].dedupe_key!r} is being sent right now; try again in {_CLAIM_MS // 1000} s",
                reason="IN_PROGRESS",
            )
        return {claim: first for claim in claims if (first := before[claim.redis_key]) is not None}

    async def release(self, claims: Sequence[Claim]) -> None:
        """The work was not done: whoever tries again need not wait."""
        await self._store.release([claim.redis_key for claim in claims])
