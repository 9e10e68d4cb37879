"""What sending needs from the world outside."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from notifier.notification import NewNotification, Notification
from notifier.preferences import Preferences
from notifier.realtime.composing import Bulk


class Stored(msgspec.Struct, frozen=True, gc=False):
    """What became of one: its id (the first one's where it was a duplicate) and when that was accepted."""

    notification_id: str
    created_us: int
    duplicate: bool


class Keeper(Protocol):
    """Keeps notifications durably."""

    async def insert(self, notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[Stored]:
        """Durable when this returns; raises `UnavailableError`."""
        ...


class Telling(Protocol):
    """Tells followers."""

    def publish(self, told: Bulk, remember: Mapping[str, str], newest_us: int) -> Awaitable[None]:
        """On its way, in order, when this returns; live, and the dedupe keys of `remember` stand for their ids, when it has been awaited.
        Both raise `UnavailableError`."""
        ...


class Claiming(Protocol):
    """Sees to it that a key is sent once."""

    async def take(self, claims: Mapping[str, str]) -> dict[str, str]:
        """`claims`: keys, and the ids that they would stand for. Returns those that were sent before, with their first id; the others
        are ours. Raises `UnavailableError`."""
        ...

    async def release(self, keys: Sequence[str]) -> None:
        """The work was not done."""
        ...


class Contents(Protocol):
    """Knows the contract's bytes."""

    def content_of(self, new: NewNotification) -> bytes:
        """What a notification says, as the contract's Notification."""
        ...

    def data_of(self, new: NewNotification) -> dict[str, Any]:
        """Its facts, decoded if need be."""
        ...

    def new_of(self, user_id: str, content: bytes) -> NewNotification:
        """What the contract's Notification says to a user."""
        ...


class PreferenceSource(Protocol):
    """Knows what users want to be told live."""

    async def of_users(self, user_ids: Collection[str]) -> dict[str, Preferences]:
        """Never raises; defaults where it does not know."""
        ...

    def in_memory(self, user_ids: Collection[str]) -> Mapping[str, Preferences] | None:
        """Of those who want anything else than most, without a wait; None where that takes one."""
        ...
