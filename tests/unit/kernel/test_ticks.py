"""The tick record: what is done to whole batches is what is done to each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.ticks import (
    TICK_DTYPE,
    TickArray,
    instrument_code,
    instrument_codes,
    joined,
    opaque,
)

tokens = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1)), max_size=20)


def ticks(names: list[tuple[int, int]]) -> TickArray:
    made = np.zeros(len(names), TICK_DTYPE)
    for place, (exchange_type, token) in enumerate(names):
        made["exchange_type"][place], made["token"][place] = exchange_type, token
        made["last_price_e4"][place] = place + 1
    return made


@given(tokens)
def test_every_instrument_has_one_code(names: list[tuple[int, int]]) -> None:
    batch = ticks(names)
    assert instrument_codes(batch).tolist() == [instrument_code(*name) for name in names]


@given(st.lists(tokens, max_size=4))
def test_batches_are_joined_in_their_order(batches: list[list[tuple[int, int]]]) -> None:
    parts = [ticks(names) for names in batches]
    whole = joined(parts)
    assert whole.tolist() == [record for part in parts for record in part.tolist()]
    whole["flags"] = 1  # it is the reader's own


def test_records_are_moved_as_they_are() -> None:
    there, new = ticks([(1, 10), (1, 20), (1, 30)]), ticks([(1, 40), (1, 50)])
    opaque(there)[np.array([2, 2])] = opaque(new)
    assert there["token"].tolist() == [10, 20, 50]
    assert opaque(there)[np.array([True, False, True])].tobytes() == there[[0, 2]].tobytes()
