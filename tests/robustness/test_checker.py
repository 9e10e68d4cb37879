"""The checker sees: each promise, broken in an otherwise good history, is named; the good history is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.robustness.checker import most_in_a_second, nothing_is_held, violations
from tests.robustness.evidence import Evidence, Row

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def order(number: int, **changes: Any) -> dict[str, Any]:
    """A filled order of the strategy's first process."""
    return {
        "order_id": f"ord-{number}",
        "account_id": "A",
        "config_id": "churn",
        "epoch": 1,
        "request_id": f"churn/p1.aa-{number}",
        "tag": f"TAG{number}",
        "side": "BUY" if number % 2 else "SELL",
        "quantity": 10,
        "filled_quantity": 10,
        "average_price": Decimal("100.5"),
        "state": "FILLED",
        "reason": "",
        "message": "",
        "broker_order_id": f"B{number}",
        "updated_at": NOW,
        **changes,
    }


def broker_order(row: Row, **changes: Any) -> dict[str, Any]:
    """What the broker has of it. Paise."""
    value = int(row["average_price"] * 100) * row["filled_quantity"]
    facts = {
        "order_id": row["broker_order_id"],
        "tag": row["tag"],
        "state": "complete",
        "filled": row["filled_quantity"],
    }
    return {**facts, "fill_value": value, **changes}


def placement(row: Row, seq: int) -> dict[str, Any]:
    body = {"ordertag": row["tag"], "transactiontype": row["side"], "quantity": str(row["quantity"])}
    return {"seq": seq, "body": body}


def trade(row: Row, **changes: Any) -> dict[str, Any]:
    facts = {"instrument": "NSE:TCS-EQ", "product": "MIS", "side": row["side"], "price": row["average_price"]}
    named = {"order_id": row["order_id"], "config_id": row["config_id"]}
    return {**facts, **named, "quantity": row["filled_quantity"], **changes}


def fill(row: Row) -> dict[str, Any]:
    facts = {"exchange": "NSE", "symbol": "TCS-EQ", "product": "INTRADAY"}
    return {**facts, "side": row["side"], "quantity": row["filled_quantity"]}


def position(config_id: str, bought: int, sold: int) -> dict[str, Any]:
    line = {"instrument": "NSE:TCS-EQ", "product": "MIS"}
    return {"config_id": config_id, **line, "buy_quantity": bought, "sell_quantity": sold}


def event(row: Row, number: int, **changes: Any) -> dict[str, Any]:
    whose = {"account_id": "A", "sequence": number, "config_id": row["config_id"], "config_sequence": number}
    return {**whose, "order_id": row["order_id"], "state": row["state"], **changes}


def executed(row: Row) -> dict[str, Any]:
    return {"type": "ORDER_EXECUTED", "data": json.dumps({"order_id": row["order_id"]})}


def history(*rows: Row) -> Evidence:
    """A run in which these orders were placed, filled, booked and told."""
    bought = sum(row["filled_quantity"] for row in rows if row["side"] == "BUY")
    sold = sum(row["filled_quantity"] for row in rows if row["side"] == "SELL")
    return Evidence(
        placements=[placement(row, n) for n, row in enumerate(rows)],
        broker_orders={row["broker_order_id"]: broker_order(row) for row in rows},
        fills=[fill(row) for row in rows],
        orders=list(rows),
        trades=[trade(row) for row in rows],
        positions=[position("", bought, sold), position("churn", bought, sold)],
        events=[event(row, n) for n, row in enumerate(rows, start=1)],
        notifications=[executed(row) for row in rows],
        promised={row["request_id"]: frozenset({row["order_id"]}) for row in rows},
    )


ONE, TWO, THREE = order(1), order(2), order(3)
GOOD = history(ONE, TWO, THREE)


def test_a_good_history_is_good() -> None:
    assert violations(GOOD) == []


def without_trade(good: Evidence) -> Evidence:
    return replace(good, trades=good.trades[1:])


BROKEN: list[tuple[str, Callable[[Evidence], Evidence]]] = [
    (
        "sent_at_most_once: tag TAG1 was sent 2 times",
        lambda e: replace(e, placements=[*e.placements, placement(ONE, 9)]),
    ),
    (
        "sent_at_most_once: truth record 9: tag 'TAG9' is no order",
        lambda e: replace(e, placements=[*e.placements, placement(order(9), 9)]),
    ),
    (
        "sent_at_most_once: ord-1 is BUY 10, sent was",
        lambda e: replace(e, placements=[placement(order(1, quantity=20), 0), *e.placements[1:]]),
    ),
    (
        "never_forgotten: broker order B9 (TAG9) is no row",
        lambda e: replace(e, broker_orders={**e.broker_orders, "B9": broker_order(order(9))}),
    ),
    (
        "never_forgotten: ord-1 (FILLED, 10 filled) is not at the broker",
        lambda e: replace(e, broker_orders={of: o for of, o in e.broker_orders.items() if of != "B1"}),
    ),
    (
        "never_forgotten: ord-1 (FILLED, 10 filled), the broker has open, 4 filled",
        lambda e: replace(e, broker_orders={**e.broker_orders, "B1": broker_order(ONE, state="open", filled=4)}),
    ),
    (
        "never_forgotten: ord-1 (FILLED, 10 filled) at 100.5, the broker says 100000 paise for 10",
        lambda e: replace(e, broker_orders={**e.broker_orders, "B1": broker_order(ONE, fill_value=100_000)}),
    ),
    (
        "never_forgotten: ord-1 (NOT_PLACED, 10 filled) is at the broker as B1",
        lambda e: replace(e, orders=[order(1, state="NOT_PLACED"), *e.orders[1:]]),
    ),
    (
        "never_forgotten: ord-1 (FILLED, 10 filled) names B7, the broker has it as B1",
        lambda e: replace(e, orders=[order(1, broker_order_id="B7"), *e.orders[1:]]),
    ),
    (
        "every_fate_is_known: ord-1 is still UNKNOWN",
        lambda e: replace(e, orders=[order(1, state="UNKNOWN"), *e.orders[1:]]),
    ),
    ("trades_sum_to_fills: ord-1 has 10 filled, its trades make 0", without_trade),
    (
        "trades_sum_to_fills: ord-1 has an average of 100.5, its trades cost",
        lambda e: replace(e, trades=[trade(ONE, price=Decimal("100.6")), *e.trades[1:]]),
    ),
    (
        "account_positions_are_the_brokers: the account, ('NSE:TCS-EQ', 'MIS'): bought and sold (20, 10), should be (10, 10)",
        lambda e: replace(e, fills=e.fills[1:]),
    ),
    ("strategy_books_are_their_trades: churn, ('NSE:TCS-EQ', 'MIS')", without_trade),
    (
        "one_process_at_a_time: churn: ord-3 of epoch 1 came after epoch 2",
        lambda _: history(ONE, order(2, epoch=2, request_id="churn/p2.bb-1"), THREE),
    ),
    (
        "one_process_at_a_time: churn: process p1.aa came back 1 times",
        lambda _: history(ONE, order(2, request_id="churn/p1.bb-1"), THREE),
    ),
    (
        "the_log_has_no_holes: A: 2 numbers of sequence are not 1 to 2",
        lambda e: replace(e, events=[e.events[0], *e.events[2:]]),
    ),
    (
        "the_log_has_no_holes: ord-3 is FILLED, its last event says OPEN",
        lambda e: replace(e, events=[*e.events[:2], event(THREE, 3, state="OPEN")]),
    ),
    (
        "everybody_was_told_once: ord-1 was filled and nobody was told",
        lambda e: replace(e, notifications=e.notifications[1:]),
    ),
    (
        "everybody_was_told_once: ORDER_EXECUTED of ord-1 was sent 2 times",
        lambda e: replace(e, notifications=[*e.notifications, executed(ONE)]),
    ),
    (
        "everybody_was_told_once: ORDER_EXECUTED of ord-9, which is not filled",
        lambda e: replace(e, notifications=[*e.notifications, executed(order(9))]),
    ),
    (
        "everybody_was_told_once: 1 events wait in the outbox",
        lambda e: replace(e, outbox=[{"outbox_id": 1, "topic": "ORDER_EXECUTED"}]),
    ),
    (
        "promises_are_kept: request by-hand-1 became 2 orders",
        lambda _: history(*(order(n, config_id="", request_id="by-hand-1") for n in (1, 2))),
    ),
    (
        "promises_are_kept: request r was answered with ord-9, which is gone",
        lambda e: replace(e, promised={"r": frozenset({"ord-9"})}),
    ),
    (
        "promises_are_kept: request r was answered with several orders",
        lambda e: replace(e, promised={"r": frozenset({"ord-1", "ord-2"})}),
    ),
]


@pytest.mark.parametrize(("words", "breaking"), BROKEN, ids=[words for words, _ in BROKEN])
def test_a_broken_promise_is_named(words: str, breaking: Callable[[Evidence], Evidence]) -> None:
    assert any(found.startswith(words) for found in violations(breaking(GOOD))), violations(breaking(GOOD))


def test_a_hold_that_is_left_is_named() -> None:
    hold = {"instrument": "NSE:TCS-EQ", "kind": "UNATTRIBUTED", "message": "whose is it?"}
    assert list(nothing_is_held(replace(GOOD, holds=[hold]), frozenset())) == [
        "NSE:TCS-EQ is held: UNATTRIBUTED whose is it?"
    ]


def test_the_fullest_second_is_found_wherever_a_calendar_has_its_seconds() -> None:
    arrived = [0, 900, 950, 1_850, 1_899, 1_900, 3_000]
    requests = [{"received_mono_ns": milliseconds * 1_000_000} for milliseconds in reversed(arrived)]
    assert most_in_a_second(Evidence(order_requests=requests)) == 4  # 900 to 1,899
    assert most_in_a_second(Evidence()) == 0


def test_the_fate_of_a_young_order_may_be_open() -> None:
    evidence = replace(history(TWO), orders=[TWO, order(5, state="UNKNOWN", broker_order_id=None, filled_quantity=0)])
    evidence = replace(evidence, events=[event(TWO, 1), event(evidence.orders[1], 2)])

    assert violations(evidence, unsettled=frozenset({"ord-5"})) == []
    assert violations(evidence) != []
