"""The rpcs of the inbox: list, read, acknowledge, count, explain."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf import timestamp_pb2

from notifier.delivery.records import DeliveryRecord, DeliveryRecords
from notifier.inbox import Filter, Inbox
from notifier.moments import timestamp
from notifier.resolver import Decision
from notifier.rpc import messages
from notifier.rpc.deliveries import delivery_message, place_of
from notifier.rpc.settings_messages import action_number, channel_number, moment, severity_of
from tradewinds import auth, paging
from tradewinds.errors import InvalidArgumentError, NotFoundError
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1 import notifier_pb2_grpc


class InboxRpcs(notifier_pb2_grpc.NotifierServicer):
    """Callers see their own; operators, admins and services may have anybody's explained."""

    _inbox: Inbox
    _records: DeliveryRecords

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Any
    ) -> pb.ListNotificationsResponse:
        size = paging.page_size(request.page_size)
        after = place_of(request.page_token)
        found = await self._inbox.page(auth.principal().subject, _filter(request), after=after, limit=size + 1)
        response = pb.ListNotificationsResponse(notifications=map(messages.notification_message, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = paging.encode_token(timestamp(last.created_us).isoformat(), last.notification_id)
        return response

    async def MarkNotificationRead(self, request: pb.MarkNotificationReadRequest, context: Any) -> pb.Notification:
        found = await self._inbox.mark_read(request.notification_id, auth.principal().subject)
        if found is None:
            raise _unknown(request.notification_id)
        return messages.notification_message(found)

    async def MarkAllNotificationsRead(
        self, request: pb.MarkAllNotificationsReadRequest, context: Any
    ) -> pb.MarkAllNotificationsReadResponse:
        until = _time(request, "until")
        count = await self._inbox.mark_all_read(auth.principal().subject, until)
        return pb.MarkAllNotificationsReadResponse(count=count)

    async def AcknowledgeNotification(
        self, request: pb.AcknowledgeNotificationRequest, context: Any
    ) -> pb.Notification:
        found = await self._inbox.acknowledge(request.notification_id, auth.principal().subject)
        if found is None:
            raise _unknown(request.notification_id)
        return messages.notification_message(found)

    async def CountUnreadNotifications(
        self, request: pb.CountUnreadNotificationsRequest, context: Any
    ) -> pb.CountUnreadNotificationsResponse:
        count, unacknowledged = await self._inbox.count(auth.principal().subject)
        return pb.CountUnreadNotificationsResponse(count=count, unacknowledged=unacknowledged)

    async def ExplainNotification(
        self, request: pb.ExplainNotificationRequest, context: Any
    ) -> pb.ExplainNotificationResponse:
        caller = auth.principal()
        explained = await self._inbox.explained(
            request.notification_id, caller.subject, anybodys=caller.sees_everything
        )
        if explained is None:
            raise _unknown(request.notification_id)
        records = await self._records.of_notification(request.notification_id)
        decisions = [one for decision in explained.decisions for one in _with_deliveries(decision, records)]
        decisions += [_later(record) for record in records if record.reason == "ESCALATION"]
        return pb.ExplainNotificationResponse(
            notification=messages.notification_message(explained.notification), decisions=decisions
        )


def _with_deliveries(decision: Decision, records: list[DeliveryRecord]) -> list[pb.ChannelDecision]:
    """One for each endpoint that something was to be sent to; one alone where there was nothing to send."""
    mine = [r for r in records if r.channel is decision.channel and r.reason != "ESCALATION"]
    answers = [_decision(decision) for _ in mine or (None,)]
    for answer, record in zip(answers, mine, strict=False):
        answer.delivery.CopyFrom(delivery_message(record))
    return answers


def _decision(decision: Decision) -> pb.ChannelDecision:
    answer = pb.ChannelDecision(
        channel=channel_number(decision.channel), action=action_number(decision.action), reason=decision.reason
    )
    if decision.until is not None:
        answer.until.CopyFrom(moment(decision.until))
    return answer


def _later(record: DeliveryRecord) -> pb.ChannelDecision:
    """A step of its escalation."""
    return pb.ChannelDecision(
        channel=channel_number(record.channel),
        action=pb.NOTIFICATION_ACTION_SEND,
        reason=record.reason,
        delivery=delivery_message(record),
    )


def _filter(request: pb.ListNotificationsRequest) -> Filter:
    return Filter(
        unread_only=request.unread_only,
        unacknowledged_only=request.unacknowledged_only,
        types=tuple(request.types),
        minimum_severity=severity_of(request.minimum_severity, "minimum_severity"),
        since=_time(request, "since"),
        until=_time(request, "until"),
    )


def _time(request: Any, name: str) -> datetime | None:
    if not request.HasField(name):
        return None
    stamp: timestamp_pb2.Timestamp = getattr(request, name)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as e:
        raise InvalidArgumentError.field(name, f"is not a time ({e})") from e


def _unknown(notification_id: str) -> NotFoundError:
    return NotFoundError(f"you have no kept notification {notification_id!r}")
