"""What each thing that can come back means, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.broker.angel_one.codes import SESSION_CODES, UNCLEAR_CODES
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.outcomes import (
    is_session_expired,
    placement_outcome,
    read_data,
    request_outcome,
    says_no_such_order,
)
from engine_server.broker.port import Accepted, BrokerError, NotSent, Refused, SessionExpiredError, Unknown

ORDER = {"script": "SBIN-EQ", "orderid": "260511000368479", "uniqueorderid": "f93b47d7"}
_BACK_END = (1000, 1001, 1002, 1003, 1005, 1006, 1008, 1009, 1012, 1013, 1014, 1015, 1016, 1017, 1018, 1031, 1032, 1050)
_ORDER_SERVICE = (2002, 4006, 4008, 4018, 4022, 4029, 4036, 9000)
OFFICIAL_CODES = [f"AB{n}" for n in (*_BACK_END, *_ORDER_SERVICE)] + ["AG7002", "AG8004", "AG1000", "AG2001"]


def answer(content: Any, status: int = 200) -> Evidence:
    return Evidence(begun=True, http_status=status, body=json.dumps(content).encode())


def yes(data: Any = ORDER, status: int = 200) -> Evidence:
    return answer({"status": True, "message": "SUCCESS", "errorcode": "", "data": data}, status)


def no(code: str, message: str = "words", status: int = 200) -> Evidence:
    return answer({"message": message, "errorcode": code, "status": False, "data": None}, status)


def gateway_no(code: str, message: str = "words", status: int = 200) -> Evidence:
    return answer({"success": False, "message": message, "errorCode": code, "data": ""}, status)


def raw(body: bytes, status: int = 200) -> Evidence:
    return Evidence(begun=True, http_status=status, body=body)


WAF_PAGE = b"<html><head><title>Request Rejected</title></head><body>support ID: 1</body></html>"

ACCEPTED = {
    "a yes": yes(),
    "a yes in the gateway's words": answer({"success": True, "message": "", "errorCode": "", "data": ORDER}),
    "a yes with a number for an id": yes({"orderid": 260511000368479, "uniqueorderid": "f93b47d7"}),
}
REFUSED = {
    **{f"{code}, as services say it": no(code) for code in OFFICIAL_CODES},
    **{f"{code}, as the gateway says it": gateway_no(code) for code in OFFICIAL_CODES},
    "a code that is in no list": no("AB7777"),
    "a code in lower case": no("ab1008"),
    "a refusal with 400": no("AB1008", status=400),
    "a refusal with 403": gateway_no("AG7002", "Access denied: Unregistered IP address.", 403),
    "AB1007 that names a cause": no("AB1007", "Invalid variety"),
    "AB1007 for an unknown order": no("AB1007", "Order not found"),
}
UNKNOWN = {
    "a reset": Evidence(begun=True, failure="ConnectionResetError"),
    "a time-out": Evidence(begun=True, failure="no whole answer within 7 s"),
    "an empty body": raw(b""),
    "an empty 400": raw(b"", 400),
    "an empty 502": raw(b"", 502),
    "the WAF's page with 200": raw(WAF_PAGE),
    "the access-rate text": raw(b"Access denied because of exceeding access rate", 403),
    "half a JSON": raw(b'{"status": true, "data": {"orderid": "26'),
    "a JSON list": raw(b"[]"),
    "JSON null": raw(b"null"),
    "NaN": raw(b'{"status": NaN}'),
    "bytes that are no text": raw(b"\xff\xfe\x00"),
    "a yes with 500": yes(status=500),
    "a no with 503": no("AB1008", status=503),
    "a yes behind a redirect": yes(status=302),
    "a status that is a word": answer({"status": "true", "data": ORDER}),
    "no status at all": answer({"message": "hello", "data": ORDER}),
    "yes and no at once": answer({"status": True, "success": False, "data": ORDER}),
    "a no without a code": no(""),
    "a no with a code of another kind": no("E1002"),
    "AB1007 as AMX Error": no("AB1007", "AMX Error"),
    "AB1007 without words": no("AB1007", ""),
    "AB1007 about something else": no("AB1007", "Invalid response from the exchange gateway"),
    **{f"{code}: the back-end does not know": no(code) for code in sorted(UNCLEAR_CODES)},
    **{f"{code}: the session": gateway_no(code) for code in sorted(SESSION_CODES)},
}

# Clear for everything but a placement, which has to name its order.
A_YES_WITHOUT_AN_ORDER = {
    "a yes without data": yes(None),
    "a yes without an order id": yes({"script": "SBIN-EQ"}),
    "a yes with an empty order id": yes({"orderid": " "}),
    "a yes with true for an order id": yes({"orderid": True}),
}


@pytest.mark.parametrize("evidence", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted_carries_both_ids(evidence: Evidence) -> None:
    assert placement_outcome(evidence) == Accepted("260511000368479", "f93b47d7")


@pytest.mark.parametrize("evidence", REFUSED.values(), ids=REFUSED.keys())
def test_refused_is_said_of_what_the_broker_denied_by_a_code(evidence: Evidence) -> None:
    for outcome in (placement_outcome(evidence), request_outcome(evidence, "1")):
        assert isinstance(outcome, Refused)
        assert outcome.code[:2] in ("AB", "AG")
        assert outcome.message


@pytest.mark.parametrize("evidence", [*UNKNOWN.values(), *A_YES_WITHOUT_AN_ORDER.values()])
def test_everything_unclear_is_unknown_and_says_what_came(evidence: Evidence) -> None:
    outcome = placement_outcome(evidence)
    assert isinstance(outcome, Unknown)
    assert outcome.message


@pytest.mark.parametrize("evidence", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_unclear_for_a_placement_is_unclear_for_a_cancel(evidence: Evidence) -> None:
    assert isinstance(request_outcome(evidence, "1"), Unknown)


@pytest.mark.parametrize("data", [None, {}, {"orderid": "9", "uniqueorderid": "u"}])
def test_a_cancel_is_accepted_by_a_bare_yes_under_the_id_that_was_asked_for(data: Any) -> None:
    outcome = request_outcome(yes(data), "260511000368479")
    assert isinstance(outcome, Accepted)
    assert outcome.broker_order_id == "260511000368479"


def test_what_never_began_is_not_sent_and_says_why() -> None:
    evidence = Evidence(begun=False, failure="the egress is down")
    assert placement_outcome(evidence) == request_outcome(evidence, "1") == NotSent("the egress is down")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.booleans() | JSON,
        "success": st.booleans() | JSON,
        "errorcode": st.sampled_from(["", "AB1004", "AB1008", "AG8001", "X"]) | JSON,
        "errorCode": st.sampled_from(["", "AB1004", "AB1008", "AG8001", "X"]) | JSON,
        "message": JSON,
        "data": st.just(ORDER) | JSON,
    },
)
BODIES = (
    st.binary(max_size=60)
    | ENVELOPES.map(lambda content: json.dumps(content).encode())
    | JSON.map(lambda content: json.dumps(content).encode())
)


@given(body=BODIES, status=st.integers(100, 599))
def test_no_body_raises_and_only_clear_words_are_definitive(body: bytes, status: int) -> None:
    evidence = raw(body, status)
    outcome = placement_outcome(evidence)
    assert not isinstance(outcome, NotSent), "bytes had left"
    if isinstance(outcome, Accepted):
        assert b"260511000368479" in body or outcome.broker_order_id
    if isinstance(outcome, Refused):
        assert evidence.envelope is not None
        assert evidence.envelope.ok is False
    if status // 100 not in (2, 4):
        assert isinstance(outcome, Unknown)
    request_outcome(evidence, "1")
    says_no_such_order(evidence)


@pytest.mark.parametrize("code", sorted(SESSION_CODES))
@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_disowned_session_is_recognised_in_both_dialects(code: str, status: int) -> None:
    assert is_session_expired(gateway_no(code, status=status))
    assert is_session_expired(no(code, status=status))
    with pytest.raises(SessionExpiredError):
        read_data(gateway_no(code, status=status), "the order book")


@pytest.mark.parametrize("evidence", [yes(), no("AB1008"), raw(b""), Evidence(begun=False, failure="x")])
def test_nothing_else_ends_the_session(evidence: Evidence) -> None:
    assert not is_session_expired(evidence)


def test_a_clean_read_gives_its_data_and_null_is_data() -> None:
    assert read_data(yes([]), "the order book") == []
    assert read_data(yes(None), "the order book") is None


UNCLEAN = [
    *(evidence for name, evidence in UNKNOWN.items() if not name.endswith(": the session")),
    *REFUSED.values(),
    Evidence(begun=False, failure="the egress is down"),
]


@pytest.mark.parametrize("evidence", UNCLEAN)
def test_an_unclean_read_is_an_error_never_an_empty_book(evidence: Evidence) -> None:
    with pytest.raises(BrokerError) as raised:
        read_data(evidence, "the order book")
    assert not isinstance(raised.value, SessionExpiredError)
    assert "the order book" in raised.value.message


@pytest.mark.parametrize(
    ("evidence", "unknown_order"),
    [
        (no("AB1007", "Order not found"), True),
        (no("AB1013", "Order not found"), True),
        (no("AB1007", "AMX Error"), False),
        (no("AB1004", "not found"), False),
        (yes(ORDER), False),
        (raw(b"Order not found", 404), False),
        (Evidence(begun=False, failure="not found"), False),
    ],
)
def test_only_the_brokers_own_words_say_that_an_order_does_not_exist(evidence: Evidence, unknown_order: bool) -> None:
    assert says_no_such_order(evidence) is unknown_order
