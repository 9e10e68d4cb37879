"""The controls that a regulator asks for, one by one: each has its rule, its reason code and a case that it denies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine_server.oms.domain.holds import HoldKind
from engine_server.oms.domain.risk.limits import LIMITS, LimitName
from tests.unit.oms.orders import place_order
from tests.unit.oms.risk_views import denial_of
from tests.unit.oms.test_risk_rules import DENIED

# What decides elsewhere than in the list of rules says where it is tested.
CONTROLS = {
    "C1 kill state": {"TRADING_HALTED", "TRADING_REDUCE_ONLY"},
    "C2 quantity, lot, tick, freeze": {"RISK_ORDER_QUANTITY"},  # lot and tick: test_validation; freeze: test_slicing
    "C3 order, open and exposed value": {
        "RISK_ORDER_VALUE",
        "RISK_OPEN_ORDER_VALUE",
        "RISK_GROSS_EXPOSURE",
        "RISK_NET_EXPOSURE",
    },
    "C4 collar and fresh reference": {"RISK_PRICE_COLLAR", "REFERENCE_MISSING", "REFERENCE_STALE"},
    "C5 message rate": {"RISK_ORDER_RATE"},  # RATE_LIMITED and the reserve: test_resolution_and_pacing
    "C6 duplicates": {"DUPLICATE_ORDER"},
    "C7 repeated execution": {"REPEAT_THROTTLE"},  # disabling: integration/oms/test_risk_limits
    "C8 self-trade": {"SELF_TRADE"},
    "C9 loss and drawdown": set(),  # not of an order: test_losses
    "C10 type, session, product": {
        "INTRADAY_OVER"
    },  # MARKET and IOC are never sent: test_protection; phases: calendar/test_entry
    "C11 entered and sent, positions, reconciling": {"STREAM_RECONCILING"},
    "C12 ratio, open and unknown orders": {"RISK_ORDER_TO_TRADE", "RISK_OPEN_ORDERS", "UNKNOWN_BUDGET"},
}
ELSEWHERE = {"INTRADAY_OVER", "STREAM_RECONCILING"}


@pytest.mark.parametrize("control", CONTROLS)
def test_each_control_has_a_case_that_it_denies(control: str) -> None:
    assert CONTROLS[control] - ELSEWHERE <= {reason for reason, *_ in DENIED}


def test_entries_wait_while_the_books_are_not_known_and_exits_do_not() -> None:
    denial = denial_of(place_order(), reconciling="the order stream was lost")
    assert denial is not None
    assert (denial.reason, "the order stream was lost" in denial.message) == ("STREAM_RECONCILING", True)


def test_what_was_sent_and_not_entered_and_every_difference_holds_entries() -> None:
    assert {"NOT_ENTERED", "POSITION_DIFFERENCE", "TRADE_DIFFERENCE", "OVERFILL", "TAG_DUPLICATED"} <= set(HoldKind)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (LimitName.MAX_OPEN_ORDERS, 200),
        (LimitName.MAX_REPEATED_ENTRIES, 20),
        (LimitName.DUPLICATE_WINDOW_SECONDS, 2),
        (LimitName.COLLAR_PERCENT, 2),
        (LimitName.OPTION_COLLAR_PERCENT, 20),
        (LimitName.MAX_UNKNOWN_ORDERS, 3),
    ],
)
def test_the_defaults_are_the_published_ones(name: LimitName, value: int) -> None:
    assert Decimal(value) in LIMITS[name].defaults.values()
