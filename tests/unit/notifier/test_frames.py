"""The bytes that the server puts together are what the contract's messages would have been."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.drafts import Outcome
from notifier.notification import NewNotification
from notifier.realtime import frames
from notifier.realtime.cursor import Cursor
from notifier.realtime.deliveries import Delivery
from notifier.realtime.subscription import Batch, End
from notifier.rpc import messages, reading
from notifier.types import TYPES, type_of
from tests.unit.notifier.builders import a_notification, notification_of, told
from tradewinds.auth import Principal
from tradewinds.v1 import common_pb2
from tradewinds.v1 import notifier_pb2 as pb

CURSOR = Cursor(b"12345678", 1, 7)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3000)


@given(
    title=TEXT,
    type_=st.sampled_from(sorted(TYPES)),
    created_us=st.integers(0, 4_000_000_000_000_000),
    expires_us=st.none() | st.integers(1, 4_000_000_000_000_000),
)
def test_a_frame_is_the_notification(title: str, type_: str, created_us: int, expires_us: int | None) -> None:
    kind = type_of(type_)
    notification = a_notification(
        type=type_,
        title=title,
        data={"order_id": "o-1"},
        created_us=created_us,
        expires_us=expires_us,
        must_acknowledge=kind.must_acknowledge,
    )
    response = pb.WatchNotificationsResponse.FromString(told(notification).frames)
    assert list(response.notifications) == [messages.notification_message(notification)]
    assert notification_of(told(notification).frames) == notification


def test_a_response_is_frames_cursor_and_what_else_is_to_say() -> None:
    batch = Batch(
        (Delivery(told(a_notification("a")), CURSOR), Delivery(told(a_notification("b")), CURSOR)),
        resync=True,
        cursor="c",
        end=End("SERVER_STOPPING", "bye"),
        dropped=300,
    )
    assert pb.WatchNotificationsResponse.FromString(messages.watch_response(batch)) == pb.WatchNotificationsResponse(
        notifications=[messages.notification_message(a_notification(name)) for name in ("a", "b")],
        cursor="c",
        resumed=False,
        end=common_pb2.WatchEnd(reason="SERVER_STOPPING", message="bye"),
        dropped=300,
    )
    beat = pb.WatchNotificationsResponse.FromString(messages.watch_response(Batch(cursor="c")))
    assert beat == pb.WatchNotificationsResponse(cursor="c", resumed=True)


def test_an_answer_to_a_batch_has_one_outcome_each() -> None:
    outcomes = [Outcome("ntf-1", duplicate=False, persisted=True), Outcome("ntf-2", duplicate=True, persisted=False)]
    assert pb.BatchSendNotificationsResponse.FromString(
        messages.batch_response(outcomes)
    ) == pb.BatchSendNotificationsResponse(responses=map(messages.send_response, outcomes))


def test_what_a_caller_says_travels_on_and_no_more() -> None:
    forged = pb.Notification(
        notification_id="mine",
        severity=pb.SEVERITY_CRITICAL,
        persisted=True,
        must_acknowledge=True,
        type="T",
        title="t",
    )
    forged.read_at.seconds = 1
    batch = pb.BatchSendNotificationsRequest()
    batch.requests.add().MergeFromString(forged.SerializeToString())
    batch.requests[0].dedupe_key, batch.requests[0].ttl_seconds = "k", 9
    batch.DiscardUnknownFields()
    (new,) = reading.new_notifications({0: batch.requests[0]}, Principal("alice", frozenset({"trader"})))
    assert pb.Notification.FromString(new.content) == pb.Notification(user_id="alice", type="T", title="t", data={})
    assert (new.dedupe_key, new.ttl_seconds) == ("k", 9)


def test_nothing_of_a_request_travels_on_that_a_notification_does_not_have() -> None:
    request = pb.SendNotificationRequest(type="T", title="t", dedupe_key="k", ttl_seconds=1, locale="en")
    request.template_parameters.update({"a": "b"})
    beyond = {field.name for field in request.DESCRIPTOR.fields} - {
        field.name for field in pb.Notification.DESCRIPTOR.fields
    }
    # The first is gone with the template, the second is for calls, which take it away.
    assert beyond - {field.name for field, _ in request.ListFields()} == {"template_id", "request_id"}
    content = messages.new_notification(request, "alice").content
    assert pb.Notification.FromString(content) == pb.Notification(user_id="alice", type="T", title="t", data={})


def test_what_this_process_says_is_the_same_bytes_as_if_it_came_from_outside() -> None:
    new = NewNotification("alice", "ORDER_EXECUTED", "t", "m", {"a": [1, "x", None]})
    request = pb.SendNotificationRequest(user_id="alice", type=new.type, title="t", message="m", data=dict(new.data))
    outside = messages.new_notification(request, "alice")
    assert pb.Notification.FromString(outside.content) == pb.Notification.FromString(messages.content_of(new))
    assert messages.data_of(outside) == new.data


def test_lengths_of_more_than_a_byte() -> None:
    response = pb.WatchNotificationsResponse.FromString(frames.response(b"", "c" * 300, resumed=True, dropped=2**40))
    assert (len(response.cursor), response.dropped) == (300, 2**40)
