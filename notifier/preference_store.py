"""Users' profiles (preferences, and which channels lead somewhere): rows in PostgreSQL, cached in every replica, and dropped from the
caches the moment they change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from notifier.channels import Channel
from notifier.held_back import replan
from notifier.preferences import DEFAULTS, Preferences
from notifier.types import Severity
from tradewinds import audit
from tradewinds.database.connecting import TRANSIENT_ERRORS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.preferences")

CHANNEL: Final = "notification_settings"
_CACHE_LIMIT: Final = 100_000
_ACQUIRE_SECONDS: Final = 2.0
_READ_ERRORS: Final[tuple[type[Exception], ...]] = (
    *TRANSIENT_ERRORS,
    asyncpg.InterfaceError,
    asyncpg.QueryCanceledError,
)
WRITE_ERRORS: Final[tuple[type[Exception], ...]] = (DBAPIError, PoolTimeoutError, *_READ_ERRORS)

_SELECT: Final = """
SELECT user_id, muted_types, minimum_severity, preferences FROM notification_settings WHERE user_id = ANY($1)
"""
_SELECT_ENDPOINTS: Final = """
SELECT user_id, endpoint_id, channel FROM notification_endpoints
WHERE user_id = ANY($1) AND disabled_reason = '' AND verified_at IS NOT NULL ORDER BY created_at, endpoint_id
"""
# There may be no row to lock.
_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('notification_settings ' || :user_id, 0))")
_READ: Final = text(
    "SELECT muted_types, minimum_severity, preferences FROM notification_settings WHERE user_id = :user_id"
)
_UPSERT: Final = text(
    """
    INSERT INTO notification_settings (user_id, muted_types, minimum_severity, preferences)
    VALUES (:user_id, :muted_types, :minimum_severity, CAST(:preferences AS jsonb))
    ON CONFLICT (user_id) DO UPDATE SET muted_types = excluded.muted_types, minimum_severity = excluded.minimum_severity,
        preferences = excluded.preferences, updated_at = now()
    """
)
_TELL: Final = text("SELECT pg_notify(:channel, :user_id)")


@dataclass(frozen=True)
class Profile:
    """What deciding about one user needs; `endpoints` are those that work, (endpoint id, channel)."""

    preferences: Preferences = DEFAULTS
    endpoints: tuple[tuple[str, Channel], ...] = ()


UNKNOWN: Final = Profile()


class PreferenceStore:
    """Reads through a cache; `start` before use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: dict[str, Profile] = {}
        # Those of them who have no preferences: nearly everybody, and asking a set of a thousand at once takes no time.
        self._wishless: set[str] = set()
        # A row read before a change must not be cached after it.
        self._changes = 0

    async def start(self) -> None:
        """Listen for changes made by other replicas."""
        await self._database.listen(CHANNEL, self._changed)

    async def of_users(self, user_ids: Collection[str]) -> dict[str, Preferences]:
        """The preferences of each user. While PostgreSQL does not answer, the unknown count as defaults: better told than not."""
        return {user_id: profile.preferences for user_id, profile in (await self.profiles_of(user_ids)).items()}

    def in_memory(self, user_ids: Collection[str]) -> dict[str, Preferences] | None:
        """Of those who want anything else than most, without a wait, where all of them are in memory."""
        cache = self._cache
        if self._wishless.issuperset(user_ids):
            return {}
        try:
            return {user_id: cache[user_id].preferences for user_id in user_ids}
        except KeyError:
            return None

    async def profiles_of(self, user_ids: Collection[str]) -> dict[str, Profile]:
        """The profile of each user, on the same terms."""
        known = {user_id: self._cache[user_id] for user_id in user_ids if user_id in self._cache}
        unknown = [user_id for user_id in user_ids if user_id not in known]
        if unknown:
            try:
                known |= await self._load(unknown)
            except _READ_ERRORS as e:
                log.warning_throttled("unreadable", error=describe(e))
        return {user_id: known.get(user_id, UNKNOWN) for user_id in user_ids}

    async def read(self, user_id: str) -> Preferences:
        """One user's; raises `UnavailableError` when PostgreSQL does not answer."""
        try:
            return (await self._load([user_id]))[user_id].preferences
        except _READ_ERRORS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e

    async def write(self, user_id: str, preferences: Preferences, *, actor: str) -> None:
        """Replace one user's, with the audit record of it."""
        await self.change(user_id, lambda _: preferences, actor=actor)

    async def change(
        self, user_id: str, decide: Callable[[Preferences], Preferences], *, actor: str, source: str = ""
    ) -> None:
        """The same, with what `decide` makes of those that are there; nothing comes between."""
        try:
            async with self._database.session() as session:
                await session.execute(_ONE_AT_A_TIME, {"user_id": user_id})
                row = (await session.execute(_READ, {"user_id": user_id})).one_or_none()
                before = row._asdict() if row is not None else None
                known = _preferences(before) if before is not None else DEFAULTS
                wanted = decide(known)
                after = _columns(wanted)
                values = after | {"user_id": user_id, "preferences": msgspec.json.encode(after["preferences"]).decode()}
                await session.execute(_UPSERT, values)
                await replan(session, user_id, known, wanted)
                subject = ("notification_settings", user_id)
                await audit.record(
                    session,
                    actor=actor,
                    action="notification_settings.update",
                    subject=subject,
                    before=before,
                    after=after,
                    source=source,
                )
                await session.execute(_TELL, {"channel": CHANNEL, "user_id": user_id})
                await session.commit()
        except WRITE_ERRORS as e:
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e
        await self._changed(user_id)

    async def _load(self, user_ids: Collection[str]) -> dict[str, Profile]:
        changes = self._changes
        async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
            rows = await connection.fetch(_SELECT, list(user_ids))
            endpoints = await connection.fetch(_SELECT_ENDPOINTS, list(user_ids))
        found = _profiles(user_ids, rows, endpoints)
        if changes == self._changes:
            if len(self._cache) > _CACHE_LIMIT:
                self._forget_all()
            self._cache.update(found)
            self._wishless.update(user_id for user_id, one in found.items() if one.preferences is DEFAULTS)
        return found

    async def _changed(self, user_id: str | None) -> None:
        self._changes += 1
        if user_id is None:
            self._forget_all()
        else:
            self._cache.pop(user_id, None)
            self._wishless.discard(user_id)

    def _forget_all(self) -> None:
        self._cache.clear()
        self._wishless.clear()


def _profiles(
    user_ids: Collection[str], rows: Collection[Mapping[str, Any]], endpoints: Collection[Mapping[str, Any]]
) -> dict[str, Profile]:
    preferences = {row["user_id"]: _preferences(row) for row in rows}
    leading: dict[str, list[tuple[str, Channel]]] = {}
    for row in endpoints:
        leading.setdefault(row["user_id"], []).append((row["endpoint_id"], Channel(row["channel"])))
    known = preferences.keys() | leading.keys()
    return {
        user_id: Profile(preferences.get(user_id, DEFAULTS), tuple(leading.get(user_id, ())))
        if user_id in known
        else UNKNOWN
        for user_id in user_ids
    }


def _preferences(row: Mapping[str, Any]) -> Preferences:
    """Two fields have columns of their own; the rest is one document."""
    document = {**row["preferences"], "muted_types": row["muted_types"]}
    document["minimum_severity"] = Severity[row["minimum_severity"]].value
    return msgspec.convert(document, Preferences, strict=False)


def _columns(preferences: Preferences) -> dict[str, Any]:
    document = msgspec.to_builtins(preferences, str_keys=True)
    del document["muted_types"], document["minimum_severity"]
    return {
        "muted_types": sorted(preferences.muted_types),
        "minimum_severity": preferences.minimum_severity.name,
        "preferences": document,
    }
