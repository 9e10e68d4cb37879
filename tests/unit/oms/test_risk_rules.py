"""Each rule denies with its own reason and its figures, and lets pass what is inside; exits pass all that is meant for entries."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.kill_switch import KillAction, Restriction, restriction
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.risk.activity import Activity, RecentIntents, intent_of
from engine_server.oms.domain.risk.exposure import Exposure, gross_exposure, net_exposure, order_value
from engine_server.oms.domain.risk.limits import LIMITS, LimitName, LimitsInForce, Scope
from engine_server.oms.domain.risk.rules import ENTRY_RULES
from engine_server.oms.domain.states import OrderState
from tests.unit.oms.orders import NIFTY_FUTURE, NOON, RELIANCE, order_record, place_order, position_record
from tests.unit.oms.risk_views import FRESH, denial_of, exposure_of, kill_switch, limits, risk_view

MOMO: dict[str, Any] = {"config_id": "momo", "epoch": 1}
STOCK_FUTURE = msgspec.structs.replace(
    NIFTY_FUTURE, key="NFO:RELIANCE24NOV26FUT", instrument_type="FUTSTK", expiry=date(2026, 11, 24)
)
UNKNOWN = [order_record(state=OrderState.UNKNOWN, instrument="NSE:TCS-EQ", order_id=f"ord-{n}") for n in range(3)]
RESTING_SELL = order_record(side="SELL", quantity=5, price=Decimal(1400), order_id="ord-rest")


def recent(count: int, *, seconds_ago: float = 1, **changes: Any) -> RecentIntents:
    orders = [
        order_record(
            **{
                "order_id": f"ord-{n}",
                "config_id": "momo",
                "price": Decimal(1000 + n),
                "created_at": NOON - timedelta(seconds=seconds_ago),
                **changes,
            }
        )
        for n in range(count)
    ]
    return RecentIntents([intent_of(order) for order in orders])


DENIED: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("TRADING_HALTED", {}, {"restriction": Restriction(kill_switch(KillAction.SQUARE_OFF))}, ["SQUARE_OFF", "drill"]),
    ("TRADING_REDUCE_ONLY", {}, {"restriction": Restriction(kill_switch(KillAction.REDUCE_ONLY))}, ["ACC1", "asha"]),
    ("RISK_ORDER_QUANTITY", {}, {"limits": limits(max_order_quantity=9)}, ["10", "9"]),
    ("RISK_ORDER_VALUE", {}, {"limits": limits(max_order_value=13_999)}, ["14000.00", "13999.00"]),
    ("RISK_OPEN_ORDER_VALUE", {}, {"limits": limits(max_open_order_value=13_999)}, ["14000.00", "0.00"]),
    ("RISK_GROSS_EXPOSURE", {}, {"limits": limits(max_gross_exposure=13_999)}, ["account", "14000.00"]),
    ("RISK_NET_EXPOSURE", MOMO, {"limits": limits(Scope.STRATEGY, max_net_exposure=13_999)}, ["strategy", "14000.00"]),
    ("RISK_PRICE_COLLAR", {"price": Decimal("1428.05")}, {}, ["1428.05", "1400.00", "2 %"]),
    ("RISK_PRICE_COLLAR", {"price": Decimal("1371.95"), "side": "SELL"}, {}, ["1371.95"]),
    ("REFERENCE_MISSING", {}, {"quote": None}, [RELIANCE.key]),
    ("REFERENCE_MISSING", {}, {"quote": Quote(Decimal("NaN"), Decimal(0), Decimal(0), 0.1)}, [RELIANCE.key]),
    ("REFERENCE_STALE", {}, {"quote": Quote(Decimal(1400), Decimal(0), Decimal(0), 30.5)}, ["30.5", "30"]),
    ("DUPLICATE_ORDER", MOMO, {"intents": recent(1, price=Decimal(1400))}, ["ord-0", "2 s"]),
    ("RISK_ORDER_RATE", MOMO, {"intents": recent(300, side="SELL")}, ["300"]),
    ("REPEAT_THROTTLE", MOMO, {"intents": recent(20, seconds_ago=500)}, ["20", "BUY"]),
    (
        "RISK_ORDER_TO_TRADE",
        {},
        {"limits": limits(max_orders_per_trade=50), "orders_today": 100, "trades_today": 2},
        ["100", "50"],
    ),
    ("SELF_TRADE", {}, {"account": exposure_of((), [RESTING_SELL])}, ["ord-rest", "1400.00"]),
    (
        "RISK_OPEN_ORDERS",
        {},
        {"account": exposure_of(orders=[order_record(order_id=str(n)) for n in range(200)])},
        ["200", "account"],
    ),
    (
        "UNKNOWN_BUDGET",
        MOMO,
        {"book": exposure_of(orders=UNKNOWN)},
        ["3", "strategy"],
    ),
    (
        "INSUFFICIENT_MARGIN",
        {},
        {"unit_margin": Decimal(280), "available_margin": Decimal(2799)},
        ["2800.00", "2799.00"],
    ),
]


@pytest.mark.parametrize(
    ("reason", "order", "view", "figures"), DENIED, ids=[f"{n}-{d[0]}" for n, d in enumerate(DENIED)]
)
def test_a_rule_denies_with_its_reason_and_figures(
    reason: str, order: dict[str, Any], view: dict[str, Any], figures: list[str]
) -> None:
    denial = denial_of(place_order(**order), **view)
    assert denial is not None
    assert denial.reason == reason
    assert all(figure in denial.message for figure in figures), denial.message


@pytest.mark.parametrize(
    ("reason", "order", "view", "figures"), DENIED, ids=[f"{n}-{d[0]}" for n, d in enumerate(DENIED)]
)
def test_an_exit_passes_every_rule_meant_for_entries(
    reason: str, order: dict[str, Any], view: dict[str, Any], figures: list[str]
) -> None:
    side = order.get("side", "BUY")
    open_position = position_record(-10 if side == "BUY" else 10, "1400")
    book = view.get("book", exposure_of())
    passing = {**view, "book": exposure_of([open_position], book.working if side == "SELL" else ())}
    assert denial_of(place_order(**order), **passing) is None


@pytest.mark.parametrize(
    ("order", "view"),
    [
        ({}, {"limits": limits(max_order_quantity=10, max_order_value=14_000, max_gross_exposure=14_000)}),
        ({"price": Decimal(1428)}, {}),
        ({"price": Decimal(1000)}, {}),  # buying far below is no mistake that costs
        ({}, {"quote": Quote(Decimal(1400), Decimal(0), Decimal(0), 29.9)}),
        (MOMO, {"intents": recent(1, price=Decimal(1400), seconds_ago=2.5)}),
        (MOMO, {"intents": recent(1, price=Decimal(1400), config_id="other")}),
        (MOMO, {"intents": recent(299, side="SELL")}),
        (MOMO, {"intents": recent(20, seconds_ago=601)}),
        ({}, {"intents": recent(20, config_id=None, seconds_ago=100)}),  # people repeat themselves with intent
        ({"price": Decimal(1399)}, {"account": exposure_of((), [RESTING_SELL])}),
        ({}, {"limits": limits(max_orders_per_trade=50), "orders_today": 99}),
        ({}, {"unit_margin": Decimal(280), "available_margin": Decimal(2800)}),
        ({}, {"unit_margin": None, "available_margin": Decimal(0)}),
    ],
)
def test_what_is_inside_its_limits_passes(order: dict[str, Any], view: dict[str, Any]) -> None:
    assert denial_of(place_order(**order), **view) is None


@pytest.mark.parametrize(("days_left", "denied"), [(3, True), (4, False)])
def test_entries_of_what_is_delivered_end_days_before_its_expiry(days_left: int, denied: bool) -> None:
    market_now = NOON.replace(day=24 - days_left)
    quote = Quote(Decimal(1400), Decimal(0), Decimal(0), 0.1)
    order = place_order(instrument=STOCK_FUTURE, quantity=65, product="NRML")
    denial = denial_of(order, market_now=market_now, quote=quote)
    assert (denial is not None) is denied
    assert denial is None or (denial.reason, "2026-11-24" in denial.message) == ("EXPIRY_WEEK", True)
    index = msgspec.structs.replace(STOCK_FUTURE, instrument_type="FUTIDX")
    assert denial_of(place_order(instrument=index, quantity=65, product="NRML"), market_now=market_now) is None


def test_an_exit_in_between_makes_repeated_entries_a_turnover() -> None:
    entries = list(recent(30, seconds_ago=300).committed)
    exit_ = intent_of(
        order_record(config_id="momo", side="SELL", created_at=NOON - timedelta(seconds=200), is_exit=True)
    )
    assert denial_of(place_order(**MOMO), intents=RecentIntents([*entries, exit_])) is None
    elsewhere = msgspec.structs.replace(RELIANCE, key="NSE:TCS-EQ")
    assert denial_of(place_order(instrument=elsewhere, **MOMO), intents=RecentIntents(entries)) is None


def test_the_tightest_limit_binds_an_order_and_each_scope_answers_for_its_own() -> None:
    name = LimitName.MAX_ORDER_VALUE
    in_force = LimitsInForce({name: Decimal(5)}, {name: Decimal(3)}, {name: Decimal(4)})
    assert [in_force.of_order(name), in_force.of_account(name), in_force.of_strategy(name)] == [3, 3, 5]
    window = LimitName.DUPLICATE_WINDOW_SECONDS
    assert (
        LimitsInForce({window: Decimal(5)}, {window: Decimal(1)}).of_order(window) == 5
    )  # the longest is the tightest
    assert LimitsInForce().of_order(window) == 2
    assert LimitsInForce(everybody={window: Decimal(0)}).of_order(window) == 0


@pytest.mark.parametrize(
    ("name", "new", "old", "looser"),
    [
        (LimitName.MAX_ORDER_VALUE, 2, 1, True),
        (LimitName.MAX_ORDER_VALUE, 1, 2, False),
        (LimitName.MAX_ORDER_VALUE, None, 1, True),
        (LimitName.MAX_ORDER_VALUE, 1, None, False),
        (LimitName.MAX_ORDER_VALUE, 1, 1, False),
        (LimitName.EXPIRY_DAYS, 3, 4, True),
        (LimitName.EXPIRY_DAYS, 5, 4, False),
    ],
)
def test_which_change_of_a_limit_lets_more_through(
    name: LimitName, new: int | None, old: int | None, looser: bool
) -> None:
    values = [Decimal(value) if value is not None else None for value in (new, old)]
    assert LIMITS[name].is_looser(*values) is looser


def test_a_kill_switch_covers_its_scope_and_the_worst_one_speaks() -> None:
    halt = kill_switch(KillAction.HALT, Scope.STRATEGY)
    reduce = kill_switch(KillAction.REDUCE_ONLY, Scope.GLOBAL)
    assert restriction([halt], "ACC1", "other") is None
    assert restriction([halt], "ACC1", None) is None
    for kills in ([halt, reduce], [reduce, halt]):
        over = restriction(kills, "ACC1", "momo")
        assert over is not None
        assert over.kill is halt
    elsewhere = restriction([kill_switch(KillAction.HALT, Scope.ACCOUNT, subject_id="ACC2")], "ACC1", "momo")
    assert elsewhere is None


quantities, prices = st.integers(1, 500), st.integers(1, 4000).map(Decimal)
sides = st.sampled_from(["BUY", "SELL"])
books = st.builds(
    lambda net, cost, orders: exposure_of(
        [position_record(net, str(cost))],
        [order_record(side=s, quantity=q, price=p, order_id=str(n)) for n, (s, q, p) in enumerate(orders)],
    ),
    st.integers(-500, 500),
    prices,
    st.lists(st.tuples(sides, quantities, prices), max_size=6),
)


@given(books, sides, quantities, prices)
def test_an_order_adds_at_most_its_value_to_one_direction(
    book: Exposure, side: str, quantity: int, price: Decimal
) -> None:
    order = place_order(side=side, quantity=quantity, price=price)
    assert net_exposure(book, order) <= net_exposure(book) + order_value(order)


@given(books, sides, quantities, prices, st.integers(0, 2_000_000))
def test_an_entry_that_passes_leaves_the_account_inside_its_limit(
    book: Exposure, side: str, quantity: int, price: Decimal, limit: int
) -> None:
    order = place_order(side=side, quantity=quantity, price=price)
    quote = Quote(price, Decimal(0), Decimal(0), 0.1)
    view = risk_view(book, limits=limits(max_gross_exposure=limit, max_net_exposure=limit), quote=quote)
    if all(rule(order, view) is None for rule in ENTRY_RULES):
        assert gross_exposure(book, order) <= limit
        assert net_exposure(book, order) <= limit


def test_counters_forget_after_ten_minutes_and_begin_anew_with_the_day() -> None:
    activity = Activity()
    for minutes in (0, 5, 9):
        at = NOON + timedelta(minutes=minutes)
        activity.count(intent_of(order_record(order_id=str(minutes), created_at=at)))
    activity.count_trade(None)
    assert (activity.orders_of(None), activity.trades_of(None), len(activity.intents)) == (3, 1, 3)
    activity.count(intent_of(order_record(order_id="x", created_at=NOON + timedelta(minutes=11))))
    assert [intent.order_id for intent in activity.intents] == ["5", "9", "x"]
    activity.count(intent_of(order_record(order_id="y", created_at=NOON + timedelta(days=1))))
    assert (activity.orders_of(None), activity.trades_of(None)) == (1, 0)


def test_a_fresh_quote_alone_denies_nothing() -> None:
    assert denial_of(place_order(), quote=FRESH) is None
