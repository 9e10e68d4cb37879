"""The ids under which a strategy places orders: the reason why a fill handled twice makes one order.

While an order event is handled: `CONFIG/eSEQUENCE-N`. A process that crashed after the call and is replayed the event
repeats the call under the same id, and gets the first order back. Otherwise: `CONFIG/pEPOCH.NONCE-N`, new per process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class RequestIds:
    """Counts the orders of one process. `nonce` differs between the processes of one epoch."""

    def __init__(self, config_id: str, epoch: int, nonce: str) -> None:
        self._config_id = config_id
        self._process = f"p{epoch}.{nonce}"
        self._process_count = 0
        self._event = ""
        self._event_count = 0

    @contextmanager
    def handling(self, sequence: int) -> Iterator[None]:
        """Ids within are those of this order event."""
        self._event, self._event_count = f"e{sequence}", 0
        try:
            yield
        finally:
            self._event = ""

    def next(self) -> str:
        """The id of the next order."""
        if self._event:
            self._event_count += 1
            return f"{self._config_id}/{self._event}-{self._event_count}"
        self._process_count += 1
        return f"{self._config_id}/{self._process}-{self._process_count}"
