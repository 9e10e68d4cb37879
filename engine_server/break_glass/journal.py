"""What break-glass did: lines on the disk, each under a keyed hash of itself and the one before it, to be told later."""

from __future__ import annotations

import hmac
import json
import os
from pathlib import Path

from tradewinds.clock import Clock


class Journal:
    """Appends; every line is on the disk before the next thing is done."""

    def __init__(self, path: Path, seal_key: bytes, clock: Clock) -> None:
        self._key = hmac.digest(seal_key, b"tradewinds break-glass journal v1", "sha256")
        self._clock = clock
        self._file = path.open("ab")
        self._last = b""

    def write(self, action: str, **facts: object) -> None:
        """One line, on the terminal too."""
        line = json.dumps({"at": self._clock.now().isoformat(), "action": action, **facts}, default=str)
        self._last = hmac.digest(self._key, self._last + line.encode(), "sha256")
        self._file.write(f"{line}\t{self._last.hex()}\n".encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        print(f"{action}: " + ", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)  # noqa: T201

    def close(self) -> None:
        """No more."""
        self._file.close()
