"""What `orders explain` says, read by somebody who knows nothing of how it works."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.story import AuditLine, LogLine, summary, tell
from tests.unit.oms.orders import NOON, order_record


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (OrderState.UNKNOWN, "nobody knows yet whether the broker has it; it is never sent again"),
        (OrderState.DENIED, "our own rules refused it, it was never sent"),
        (OrderState.NOT_PLACED, "the broker never had it"),
        (OrderState.PENDING_SUBMIT, "it waits to be sent"),
    ],
)
def test_a_state_that_names_itself_badly_is_explained(state: OrderState, words: str) -> None:
    assert words in summary(order_record(state=state))


def test_a_slice_says_which_intent_it_belongs_to() -> None:
    assert "(attempt 2 of ord-1)" in summary(order_record(order_id="ord-2", intent_id="ord-1", attempt=2))


def test_a_guards_order_says_whose_guard_it_is() -> None:
    assert "for a guard of momo" in summary(order_record(origin="GUARD", config_id="momo"))


def test_who_asked_and_what_came_of_it_are_told_in_the_order_of_time() -> None:
    order = order_record(state=OrderState.SUBMITTING)
    unclear = order_record(state=OrderState.UNKNOWN, message="no whole answer in time")
    events = [
        LogLine(1, "PLACED", NOON, order, None),
        LogLine(2, "UNCLEAR", NOON + timedelta(seconds=7), unclear, None),
    ]
    told = [line.text for line in tell(events, [AuditLine(NOON, "asha", "order.place", "")])]
    assert told == [
        "the intent was committed, and is sent at once",
        "asha placed it",
        "sent, and the answer was unclear: from here on only the broker's books tell; no whole answer in time",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            AuditLine(NOON, "config:momo", "order.place", "risen 0.4 %", "ipv4:10.0.0.9:5012", None, {"price": "1400"}),
            "config:momo placed it from ipv4:10.0.0.9:5012: risen 0.4 %",
        ),
        (
            AuditLine(
                NOON,
                "asha",
                "order.modify",
                "cheaper",
                "203.0.113.7",
                {"quantity": 10, "price": "1400"},
                {"quantity": 10, "price": "1399", "tag": "1A"},
            ),
            "asha asked for a change from 203.0.113.7 (price 1400 → 1399): cheaper",
        ),
        (
            AuditLine(NOON, "oms", "order.send_again", "", "oms"),
            "oms sent it in place of one that never reached the broker",
        ),
    ],
)
def test_who_from_where_what_changed_and_why_are_one_sentence(line: AuditLine, words: str) -> None:
    assert [told.text for told in tell([], [line])] == [words]


def test_it_says_from_where_it_is_known_and_since_when_the_broker_has_it() -> None:
    unclear = order_record(state=OrderState.UNKNOWN)
    found = order_record(state=OrderState.OPEN, broker_order_id="b1")
    ended = order_record(state=OrderState.CANCELLED, broker_order_id="b1")
    events = [
        LogLine(1, "UNCLEAR", NOON, unclear, None),
        LogLine(2, "REPORTED", NOON + timedelta(seconds=1), found, None, "its order book"),
        LogLine(3, "REPORTED", NOON + timedelta(seconds=2), ended, None, "its order stream"),
    ]
    assert [line.text for line in tell(events, [])][1:] == [
        "the broker reported it (known from its order book); the broker calls it b1",
        "the broker reported it (known from its order stream)",
    ]


def test_the_summary_has_the_tag_under_which_it_was_sent() -> None:
    assert "tag TAG7:" in summary(order_record(tag="TAG7"))
