"""The fence: from which epoch on an account's bytes pass. It only rises, and what it says survives the process.

PostgreSQL can stop a stale owner of an account from writing, not from sending: one that was frozen and thaws would still push
its bytes. So all of them pass here, and whoever takes over raises the fence first. Without a fence for an account nothing of it
passes: an egress that has lost its state starts closed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from tradewinds.errors import ConfigurationError

_FILE = "fences.json"
# Who stopped an account by hand shuts everybody else out until it is reopened by hand.
BREAK_GLASS: Final = "break-glass"
REOPENED: Final = "break-glass-reopened"


class Fence(msgspec.Struct, frozen=True):
    """The epoch in force, and who raised the fence to it."""

    epoch: int
    owner: str


class _Kept(msgspec.Struct, frozen=True):
    """The file: a fence whose epoch has one digit changed would let an older owner pass, so it has a checksum."""

    fences: dict[str, Fence]
    sha256: str


class FenceAheadError(Exception):
    """The fence is beyond the epoch asked for, or another owner raised it to the same."""

    def __init__(self, fence: Fence) -> None:
        super().__init__(f"the fence stands at {fence.epoch}, raised by {fence.owner}")
        self.fence = fence


class Fences:
    """All accounts' fences. With a folder they are kept there; without one they end with the process."""

    def __init__(self, folder: Path | None) -> None:
        """Raises `ConfigurationError` where the folder or what is in it cannot be read: guessing would open the fence."""
        self._folder = folder
        self._fences: Mapping[str, Fence] = {}
        if folder is not None:
            self._fences = _load(folder)

    @property
    def in_force(self) -> Mapping[str, Fence]:
        """By account."""
        return self._fences

    def admits(self, account: str, epoch: int) -> bool:
        """Whether bytes of this account may pass under this epoch."""
        fence = self._fences.get(account)
        return fence is not None and fence.epoch == epoch

    def why_not(self, account: str, epoch: int) -> str:
        """For a person, when `admits` says no."""
        fence = self._fences.get(account)
        if fence is None:
            return f"no fence has been raised for account {account} here: whoever owns it does so first (POST /fence)"
        if epoch < fence.epoch:
            return f"epoch {epoch} of account {account} is over: {fence.owner} raised the fence to {fence.epoch}"
        if fence.owner == BREAK_GLASS:
            return (
                f"account {account} was stopped by break-glass; reopen it with `break-glass reopen --account {account}`"
            )
        return f"the fence of account {account} stands at {fence.epoch}; raise it to {epoch} first (POST /fence)"

    def raise_to(self, account: str, fence: Fence) -> bool:
        """Raise one, durably before this returns; False where it stood there already. Raises `FenceAheadError`, and `OSError`
        where it cannot be kept (then nothing has changed). Blocks for the disk.
        """
        now = self._fences.get(account)
        if now == fence:
            return False
        if now is not None and (fence.epoch <= now.epoch or _is_shut_out(now, fence)):
            raise FenceAheadError(now)
        fences = {**self._fences, account: fence}
        if self._folder is not None:
            _save(self._folder, fences)
        self._fences = fences
        return True


def _is_shut_out(now: Fence, wanted: Fence) -> bool:
    return now.owner == BREAK_GLASS and wanted.owner not in (BREAK_GLASS, REOPENED)


def _load(folder: Path) -> Mapping[str, Fence]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = (folder / _FILE).read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise ConfigurationError(f"EGRESS_STATE_DIR: {folder} cannot be used ({e})") from e
    try:
        return _read(content)
    except (ValueError, msgspec.DecodeError) as e:  # not UTF-8; no JSON, or not ours
        raise ConfigurationError(
            f"EGRESS_STATE_DIR: {folder / _FILE} cannot be read ({e}); move it away to start closed"
        ) from e


def _read(content: bytes) -> Mapping[str, Fence]:
    try:
        kept = msgspec.json.decode(content, type=_Kept)
    except msgspec.ValidationError:
        return msgspec.json.decode(content, type=dict[str, Fence])  # of an earlier version, which kept no checksum
    if kept.sha256 != _checksum(kept.fences):
        raise ValueError("its checksum says that it is not what was written")
    return kept.fences


def _checksum(fences: Mapping[str, Fence]) -> str:
    return hashlib.sha256(msgspec.json.encode(fences)).hexdigest()


def _save(folder: Path, fences: Mapping[str, Fence]) -> None:
    """The old file or the new one, never half of it, also after the machine has died."""
    temporary = folder / f".{_FILE}"
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(_Kept(dict(fences), _checksum(fences))))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / _FILE)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
