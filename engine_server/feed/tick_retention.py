"""How much of the tick stream stays: what the slowest reader may still have to catch up on, and no more.

That is another replica's judge of price alerts, which goes on where its predecessor was last known to be: a lease of six seconds, a
second until it is asked for, a second since the place was kept. By the time of the entries' ids, which are Redis' own, so that no
clock of ours matters; and by bytes, whatever the rate, for an entry holds a whole batch.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

KEPT_SECONDS: Final = 10.0
KEPT_BYTES: Final = 32 * 1024 * 1024  # of ours; what a feed before us wrote goes with its time
_ENTRY_BYTES: Final = 64  # beside the payload, about


class _Entry(NamedTuple):
    milliseconds: int
    sequence: int
    size: int


class TickRetention:
    """Told of every entry that was written; knows from which one on to keep."""

    def __init__(self, seconds: float = KEPT_SECONDS, most_bytes: int = KEPT_BYTES) -> None:
        self._kept_ms = round(seconds * 1000)
        self._most_bytes = most_bytes
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self._has_cut = False
        self.oldest: str | None = None  # None: nobody knows yet what time it is at Redis

    def written(self, entry_id: str, payload_bytes: int) -> None:
        """One more entry."""
        milliseconds, sequence = map(int, entry_id.split("-"))
        if self._entries and milliseconds < self._entries[-1].milliseconds:
            self._forget()  # another life of the stream
        self._entries.append(_Entry(milliseconds, sequence, payload_bytes + _ENTRY_BYTES))
        self._bytes += payload_bytes + _ENTRY_BYTES
        since_ms = milliseconds - self._kept_ms
        while self._entries[0].milliseconds < since_ms:
            self._drop()
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            self._drop()
            self._has_cut = True
        # Unless something of ours has been cut off, there may be an earlier feed's before it.
        first = self._entries[0]
        self.oldest = f"{first.milliseconds}-{first.sequence}" if self._has_cut else f"{since_ms}-0"

    def _drop(self) -> None:
        self._bytes -= self._entries.popleft().size

    def _forget(self) -> None:
        self._entries.clear()
        self._bytes, self._has_cut = 0, False
