"""What travels on the streams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.realtime import wire
from notifier.realtime.cursor import START
from notifier.realtime.stream_store import ShardState
from notifier.realtime.wire import Told
from notifier.types import DeliveryClass
from tests.unit.notifier.builders import a_notification, an_entry, notification_of


def test_what_is_encoded_is_decoded() -> None:
    batch = [a_notification(data={"order_id": "o-1", "prices": [1, "1400.05", None]}), a_notification("ntf-2", "bob")]
    _, frames, packed = an_entry(0, *batch)
    index = wire.decode_index(packed)
    assert [notification_of(wire.at(index, frames, place).frames) for place in (0, 1)] == batch
    assert index.users == ["alice", "bob"]


@given(st.lists(st.integers(0, 4000), max_size=1200))
def test_parts_are_everything_in_order_and_fit_an_entry(sizes: list[int]) -> None:
    everything = [Told("alice", b"x" * size, DeliveryClass.REALTIME) for size in sizes]
    parts = list(wire.split(everything))
    assert [one for part in parts for one in part] == everything
    for part in parts:
        assert 1 <= len(part) <= wire.MAXIMUM_ENTRY
        assert len(part) == 1 or len(wire.encode(part, 0)[0]) <= wire.MAXIMUM_ENTRY_BYTES


def test_trimming_is_known_to_have_spared_what_comes_after() -> None:
    trimmed = ShardState(first=7, last=9)
    assert trimmed.has_everything_after(9)
    assert trimmed.has_everything_after(6)
    assert not trimmed.has_everything_after(5)
    emptied = ShardState(first=None, last=9)
    assert not emptied.has_everything_after(8)
    assert emptied.has_everything_after(9)
    assert ShardState(first=None, last=START).has_everything_after(START)
