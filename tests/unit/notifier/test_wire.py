"""What travels on the streams."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from notifier.realtime import wire
from notifier.realtime.composing import Bulk, bulk_of, entries_of, joined
from notifier.realtime.cursor import START, shard_of
from notifier.realtime.stream_store import ShardState
from notifier.realtime.wire import Told
from tests.unit.notifier.builders import a_notification, an_entry, notification_of

users = st.one_of(
    st.sampled_from(["alice", "bob", "करण", ""]),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=9),
)
told = st.builds(Told, users, st.binary(max_size=300), st.integers(0, 2), st.one_of(st.just(0), st.integers(1, 2**62)))


def test_what_is_encoded_is_decoded() -> None:
    batch = [a_notification(data={"order_id": "o-1", "prices": [1, "1400.05", None]}), a_notification("ntf-2", "bob")]
    _, frames, packed = an_entry(0, *batch)
    index = wire.decode_index(packed)
    assert [notification_of(wire.at(index, frames, place).frames) for place in (0, 1)] == batch
    assert index.users == ["alice", "bob"]


def by_shard(bulk: Bulk) -> dict[int, list[Told]]:
    found: dict[int, list[Told]] = defaultdict(list)
    for shard, frames, packed in entries_of(bulk, 77):
        index = wire.decode_index(packed)
        assert index.newest_us == 77
        found[shard] += [wire.at(index, frames, place) for place in range(index.count)]
    return found


@given(st.lists(st.lists(told, max_size=9), min_size=1, max_size=4))
def test_entries_are_everything_by_shard_and_in_order(batches: list[list[Told]]) -> None:
    everything = [one for batch in batches for one in batch]
    expected: dict[int, list[Told]] = defaultdict(list)
    for one in everything:
        expected[shard_of(one.user_id)].append(one)
    bulk = joined([bulk_of(batch) for batch in batches])
    assert (by_shard(bulk) if everything else {}) == expected
    assert bulk.user_ids() == {one.user_id for one in everything if one.frames}


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=1_200))
def test_parts_are_everything_in_order_and_fit_an_entry(sizes: list[int]) -> None:
    everything = [Told("alice", b"x" * size, 0) for size in sizes]
    entries = entries_of(bulk_of(everything), 0)
    assert by_shard(bulk_of(everything)) == {shard_of("alice"): everything}
    for _, frames, packed in entries:
        count = wire.decode_index(packed).count
        assert 1 <= count <= wire.MAXIMUM_ENTRY
        assert count == 1 or len(frames) <= wire.MAXIMUM_ENTRY_BYTES


def test_trimming_is_known_to_have_spared_what_comes_after() -> None:
    trimmed = ShardState(first=7, last=9)
    assert trimmed.has_everything_after(9)
    assert trimmed.has_everything_after(6)
    assert not trimmed.has_everything_after(5)
    emptied = ShardState(first=None, last=9)
    assert not emptied.has_everything_after(8)
    assert emptied.has_everything_after(9)
    assert ShardState(first=None, last=START).has_everything_after(START)
