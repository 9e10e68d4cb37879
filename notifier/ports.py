"""What sending needs from the world outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from notifier.notification import Notification
from notifier.preferences import Preferences
from tradewinds import redis_keys


@dataclass(frozen=True)
class Stored:
    """What became of one: its id (the first one's where it was a duplicate) and when that was accepted."""

    notification_id: str
    created_us: int
    duplicate: bool


@dataclass(frozen=True)
class Claim:
    """A user's dedupe key, and the id that a notification under it would have."""

    user_id: str
    dedupe_key: str
    notification_id: str

    @property
    def redis_key(self) -> str:
        """Where it is remembered."""
        return redis_keys.notification_dedupe(self.user_id, self.dedupe_key)


class Keeper(Protocol):
    """Keeps notifications durably."""

    async def insert(self, notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[Stored]:
        """Durable when this returns; raises `UnavailableError`."""
        ...


class Telling(Protocol):
    """Tells followers."""

    async def publish(self, notifications: Sequence[Notification], remember: Mapping[str, str]) -> None:
        """Live in order when this returns; raises `UnavailableError`."""
        ...


class Claiming(Protocol):
    """Sees to it that a key is sent once."""

    async def take(self, claims: Sequence[Claim]) -> dict[Claim, str]:
        """Those that were sent before, with their first id; the others are ours. Raises `UnavailableError`."""
        ...

    async def release(self, claims: Sequence[Claim]) -> None:
        """The work was not done."""
        ...


class PreferenceSource(Protocol):
    """Knows what users want to be told live."""

    async def of_users(self, user_ids: Collection[str]) -> dict[str, Preferences]:
        """Never raises; defaults where it does not know."""
        ...
