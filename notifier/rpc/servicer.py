"""The Notifier service."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, cast

from notifier.access import everybody, recipient
from notifier.alerts.assembly import Alerts
from notifier.arrival import Arrival, one_by_one
from notifier.following import Following
from notifier.outside import Outside
from notifier.phone.desk import PhoneDesk
from notifier.rpc import messages, reading
from notifier.rpc.deliveries import DeliveryRpcs
from notifier.rpc.inbox import InboxRpcs
from notifier.rpc.phone import PhoneRpcs
from notifier.rpc.price_alerts import PriceAlertRpcs
from notifier.rpc.settings import SettingsRpcs
from notifier.rpc.templates import TemplateRpcs
from notifier.sending import Sender
from notifier.streaming import send_to_the_end, stream
from tradewinds import auth, idempotency
from tradewinds.v1 import notifier_pb2

_SERVICE: Final = notifier_pb2.DESCRIPTOR.services_by_name["Notifier"].full_name
AS_BYTES: Final = frozenset({f"/{_SERVICE}/BatchSendNotifications", f"/{_SERVICE}/StreamNotifications"})


class NotifierServicer(InboxRpcs, SettingsRpcs, DeliveryRpcs, TemplateRpcs, PriceAlertRpcs, PhoneRpcs):
    """proto ⇄ domain; who may do what beyond the method table is `access.py`'s."""

    def __init__(
        self, sender: Sender, following: Following, outside: Outside, alerts: Alerts, phone: PhoneDesk | None
    ) -> None:
        self._sender = sender
        self._following = following
        self._inbox = outside.inbox
        self._records = outside.records
        self._preferences = outside.preferences
        self._endpoints = outside.endpoints
        self._guard = outside.guard
        self._reachable = outside.reachable
        self._verifier = outside.verifier
        self._wake = outside.wake
        self._templates = outside.templates
        self._alerts = alerts
        self._phone = phone

    async def SendNotification(
        self, request: notifier_pb2.SendNotificationRequest, context: Any
    ) -> notifier_pb2.SendNotificationResponse:
        caller, request_id = auth.principal(), idempotency.request_id_of(request, context)
        request.DiscardUnknownFields()
        if not request_id:
            return await self._send_one(request, caller)
        # Sending consumes the message, and it is looked at once more: is the next one with this id the same?
        sent = notifier_pb2.SendNotificationRequest.FromString(request.SerializeToString())
        sent.ClearField("request_id")
        messages.once_under(sent, caller, request_id)
        async with self._session() as session:
            response = await idempotency.once(
                session,
                caller=caller.subject,
                method="SendNotification",
                request_id=request_id,
                request=request,
                response_type=notifier_pb2.SendNotificationResponse,
                act=lambda: self._send_one(sent, caller),
            )
            await session.commit()
        return response

    async def _send_one(
        self, request: notifier_pb2.SendNotificationRequest, caller: auth.Principal
    ) -> notifier_pb2.SendNotificationResponse:
        user_id = recipient(caller, request.user_id, "user_id")
        await self._fill_in(request, user_id)
        new = messages.new_notification(request, user_id)
        (outcome,) = await send_to_the_end(self._sender, one_by_one([new]), lambda _: "")
        return messages.send_response(outcome)

    # The two busiest questions are the bytes that came (AS_BYTES), and their answers are bytes already.
    async def BatchSendNotifications(self, request: bytes, context: Any) -> bytes:
        caller = auth.principal()
        arrival = await self._arrival(request, caller, notifier_pb2.BatchSendNotificationsRequest)
        outcomes = await send_to_the_end(self._sender, arrival, reading.path_in_batch)
        return messages.batch_response(outcomes)

    async def StreamNotifications(
        self, request_iterator: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[notifier_pb2.StreamNotificationsResponse]:
        caller = auth.principal()
        batches = self._arrivals(request_iterator, caller)
        async for progress in stream(self._sender, batches):
            yield messages.stream_response(progress)

    async def WatchNotifications(
        self, request: notifier_pb2.WatchNotificationsRequest, context: Any
    ) -> AsyncIterator[bytes]:
        caller = auth.principal()
        followed = everybody(caller) if request.all_users else caller.subject
        authorization = dict(context.invocation_metadata())["authorization"]
        # A write waits for as long as the client does not read (HTTP/2 flow control): nothing but an end of this task ends that.
        let_go = cast("asyncio.Task[None]", asyncio.current_task()).cancel
        async with self._following.stream(followed, request.cursor, authorization, let_go) as opened:
            async for batch in opened:
                yield messages.watch_response(batch)

    async def _arrivals(self, batches: AsyncIterator[bytes], caller: auth.Principal) -> AsyncIterator[Arrival]:
        async for batch in batches:
            yield await self._arrival(batch, caller, notifier_pb2.StreamNotificationsRequest)

    async def _arrival(self, batch: bytes, caller: auth.Principal, kind: type[reading.Requests]) -> Arrival:
        read = reading.read_batch(batch, caller, kind)
        reading.refuse_request_ids(read.others)
        await self._fill_in_all(read.others, caller)
        return reading.arrival_of(read, caller)
