"""What only a person can mend is kept, told once, and forgotten when it is over."""

from __future__ import annotations

import json

import pytest

from engine_server.broker.angel_one.codes import explained
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.outcomes import (
    is_throttled,
    may_pass,
    placement_outcome,
    read_data,
)
from engine_server.broker.angel_one.problems import KnownProblems
from engine_server.broker.port import BrokerError, NotConfiguredError, Refused, ThrottledError

YES = Evidence(True, 200, b'{"status": true, "message": "SUCCESS", "errorcode": "", "data": {"orderid": "1"}}')


def gateway_no(code: str, message: str) -> Evidence:
    body = {"success": False, "message": message, "errorCode": code, "data": ""}
    return Evidence(True, 200, json.dumps(body).encode())


NO_ADDRESS = gateway_no("AG7002", "Access denied: Unregistered IP address. Register your IP before retrying.")


def test_an_unregistered_address_is_a_refusal_that_says_how_to_register() -> None:
    outcome = placement_outcome(NO_ADDRESS)
    assert isinstance(outcome, Refused)
    assert outcome.code == "AG7002"
    assert "register the public static IP address" in outcome.message


@pytest.mark.parametrize("code", ["AG7002", "AG8004", "AB1006"])
def test_a_read_that_is_refused_for_it_says_that_nothing_else_helps(code: str) -> None:
    with pytest.raises(NotConfiguredError) as raised:
        read_data(gateway_no(code, "words"), "the funds")
    assert raised.value.metadata == {"code": code}


def test_a_problem_is_news_once_and_over_with_a_yes_to_the_same_kind() -> None:
    problems = KnownProblems("ACC1")
    assert problems.take_news() is None
    problems.seen("orders", NO_ADDRESS)
    assert problems.changed.is_set()
    assert "Unregistered IP address" in (problems.take_news() or "")
    problems.seen("orders", NO_ADDRESS)
    problems.seen("reads", YES)
    assert not problems.changed.is_set()
    assert problems.take_news() is None
    problems.seen("orders", YES)
    assert problems.take_news() == ""


def test_a_new_session_wipes_what_people_saw_and_a_standing_problem_is_told_again() -> None:
    problems = KnownProblems("ACC1")
    problems.seen("orders", NO_ADDRESS)
    told = problems.take_news()
    problems.forget_published()
    assert problems.take_news() == told


def test_a_code_that_nobody_has_described_is_failed_for_a_reason_that_is_not_known() -> None:
    assert explained("AB7777", "Hm").startswith("failed, reason unknown: Hm (AB7777)")
    assert explained("AB1013", "Order not found") == "Order not found (AB1013)"
    with pytest.raises(BrokerError, match="reason unknown"):
        read_data(gateway_no("AB7777", "Hm"), "the funds")


@pytest.mark.parametrize(
    ("evidence", "too_fast"),
    [
        (Evidence(True, 403, b"Access denied because of exceeding access rate"), True),
        (Evidence(True, 403, b"Access denied because of exceeding rate limit"), True),
        (Evidence(True, 429, b'{"message": "Exceeding rate limit"}'), True),
        (Evidence(True, 403, b"<html>Request Rejected</html>"), False),
        (Evidence(True, 403, b""), False),
        (Evidence(True, 200, b"exceeding access rate"), False),
        (gateway_no("AG7002", "Access denied: Unregistered IP address."), False),
        (Evidence(False, failure="exceeding access rate"), False),
        (YES, False),
    ],
)
def test_only_the_brokers_words_say_that_it_was_too_fast(evidence: Evidence, too_fast: bool) -> None:
    assert is_throttled(evidence) is too_fast
    if too_fast:
        with pytest.raises(ThrottledError):
            read_data(evidence, "the funds")
        assert not may_pass(evidence)


@pytest.mark.parametrize(
    ("evidence", "passing"),
    [
        (Evidence(True, 200, b""), True),
        (Evidence(True, 502, b"<html>"), True),
        (Evidence(True, failure="no whole answer in time"), True),
        (gateway_no("AB1004", "Something Went Wrong"), True),
        (gateway_no("AG8002", "Token Expired"), False),
        (gateway_no("AG8004", "Invalid API Key"), False),
        (gateway_no("AB1018", "Failed to get symbol details"), False),
        (YES, False),
    ],
)
def test_a_read_may_be_repeated_where_the_broker_did_not_say_anything_clear(evidence: Evidence, passing: bool) -> None:
    assert may_pass(evidence) is passing
