"""Endpoints in PostgreSQL, their secrets sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifier.channels import Channel
from notifier.delivery.endpoints import MAXIMUM_ENDPOINTS, Endpoint
from notifier.delivery.verification import CODE_LIFE, MOST_GUESSES, code_hash
from notifier.preference_store import CHANNEL, WRITE_ERRORS
from tradewinds import audit
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError, NotFoundError, PreconditionError, UnavailableError
from tradewinds.seal import seal, unseal

_COLUMNS: Final = (
    "endpoint_id, user_id, channel, address, label, sealed_secret, disabled_reason, created_at, verified_at"
)
_LIST: Final = text(
    f"SELECT {_COLUMNS} FROM notification_endpoints WHERE user_id = :user_id ORDER BY created_at, endpoint_id"  # noqa: S608 - constants
)
# One at a time for a user, so that the count holds.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('notification_endpoints ' || :user_id, 0))")
_COUNT: Final = text("SELECT count(*) FROM notification_endpoints WHERE user_id = :user_id")
_INSERT: Final = text(
    f"""
    INSERT INTO notification_endpoints (endpoint_id, user_id, channel, address, label, sealed_secret, code_hash, verified_at)
    VALUES (:endpoint_id, :user_id, :channel, :address, :label, :sealed_secret, :code_hash,
        CASE :code_hash WHEN '' THEN now() END) RETURNING {_COLUMNS}
    """  # noqa: S608 - a constant
)
# A guess is counted whether or not it is right.
_VERIFY: Final = text(
    f"""
    UPDATE notification_endpoints
    SET code_guesses = code_guesses + 1, verified_at = CASE WHEN code_hash = :code_hash THEN now() END
    WHERE endpoint_id = :endpoint_id AND user_id = :user_id AND verified_at IS NULL AND code_guesses < :most
      AND created_at > now() - CAST(:life AS interval)
    RETURNING {_COLUMNS}
    """  # noqa: S608 - a constant
)
_FIND: Final = text(
    f"SELECT {_COLUMNS} FROM notification_endpoints WHERE endpoint_id = :endpoint_id AND user_id = :user_id"  # noqa: S608
)
_DELETE: Final = text(
    "DELETE FROM notification_endpoints WHERE endpoint_id = :endpoint_id AND user_id = :user_id RETURNING channel, address"
)
_CANCEL: Final = text(
    """
    UPDATE notification_deliveries SET state = 'CANCELLED', detail = 'its endpoint was removed', updated_at = now()
    WHERE endpoint_id = :endpoint_id AND state IN ('PENDING', 'GATHERING')
    """
)
_TELL: Final = text("SELECT pg_notify(:channel, :user_id)")


class Sealing:
    """Seals the secrets of endpoints; without a key there can be none."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def seal(self, endpoint: Endpoint) -> bytes | None:
        """None where there is nothing to hide."""
        if not endpoint.secrets:
            return None
        if self._key is None:
            raise PreconditionError(
                f"a {endpoint.channel} endpoint has secrets, and this notifier has no SEAL_KEY to seal them with; set it"
            )
        return seal(self._key, _purpose(endpoint.endpoint_id), msgspec.json.encode(dict(endpoint.secrets)))

    def unseal(self, endpoint_id: str, sealed: bytes | None) -> dict[str, str]:
        """What `seal` hid; raises `ConfigurationError` when the key is another."""
        if sealed is None or self._key is None:
            return {}
        return msgspec.json.decode(unseal(self._key, _purpose(endpoint_id), sealed), type=dict[str, str])


def _purpose(endpoint_id: str) -> str:
    return f"notification_endpoint:{endpoint_id}"


class EndpointStore:
    """Raises `UnavailableError` when PostgreSQL does not answer."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def of_user(self, user_id: str) -> list[Endpoint]:
        """Oldest first, without their secrets."""
        try:
            async with self._database.session() as session:
                rows = (await session.execute(_LIST, {"user_id": user_id})).mappings()
                return [endpoint_of(row) for row in rows]
        except WRITE_ERRORS as e:
            raise _away(e) from e

    async def add(self, endpoint: Endpoint, *, actor: str, code: str = "") -> Endpoint:
        """Store a checked one, with the audit record of it; with a `code` it has to be verified before it is used."""
        values = {
            "endpoint_id": endpoint.endpoint_id,
            "user_id": endpoint.user_id,
            "channel": endpoint.channel.value,
            "address": endpoint.address,
            "label": endpoint.label,
            "sealed_secret": self._sealing.seal(endpoint),
            "code_hash": code_hash(endpoint.endpoint_id, code) if code else "",
        }
        try:
            async with self._database.session() as session:
                await session.execute(_LOCK, {"user_id": endpoint.user_id})
                if ((await session.execute(_COUNT, {"user_id": endpoint.user_id})).scalar_one()) >= MAXIMUM_ENDPOINTS:
                    raise PreconditionError(f"{endpoint.user_id} has {MAXIMUM_ENDPOINTS} endpoints; remove one first")
                row = (await session.execute(_INSERT, values)).mappings().one()
                await _record(session, endpoint.endpoint_id, actor, "create", after=_public(row))
                await session.execute(_TELL, {"channel": CHANNEL, "user_id": endpoint.user_id})
                await session.commit()
        except WRITE_ERRORS as e:
            raise _away(e) from e
        return endpoint_of(row)

    async def verify(self, user_id: str, endpoint_id: str, code: str, *, actor: str) -> Endpoint:
        """Use it from now on. Raises `NotFoundError`, `InvalidArgumentError` for a wrong code, `PreconditionError` when it cannot be
        guessed any more.
        """
        key = {"endpoint_id": endpoint_id, "user_id": user_id}
        guess = {"code_hash": code_hash(endpoint_id, code), "most": MOST_GUESSES, "life": CODE_LIFE}
        try:
            async with self._database.session() as session:
                row = (await session.execute(_VERIFY, key | guess)).mappings().one_or_none()
                if row is None:
                    return await self._verified_before(session, key)
                if row["verified_at"] is not None:
                    await _record(session, endpoint_id, actor, "verify", after=_public(row))
                    await session.execute(_TELL, {"channel": CHANNEL, "user_id": user_id})
                await session.commit()
        except WRITE_ERRORS as e:
            raise _away(e) from e
        if row["verified_at"] is None:
            raise InvalidArgumentError.field("code", "is not what was sent there")
        return endpoint_of(row)

    async def _verified_before(self, session: AsyncSession, key: Mapping[str, str]) -> Endpoint:
        row = (await session.execute(_FIND, key)).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"{key['user_id']} has no endpoint {key['endpoint_id']!r}")
        if row["verified_at"] is None:
            raise PreconditionError(
                "its code is too old, or was guessed wrong too often; remove the endpoint and add it anew"
            )
        return endpoint_of(row)

    async def remove(self, user_id: str, endpoint_id: str, *, actor: str) -> None:
        """Remove it and cancel what was still to be sent there; raises `NotFoundError`."""
        key = {"endpoint_id": endpoint_id, "user_id": user_id}
        try:
            async with self._database.session() as session:
                row = (await session.execute(_DELETE, key)).mappings().one_or_none()
                if row is None:
                    raise NotFoundError(f"{user_id} has no endpoint {endpoint_id!r}")
                await session.execute(_CANCEL, {"endpoint_id": endpoint_id})
                await _record(session, endpoint_id, actor, "delete", before=dict(row))
                await session.execute(_TELL, {"channel": CHANNEL, "user_id": user_id})
                await session.commit()
        except WRITE_ERRORS as e:
            raise _away(e) from e


async def _record(
    session: AsyncSession,
    endpoint_id: str,
    actor: str,
    what: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    await audit.record(
        session,
        actor=actor,
        action=f"notification_endpoint.{what}",
        subject=("notification_endpoint", endpoint_id),
        before=before,
        after=after,
    )


def endpoint_of(row: Mapping[Any, Any]) -> Endpoint:
    """A row, without its secrets."""
    return Endpoint(
        endpoint_id=row["endpoint_id"],
        user_id=row["user_id"],
        channel=Channel(row["channel"]),
        address=row["address"],
        label=row["label"],
        disabled_reason=row["disabled_reason"],
        created_at=row["created_at"],
        verified_at=row["verified_at"],
    )


def _public(row: Mapping[Any, Any]) -> dict[str, object]:
    return {name: row[name] for name in ("user_id", "channel", "address", "label")}


def _away(error: Exception) -> UnavailableError:
    return UnavailableError(f"PostgreSQL does not answer ({describe(error)}); try again")
