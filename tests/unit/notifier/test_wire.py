"""What travels on the streams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.realtime import wire
from notifier.realtime.cursor import START, EntryId
from notifier.realtime.stream_store import ShardState
from tests.unit.notifier.builders import a_notification


def test_what_is_encoded_is_decoded() -> None:
    batch = [a_notification(data={"order_id": "o-1", "prices": [1, "1400.05", None]}), a_notification("ntf-2")]
    assert wire.decode(wire.encode(batch)) == batch


@given(st.lists(st.integers(0, 4000), max_size=1200))
def test_parts_are_everything_in_order_and_fit_an_entry(sizes: list[int]) -> None:
    notifications = [a_notification(f"ntf-{index}", message="x" * size) for index, size in enumerate(sizes)]
    parts = list(wire.split(notifications))
    assert [n for part in parts for n in part] == notifications
    for part in parts:
        assert 1 <= len(part) <= wire.MAXIMUM_ENTRY
        assert len(part) == 1 or len(wire.encode(part)) <= wire.MAXIMUM_ENTRY_BYTES


def test_trimming_is_known_to_have_spared_what_comes_after() -> None:
    five, seven, nine = EntryId(5, 0), EntryId(7, 0), EntryId(9, 0)
    trimmed = ShardState(first=seven, last=nine, untrimmed=False)
    assert trimmed.has_everything_after(nine)
    assert trimmed.has_everything_after(seven)
    assert not trimmed.has_everything_after(five)
    emptied = ShardState(first=None, last=nine, untrimmed=False)
    assert not emptied.has_everything_after(seven)
    assert emptied.has_everything_after(nine)


def test_a_place_before_the_first_entry_ever_is_good_while_nothing_was_trimmed() -> None:
    seven, nine = EntryId(7, 0), EntryId(9, 0)
    assert ShardState(first=seven, last=nine, untrimmed=True).has_everything_after(START)
    assert not ShardState(first=seven, last=nine, untrimmed=False).has_everything_after(START)
