"""When an engine may call a runner lost."""

from __future__ import annotations

from engine_server.fleet.domain.patience import Patience
from tradewinds.config import LeaseSettings

LEASES = LeaseSettings(ttl_seconds=6.0)


def beating(patience: Patience, start: float, end: float) -> None:
    moment = start
    while moment < end:
        patience.beat(moment)
        moment += 0.25


def test_an_engine_that_has_just_started_waits_a_ttl_and_the_grace() -> None:
    patience = Patience(LEASES, 100.0)
    beating(patience, 100, 109)
    assert not patience.may_declare_lost(107.9)
    assert patience.may_declare_lost(108.0)


def test_a_fault_of_the_database_starts_the_wait_again() -> None:
    patience = Patience(LEASES, 0.0)
    beating(patience, 0, 20)
    patience.fault(20.0)
    assert not patience.may_declare_lost(27.9)
    assert patience.may_declare_lost(28.0)


def test_an_engine_that_stood_still_starts_the_wait_again() -> None:
    patience = Patience(LEASES, 0.0)
    beating(patience, 0, 20)
    patience.beat(30.0)
    assert not patience.may_declare_lost(30.0)


def test_ordinary_delays_are_no_fault() -> None:
    patience = Patience(LEASES, 0.0)
    for moment in (0.5, 2.0, 3.9, 5.8, 7.7, 9.0):
        patience.beat(moment)
    assert patience.may_declare_lost(9.0)
