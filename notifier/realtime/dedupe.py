"""Dedupe keys in Redis: claimed before the work, remembered in the very write that tells it live.

A claim that its owner never fulfils (it died) ends by itself, so that a retry is not mistaken for a duplicate of something that nobody
was told. PostgreSQL's unique index stays the judge of what is kept; this is all there is for realtime types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

from notifier.grouping import Grouping
from notifier.realtime.stream_store import STREAM_ERRORS, StreamStore
from tradewinds.database.reconnecting import describe
from tradewinds.errors import UnavailableError

_CLAIM_MS: Final = 3_000
_CLAIMED: Final = "~"
_PER_QUESTION: Final = 2_000


class Claims:
    """Who may send under a key now."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store
        self._taking: Grouping[Mapping[str, str], dict[str, str]] = Grouping(
            self._take, at_once=1, maximum=_PER_QUESTION, size_of=len, failing_all=STREAM_ERRORS
        )

    async def take(self, claims: Mapping[str, str]) -> dict[str, str]:
        """Take every key for the id that it would stand for; returns those that were sent before, with their first id. All the others
        are ours.

        Raises `UnavailableError`: Redis does not answer, or (reason IN_PROGRESS) another send under a key is under way; nothing is
        claimed then.
        """
        if not claims:
            return {}
        try:
            before = await self._taking.done(claims)
        except STREAM_ERRORS as e:
            raise UnavailableError(f"Redis does not answer ({describe(e)}); try again") from e
        if any(value.startswith(_CLAIMED) for value in before.values()):
            await self.release([key for key in claims if key not in before])
            raise UnavailableError(
                f"a dedupe_key of this request is being sent right now; try again in {_CLAIM_MS // 1000} s",
                reason="IN_PROGRESS",
            )
        return before

    async def _take(self, many: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """For several who ask in this moment; of a key that two of them name the first one is its owner."""
        wanted = [(key, f"{_CLAIMED}{id_}") for claims in many for key, id_ in claims.items()]
        found = await self._store.claim(wanted, _CLAIM_MS)
        places = count()
        return [
            {key: found[place] for key, place in zip(claims, places, strict=False) if place in found} for claims in many
        ]

    async def release(self, keys: Sequence[str]) -> None:
        """The work was not done: whoever tries again need not wait."""
        await self._store.release(keys)
