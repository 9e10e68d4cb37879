"""Which markets the broker keeps hours for."""

from __future__ import annotations

from sandbox.listing.listing import TRADED_SEGMENTS
from sandbox.trading_hours import markets_of
from sandbox.universe import DEFAULT_UNIVERSE


def test_every_segment_that_takes_orders_has_hours_although_only_shares_print_unasked() -> None:
    assert {market.segment for market in markets_of(DEFAULT_UNIVERSE)} == set(TRADED_SEGMENTS)
