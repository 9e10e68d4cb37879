"""Request ids of mutations: the same id returns the first result again, another body under it is refused (AIP-155).

The response is stored in the transaction of the change itself, so that either both are there or neither.
Orders have their own, stricter key (`orders.request_key`) and do not pass here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds.errors import RequestIdReusedError

ResponseT = TypeVar("ResponseT", bound=Message)

# Two calls with one id at once: the second waits here until the first has committed or rolled back.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_FIND = text(
    "SELECT body_sha256, response FROM api_requests WHERE caller = :caller AND method = :method AND request_id = :request_id"
)
_STORE = text(
    """
    INSERT INTO api_requests (caller, method, request_id, body_sha256, response)
    VALUES (:caller, :method, :request_id, :body_sha256, :response)
    """
)


def body_hash(request: Message) -> str:
    """SHA-256 of the request's deterministic serialisation."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()


async def once(
    session: AsyncSession,
    *,
    caller: str,
    method: str,
    request_id: str,
    request: Message,
    response_type: type[ResponseT],
    act: Callable[[], Awaitable[ResponseT]],
) -> ResponseT:
    """Run `act` (which works in `session`, uncommitted) unless `request_id` was used; the caller commits afterwards.

    Without a request_id `act` simply runs. Raises `RequestIdReusedError` when the body is another.
    """
    if not request_id:
        return await act()
    key = {"caller": caller, "method": method, "request_id": request_id}
    await session.execute(_LOCK, {"key": f"{caller}/{method}/{request_id}"})
    digest = body_hash(request)
    if row := (await session.execute(_FIND, key)).one_or_none():
        if row.body_sha256 != digest:
            raise RequestIdReusedError(f"request_id {request_id!r} was used before with another body; take a new one")
        return response_type.FromString(row.response)
    response = await act()
    await session.execute(_STORE, {**key, "body_sha256": digest, "response": response.SerializeToString()})
    return response
