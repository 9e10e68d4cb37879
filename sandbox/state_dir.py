"""The folder that a sandbox lives in: whose it is, the truth log, where the market was, the signing key."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import BadInputError
from sandbox.truth import check_truth_file


@dataclass(frozen=True, slots=True)
class Identity:
    """What a folder belongs to: another client or another price source would make its history false."""

    client_code: str
    source: str


@dataclass(frozen=True, slots=True)
class MarketMemory:
    """Where market time and prices were; `quotes` as QuoteBoard.remembered gives them."""

    market_ms: int
    jump: int
    quotes: dict[str, dict[str, int]]


class StateDir:
    """One process at a time; nothing is written before `claim`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def truth_file(self) -> Path:
        return self.path / "truth.jsonl"

    def check(self, identity: Identity) -> None:
        """Refuse a folder of another client or source, or a damaged one. Writes nothing. Raises BadInputError."""
        known = self._read_json("identity.json")
        if known is not None and known != asdict(identity):
            raise BadInputError(
                "--state-dir",
                f"{self.path} belongs to client {known.get('client_code')} with prices from {known.get('source')}",
                "give each client and each replay its own folder",
            )
        self._read_json("market.json")
        check_truth_file(self.truth_file)

    def claim(self, identity: Identity) -> None:
        """Create the folder and take it. Raises BadInputError when it cannot be written or is in use."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as e:
            raise BadInputError("--state-dir", f"cannot write to {self.path} ({e.strerror})", "choose another") from e
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInputError(
                "--state-dir", f"another sandbox is running in {self.path}", "stop it, or give another folder"
            ) from None
        write_atomically(self.path / "identity.json", json.dumps(asdict(identity)).encode())

    def release(self) -> None:
        """Let another process have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def signing_key(self) -> bytes:
        """The key of the session tokens: made once, readable by the owner only."""
        path = self.path / "session.key"
        if not path.exists():
            write_atomically(path, secrets.token_bytes(32), mode=0o600)
        return path.read_bytes()

    def market_memory(self) -> MarketMemory | None:
        known = self._read_json("market.json")
        return None if known is None else MarketMemory(**known)

    def remember_market(self, memory: MarketMemory) -> None:
        write_atomically(self.path / "market.json", json.dumps(asdict(memory)).encode())

    def _read_json(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as e:
            raise BadInputError("--state-dir", f"{path} cannot be read ({e})", "move the folder away") from e
        if not isinstance(content, dict):
            raise BadInputError("--state-dir", f"{path} is not a JSON object", "move the folder away")
        return content


def write_atomically(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A reader sees the old file or the whole new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    draft.replace(path)
