"""The truth log: what this broker was asked and what it did, append-only, one JSON object a line.

A record is handed to the operating system before the answer leaves, so it survives the death of the process at any
instant; it is not forced to the disk, so it does not survive the death of the machine.
"""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sandbox.errors import BadInputError

_SECRET_KEYS = frozenset({"password", "pin", "mpin", "totp", "jwttoken", "refreshtoken", "feedtoken", "authorization"})


@dataclass(frozen=True, slots=True)
class TruthPage:
    """Records after a sequence number; `more` says that the page was cut at its limit."""

    records: list[dict[str, Any]]
    last_seq: int
    more: bool


class Truth(Protocol):
    """Where facts are written down."""

    def append(self, kind: str, **fields: Any) -> int:
        """Write one record and return its sequence number."""
        ...


class TruthLog:
    """Appends and reads `truth.jsonl`. Sequence numbers are 1, 2, 3 ... without a gap, across restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # The market clock can only be built once this log has been read, so it is set later.
        self.market_ms: Callable[[], int] = lambda: 0
        self._offsets = array("Q")
        self._size = 0
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._index()

    @property
    def last_seq(self) -> int:
        return len(self._offsets)

    def append(self, kind: str, **fields: Any) -> int:
        """Write one record and return its sequence number. Adds wall, monotonic and market time."""
        seq = len(self._offsets) + 1
        record = {
            "seq": seq,
            "kind": kind,
            "wall_ns": time.time_ns(),
            "mono_ns": time.monotonic_ns(),
            "market_ms": self.market_ms(),
            **fields,
        }
        line = json.dumps(record, separators=(",", ":"), default=str).encode() + b"\n"
        _write_all(self._fd, line)
        self._offsets.append(self._size)
        self._size += len(line)
        return seq

    def page(self, after: int, kinds: frozenset[str], limit: int) -> TruthPage:
        """At most `limit` records with a sequence above `after`, of the given kinds (none given: all)."""
        records: list[dict[str, Any]] = []
        seq = after
        for record in self._read(after):
            seq = record["seq"]
            if not kinds or record["kind"] in kinds:
                records.append(record)
                if len(records) == limit:
                    break
        return TruthPage(records, self.last_seq, seq < self.last_seq)

    def records(self) -> Iterator[dict[str, Any]]:
        """All of them, oldest first."""
        return self._read(0)

    def close(self) -> None:
        os.close(self._fd)

    def _read(self, after: int) -> Iterator[dict[str, Any]]:
        if after >= len(self._offsets):
            return
        with self._path.open("rb") as lines:
            lines.seek(self._offsets[max(0, after)])
            for line in lines:
                yield json.loads(line)

    def _index(self) -> None:
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    # A kill in the middle of the last write: that record was never acted upon.
                    os.ftruncate(self._fd, self._size)
                    return
                self._offsets.append(self._size)
                self._size += len(line)


def check_truth_file(path: Path) -> None:
    """Refuse a damaged log before anything is started from it. Raises BadInputError naming the line."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for n, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                good = json.loads(line)["seq"] == n
            except (ValueError, KeyError, TypeError):
                good = False
            if not good:
                raise BadInputError(
                    "--state-dir", f"{path} is damaged at line {n}", "move the folder away and start with an empty one"
                )


def redacted(body: Any) -> Any:
    """A request body without what must not be kept: PIN, one-time passwords and tokens."""
    if isinstance(body, dict):
        return {k: "***" if str(k).lower() in _SECRET_KEYS else redacted(v) for k, v in body.items()}
    if isinstance(body, list):
        return [redacted(item) for item in body]
    return body


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
