"""Quantities above what the exchange takes in one order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.slicing import MAXIMUM_SLICES, denial_of_slices, slices
from tests.unit.oms.orders import NIFTY_FUTURE, RELIANCE


@given(lots=st.integers(1, 5_000), freeze=st.integers(0, 4_000))
def test_slices_add_up_in_whole_lots_below_the_freeze_quantity(lots: int, freeze: int) -> None:
    instrument = msgspec.structs.replace(NIFTY_FUTURE, freeze_quantity=freeze)
    parts = slices(lots * 65, instrument)
    assert sum(parts) == lots * 65
    assert all(part > 0 and part % 65 == 0 for part in parts)
    if freeze >= 65:
        assert max(parts) <= freeze


def test_what_has_no_freeze_quantity_is_one_order() -> None:
    assert slices(1_000_000, RELIANCE) == [1_000_000]


def test_too_many_slices_are_denied_with_what_would_go() -> None:
    most = 27 * 65
    assert denial_of_slices(most * MAXIMUM_SLICES, NIFTY_FUTURE) is None
    denial = denial_of_slices(most * MAXIMUM_SLICES + 65, NIFTY_FUTURE)
    assert denial is not None
    assert f"place {most * MAXIMUM_SLICES} or less" in denial.message
