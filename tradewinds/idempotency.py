"""Request ids of mutations: the same id returns the first result again, another body under it is refused (AIP-155).

The response is stored in the transaction of the change itself, so that either both are there or neither.
Orders have their own, stricter key (`orders.request_key`) and do not pass here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds.errors import InvalidArgumentError, RequestIdReusedError

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


IDEMPOTENCY_KEY: Final = "idempotency-key"


class HasRequestId(Protocol):
    """A request message with the field `request_id`."""

    request_id: str


def request_id_of(request: HasRequestId, context: Any) -> str:
    """The id of a mutation: its field `request_id`, or what REST callers sent as the header `idempotency-key`; may be empty.

    `context` is the servicer's. Raises `InvalidArgumentError` when both are there and differ: which one was meant?
    """
    header = next((str(value) for key, value in context.invocation_metadata() or () if key == IDEMPOTENCY_KEY), "")
    if request.request_id and header and request.request_id != header:
        raise InvalidArgumentError.field(
            "request_id", f"is {request.request_id!r}, the header {IDEMPOTENCY_KEY} says {header!r}; send one of them"
        )
    return request.request_id or header


def body_hash(request: Message) -> str:
    """SHA-256 of the request's deterministic serialisation."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).hexdigest()


async def first_answer(
    session: AsyncSession,
    *,
    caller: str,
    method: str,
    request_id: str,
    request: Message,
    response_type: type[ResponseT],
) -> ResponseT | None:
    """What this request was answered the first time; None when it is new or has no id.

    For a mutation that must ask others before it can open its transaction: look here, ask, then `once`.
    Raises `RequestIdReusedError` when the body is another.
    """
    if not request_id:
        return None
    key = {"caller": caller, "method": method, "request_id": request_id}
    row = (await session.execute(_FIND, key)).one_or_none()
    if row is None:
        return None
    if row.body_sha256 != body_hash(request):
        raise RequestIdReusedError(f"request_id {request_id!r} was used before with another body; take a new one")
    return response_type.FromString(row.response)


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
    first = await first_answer(session, request=request, response_type=response_type, **key)
    if first is not None:
        return first
    response = await act()
    await session.execute(_STORE, {**key, "body_sha256": body_hash(request), "response": response.SerializeToString()})
    return response
