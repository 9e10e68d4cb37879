"""The bytes of the event stream."""

from __future__ import annotations

import msgspec
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from notifier import sse
from notifier.realtime.cursor import Cursor
from notifier.realtime.deliveries import Delivery
from notifier.realtime.subscription import Batch, End
from notifier.rpc.messages import notification_message
from notifier.types import TYPES
from tests.unit.notifier.builders import a_notification, told

CURSOR = Cursor(b"12345678", 1, 7)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text(), lambda inner: st.lists(inner, max_size=3)
)


TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


@given(
    user_id=st.text(TEXT, min_size=1, max_size=140),
    type_=st.sampled_from(sorted(TYPES)),
    title=st.text(TEXT, max_size=50) | st.text("x", min_size=120, max_size=140),
    message=st.text(TEXT, max_size=50) | st.integers(120, 20_000).map("ü".__mul__),
    data=st.dictionaries(st.text(), JSON, max_size=3),
    created_us=st.integers(0, 4_000_000_000_000_000),
    expires_us=st.none() | st.integers(1, 4_000_000_000_000_000),
)
def test_an_event_has_the_same_fields_as_rest(
    user_id: str,
    type_: str,
    title: str,
    message: str,
    data: dict[str, object],
    created_us: int,
    expires_us: int | None,
) -> None:
    notification = a_notification(
        user_id=user_id,
        type=type_,
        title=title,
        message=message,
        data=data,
        created_us=created_us,
        expires_us=expires_us,
    )
    rest = json_format.MessageToDict(
        notification_message(notification), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    assert msgspec.json.decode(sse.text_of(told(notification))) == rest


def test_an_event_is_one_block_with_id_name_and_data() -> None:
    block = sse.event_bytes(Batch((Delivery(told(a_notification(title="a\nb")), CURSOR),), cursor=CURSOR.encode()))
    lines = block.decode().split("\n")
    assert lines[0] == f"id: {CURSOR.encode()}"
    assert lines[1] == "event: notification"
    assert lines[2].startswith("data: {")
    assert lines[3:] == ["", ""]


def test_a_heartbeat_is_a_comment_that_carries_the_cursor() -> None:
    assert sse.event_bytes(Batch(cursor="c")) == b"id: c\n: beat\n\n"
    assert sse.event_bytes(Batch()) == b": beat\n\n"


def test_a_resync_comes_before_and_an_end_after() -> None:
    batch = Batch(
        (Delivery(told(a_notification()), CURSOR),),
        resync=True,
        cursor=CURSOR.encode(),
        end=End("SERVER_STOPPING", "bye"),
    )
    names = [line for line in sse.event_bytes(batch).decode().split("\n") if line.startswith("event:")]
    assert names == ["event: resync", "event: notification", "event: end"]
