"""What a strategy prints goes to its runner's log, line by line, under its name."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Final

_LINES_PER_SECOND: Final = 100
_LONGEST_LINE: Final = 2_000


class PrintedLines(io.TextIOBase):
    """Stands in for stdout and stderr. More than 100 lines a second are counted instead of sent."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._partial = ""
        self._window_began = time.monotonic()
        self._sent = 0
        self._dropped = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Send whole lines; keep the rest."""
        *lines, rest = (self._partial + text).split("\n")
        self._partial = rest[:_LONGEST_LINE]
        for line in lines:
            self._offer(line)
        return len(text)

    def _offer(self, line: str) -> None:
        now = time.monotonic()
        if now - self._window_began >= 1:
            if self._dropped:
                self._send(f"… {self._dropped} lines dropped: more than {_LINES_PER_SECOND} a second")
            self._window_began, self._sent, self._dropped = now, 0, 0
        if self._sent >= _LINES_PER_SECOND:
            self._dropped += 1
            return
        self._sent += 1
        self._send(line[:_LONGEST_LINE])
