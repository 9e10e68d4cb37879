"""Generated ids sort by time, never repeat, and say what they name."""

from __future__ import annotations

import time

from tradewinds.ids import new_id


def test_ids_are_unique_and_carry_their_prefix() -> None:
    ids = {new_id("ord") for _ in range(10_000)}
    assert len(ids) == 10_000
    assert all(one.startswith("ord-") and len(one) == 30 for one in ids)


def test_a_later_id_sorts_after_an_earlier_one() -> None:
    first = new_id("ord")
    time.sleep(0.002)  # ids of one millisecond are unordered among themselves
    assert first < new_id("ord")
