"""The rpcs of deliveries: look at them, and send again what ended."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from notifier.channels import Channel
from notifier.delivery.records import DeliveryRecord, DeliveryRecords
from notifier.rpc.settings_messages import channel_number, channel_of, moment
from tradewinds import auth, paging
from tradewinds.database.models.notifications import DELIVERY_STATES
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1 import notifier_pb2_grpc

_MOST_IDS: Final = 500


class DeliveryRpcs(notifier_pb2_grpc.NotifierServicer):
    """Callers see their own; operators, admins and services everybody's."""

    _records: DeliveryRecords
    _wake: Callable[[], None]

    async def ListNotificationDeliveries(
        self, request: pb.ListNotificationDeliveriesRequest, context: Any
    ) -> pb.ListNotificationDeliveriesResponse:
        caller = auth.principal()
        for index, state in enumerate(request.states):
            if state not in DELIVERY_STATES:
                raise InvalidArgumentError.field(
                    f"states[{index}]", f"{state!r} is none of {', '.join(DELIVERY_STATES)}"
                )
        user_id = request.user_id if caller.sees_everything else caller.subject
        channel = channel_of(request.channel, "channel") if request.channel else None
        size = paging.page_size(request.page_size)
        found = await self._records.page(
            user_id, channel, request.states, after=place_of(request.page_token), limit=size + 1
        )
        response = pb.ListNotificationDeliveriesResponse(deliveries=map(delivery_message, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = paging.encode_token(last.created_at.isoformat(), last.delivery_id)
        return response

    async def RedriveNotificationDeliveries(
        self, request: pb.RedriveNotificationDeliveriesRequest, context: Any
    ) -> pb.RedriveNotificationDeliveriesResponse:
        if bool(request.delivery_ids) == bool(request.channel):
            raise InvalidArgumentError.field("delivery_ids", "give either these or a channel")
        if len(request.delivery_ids) > _MOST_IDS:
            raise InvalidArgumentError.field(
                "delivery_ids", f"has {len(request.delivery_ids)}, at most {_MOST_IDS} are allowed"
            )
        channel = channel_of(request.channel, "channel") if request.channel else None
        count = await self._records.redrive(
            list(request.delivery_ids), channel, actor=auth.principal().subject, reason=request.reason
        )
        self._wake()
        return pb.RedriveNotificationDeliveriesResponse(count=count)


def delivery_message(record: DeliveryRecord) -> pb.NotificationDelivery:
    """A delivery as callers see it."""
    message = pb.NotificationDelivery(
        delivery_id=record.delivery_id,
        notification_id=record.notification_id,
        user_id=record.user_id,
        channel=channel_number(Channel(record.channel)),
        endpoint_id=record.endpoint_id,
        state=record.state,
        reason=record.reason,
        attempts=record.attempts,
        detail=record.detail,
        provider=record.provider,
        provider_message_id=record.provider_message_id,
        expires_at=moment(record.expires_at),
        created_at=moment(record.created_at),
        updated_at=moment(record.updated_at),
        merged_into=record.merged_into,
    )
    if record.is_waiting:
        message.due_at.CopyFrom(moment(record.due_at))
    return message


def place_of(page_token: str) -> tuple[datetime, str] | None:
    """The (created_at, id) in a token of a list."""
    keys = paging.decode_token(page_token, 2)
    if keys is None:
        return None
    try:
        return datetime.fromisoformat(keys[0]), keys[1]
    except ValueError as e:
        raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one") from e
