"""What stays of the tick stream: seconds by the entries' own time, and never more than so many bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine_server.feed.tick_retention import TickRetention

entries = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 400)), min_size=1, max_size=60)


def test_nothing_is_trimmed_before_the_first_entry_has_said_what_time_it_is() -> None:
    retention = TickRetention()
    assert retention.oldest is None
    retention.written("1790000020000-3", 370)
    assert retention.oldest == "1790000010000-0"


@given(entries)
def test_what_is_kept_is_the_newest_of_the_time_and_of_the_bytes(steps: list[tuple[int, int]]) -> None:
    retention, now, written = TickRetention(seconds=10, most_bytes=2_000), 1_790_000_000_000, []
    for number, (later, size) in enumerate(steps):
        now += later
        written.append((now, number, size + 64))
        retention.written(f"{now}-{number}", size)
        oldest_ms, oldest_number = map(int, str(retention.oldest).split("-"))
        kept = [entry for entry in written if entry[:2] >= (oldest_ms, oldest_number)]
        assert kept[-1] == written[-1]
        assert kept[0][0] >= now - 10_000
        assert sum(entry[2] for entry in kept) <= 2_000
        left_out = written[: len(written) - len(kept)]
        if left_out and left_out[-1][0] >= now - 10_000:  # only the bytes can be why
            assert sum(entry[2] for entry in written[-len(kept) - 1 :]) > 2_000


def test_another_life_of_the_stream_begins_anew() -> None:
    retention = TickRetention(seconds=10, most_bytes=1_000)
    for number in range(5):
        retention.written(f"1790000020000-{number}", 300)
    retention.written("1780000000000-0", 300)
    assert retention.oldest == "1779999990000-0"
