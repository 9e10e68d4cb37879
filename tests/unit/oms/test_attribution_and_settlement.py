"""Whose position an external trade closes, and which lines end by themselves."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.attribution import AMBIGUOUS, owner_of_close
from engine_server.oms.domain.settlement import expiry_of, why_it_ended
from tests.unit.oms.orders import NOON


@pytest.mark.parametrize(
    ("nets", "total", "side", "quantity", "expected"),
    [
        ({"momo": 10}, 10, "SELL", 10, "momo"),
        ({"momo": 10}, 10, "SELL", 4, "momo"),
        ({"momo": -10}, -10, "BUY", 10, "momo"),
        ({"momo": 10, "flat": 0, "bear": -5}, 5, "SELL", 10, "momo"),
        ({"momo": 10}, 10, "BUY", 5, None),  # it adds: nobody's
        ({}, 0, "SELL", 5, None),
        ({"momo": 10}, 15, "SELL", 5, None),  # people close their own first
        ({"momo": 10}, 15, "SELL", 8, AMBIGUOUS),
        ({"momo": 10}, 10, "SELL", 11, AMBIGUOUS),
        ({"momo": 10, "gap": 10}, 20, "SELL", 5, AMBIGUOUS),
    ],
)
def test_the_owner_of_a_close(nets: dict[str, int], total: int, side: str, quantity: int, expected: object) -> None:
    assert owner_of_close(nets, total, side, quantity) == expected


@given(
    nets=st.dictionaries(st.sampled_from("abc"), st.integers(-50, 50)),
    unowned=st.integers(-50, 50),
    side=st.sampled_from(["BUY", "SELL"]),
    quantity=st.integers(1, 60),
)
def test_an_owner_has_enough_to_be_closed(nets: dict[str, int], unowned: int, side: str, quantity: int) -> None:
    owner = owner_of_close(nets, sum(nets.values()) + unowned, side, quantity)
    if isinstance(owner, str):
        assert nets[owner] >= quantity if side == "SELL" else -nets[owner] >= quantity


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("NFO:NIFTY24NOV26FUT", date(2026, 11, 24)),
        ("NFO:NIFTY24NOV2625000CE", date(2026, 11, 24)),
        ("NFO:M&M26NOV261500.50PE", date(2026, 11, 26)),
        ("NFO:BAJAJ-AUTO31DEC26FUT", date(2026, 12, 31)),
        ("NSE:RELIANCE-EQ", None),
        ("NFO:NIFTY99NOV26FUT", None),
    ],
)
def test_the_expiry_in_a_key(key: str, expected: date | None) -> None:
    assert expiry_of(key) == expected


def test_what_ends_by_itself() -> None:
    yesterday = NOON - timedelta(days=1)
    assert "expired" in (why_it_ended("NFO:NIFTY19NOV26FUT", "NRML", yesterday, NOON) or "")
    assert why_it_ended("NFO:NIFTY20NOV26FUT", "NRML", yesterday, NOON) is None  # it trades today
    assert "squared it off" in (why_it_ended("NSE:RELIANCE-EQ", "MIS", yesterday, NOON) or "")
    assert why_it_ended("NSE:RELIANCE-EQ", "MIS", NOON, NOON) is None
    assert why_it_ended("NSE:RELIANCE-EQ", "CNC", yesterday, NOON) is None
