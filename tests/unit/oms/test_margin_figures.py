"""What an entry is judged by between two answers of the broker."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from engine_server.oms.domain.risk.activity import Intent
from engine_server.oms.domain.risk.margin_figures import (
    FUNDS_SECONDS,
    UNIT_SECONDS,
    FundsFigure,
    MarginFigures,
    UnitMargin,
)
from tests.unit.oms.orders import NOON

KEY = ("NSE:RELIANCE-EQ", "BUY", "MIS")
ENTRY = Intent("o1", NOON, "momo", KEY[0], "BUY", 10, "MIS", Decimal(1400), is_exit=False)


def figures(available: str = "10000") -> MarginFigures:
    """280 rupees a unit, asked at 100 s."""
    return MarginFigures({KEY: UnitMargin(Decimal(280), 100.0)}, FundsFigure(Decimal(available), 100.0, 0))


def test_what_was_admitted_since_is_deducted_the_batch_included() -> None:
    known = figures()
    known.commit(ENTRY)
    assert known.available(101.0, [ENTRY]) == 10_000 - 2 * 2_800


def test_an_exit_and_an_unknown_instrument_commit_nothing() -> None:
    known = figures()
    known.commit(replace(ENTRY, is_exit=True))
    known.commit(replace(ENTRY, instrument="NSE:TCS-EQ"))
    assert known.available(101.0) == 10_000


def test_a_fill_makes_the_last_read_one_that_nobody_is_denied_by() -> None:
    known = figures()
    known.changed()
    assert known.available(101.0) is None
    assert known.left() == 10_000
    known.take_funds(FundsFigure(Decimal(9_000), 102.0, known.events), Decimal(0))
    assert known.available(103.0) == 9_000


def test_a_read_takes_back_what_had_been_committed_before_it_began() -> None:
    known = figures()
    known.commit(ENTRY)
    before = known.committed
    known.commit(ENTRY)  # while the broker is asked
    known.take_funds(FundsFigure(Decimal(7_200), 102.0, 0), before)
    assert known.available(103.0) == 7_200 - 2_800


def test_old_figures_are_none() -> None:
    known = figures()
    assert known.unit(KEY, 100.0 + UNIT_SECONDS) == 280
    assert known.unit(KEY, 100.1 + UNIT_SECONDS) is None
    assert known.available(100.1 + FUNDS_SECONDS) is None


def test_the_broker_is_asked_before_only_where_an_entry_may_be_short() -> None:
    known = figures()
    assert not known.may_be_short(KEY, 35, 101.0)
    assert known.may_be_short(KEY, 36, 101.0)
    assert known.may_be_short(("NSE:TCS-EQ", "BUY", "MIS"), 1, 101.0)
    assert (known.is_ageing(KEY, 101.0), known.is_ageing(KEY, 131.0)) == (False, True)
