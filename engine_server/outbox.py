"""The outbox: events on their way to the notifier, written in the transaction of what they tell, sent after it.

At least once: a row is deleted after the notifier has answered, and carries a dedupe key, so that a repeat is one
notification. Nothing is lost when an engine, the notifier or PostgreSQL dies in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import msgspec
from google.protobuf import json_format, struct_pb2
from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds import auth
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger
from tradewinds.v1 import notifier_pb2, notifier_pb2_grpc

log = get_logger("outbox")

BATCH = 200
POLL_SECONDS = 1.0  # the safety net below `wake`
SEND_TIMEOUT_SECONDS = 5.0

_RELAYED = Counter("tradewinds_outbox_relayed_total", "Events handed to the notifier")
_REFUSED = Counter("tradewinds_outbox_refused_total", "Events that the notifier refused for good")

_INSERT = text("INSERT INTO outbox (topic, dedupe_key, payload) VALUES (:topic, :dedupe_key, CAST(:payload AS jsonb))")
# SKIP LOCKED: several engines may relay; each row is in one batch at a time.
_TAKE = "SELECT outbox_id, topic, dedupe_key, payload FROM outbox ORDER BY outbox_id LIMIT $1 FOR UPDATE SKIP LOCKED"
_DELETE = "DELETE FROM outbox WHERE outbox_id = ANY($1)"
# Once for each user and fact, whichever process sees it first and however often it is started again.
_TELL_OWNERS = """
INSERT INTO outbox (topic, dedupe_key, payload)
SELECT $1, $2, $3::jsonb || jsonb_build_object('user_id', owner.user_id)
FROM (SELECT DISTINCT user_id FROM broker_accounts WHERE enabled) AS owner
WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.dedupe_key = $2 AND o.payload ->> 'user_id' = owner.user_id)
  AND NOT EXISTS (SELECT 1 FROM notification_keys n WHERE n.dedupe_key = $2 AND n.user_id = owner.user_id)
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('outbox.owners', 0))"
_OWNERS_TIMEOUT_SECONDS = 5.0


async def add(
    session: AsyncSession,
    *,
    user_id: str,
    type_: str,
    title: str,
    message: str,
    dedupe_key: str,
    data: Mapping[str, object] | None = None,
) -> None:
    """Put one event into the caller's transaction; call `OutboxRelay.wake` after the commit."""
    payload = {"user_id": user_id, "type": type_, "title": title, "message": message, "data": dict(data or {})}
    await session.execute(
        _INSERT, {"topic": type_, "dedupe_key": dedupe_key, "payload": msgspec.json.encode(payload).decode()}
    )


async def tell_owners(
    database: Database,
    *,
    type_: str,
    title: str,
    message: str,
    dedupe_key: str,
    data: Mapping[str, object],
) -> None:
    """One event for every owner of an enabled account, in a transaction of its own. Raises asyncpg's errors."""
    payload: dict[str, Any] = {"type": type_, "title": title, "message": message, "data": dict(data)}
    async with database.pool.acquire(timeout=_OWNERS_TIMEOUT_SECONDS) as connection, connection.transaction():
        await connection.execute(_ONE_AT_A_TIME)
        await connection.execute(_TELL_OWNERS, type_, dedupe_key, payload)


class OutboxRelay:
    """Hands outbox rows to the notifier in order, in batches."""

    def __init__(self, database: Database, channel: Any, service_token: str) -> None:
        self._database = database
        self._stub = notifier_pb2_grpc.NotifierStub(channel)
        self._metadata = auth.bearer(service_token)
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was committed: relay it now rather than at the next poll."""
        self._woken.set()

    async def run(self) -> None:
        """Relay for ever; a notifier that is down is waited for."""
        while True:
            self._woken.clear()
            try:
                while await self._relay_batch() == BATCH:
                    pass
            except grpc.aio.AioRpcError as e:
                log.warning_throttled("notifier.unreachable", code=e.code().name, detail=e.details())
            except PASSING_FAULTS as e:
                log.warning_throttled("database.unreachable", error=repr(e))
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _relay_batch(self) -> int:
        async with self._database.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_TAKE, BATCH)
            if not rows:
                return 0
            await self._send([_request(row) for row in rows])
            await connection.execute(_DELETE, [row["outbox_id"] for row in rows])
        return len(rows)

    async def _send(self, requests: Sequence[notifier_pb2.SendNotificationRequest]) -> None:
        batch = notifier_pb2.BatchSendNotificationsRequest(requests=requests)
        try:
            await self._stub.BatchSendNotifications(batch, metadata=self._metadata, timeout=SEND_TIMEOUT_SECONDS)
            _RELAYED.inc(len(requests))
        except grpc.aio.AioRpcError as e:
            if e.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            await self._send_one_by_one(requests, e)

    async def _send_one_by_one(
        self, requests: Sequence[notifier_pb2.SendNotificationRequest], error: grpc.aio.AioRpcError
    ) -> None:
        """One malformed event must not hold up the others: it is logged whole and dropped."""
        if len(requests) == 1:
            _REFUSED.inc()
            log.error("event.refused", refused=json_format.MessageToDict(requests[0]), detail=error.details())
            return
        for request in requests:
            await self._send([request])


def _request(row: Mapping[str, Any]) -> notifier_pb2.SendNotificationRequest:
    payload = row["payload"] if isinstance(row["payload"], dict) else msgspec.json.decode(row["payload"])
    data = struct_pb2.Struct()
    data.update(payload["data"])
    return notifier_pb2.SendNotificationRequest(
        user_id=payload["user_id"],
        type=payload["type"],
        title=payload["title"],
        message=payload["message"],
        data=data,
        dedupe_key=row["dedupe_key"],
    )
