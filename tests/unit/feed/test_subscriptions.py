"""What is wanted from the broker, who gets streaming first, and how it is told."""

from __future__ import annotations

import json
from typing import Any

from engine_server.feed.stream_requests import StreamError, StreamRequests, read_error
from engine_server.feed.subscriptions import SubscriptionChange, SubscriptionPlan, Wish, change, plan
from tests.unit.feed.instruments import instrument

A, B, C, D = (
    instrument(f"NSE:{name}-EQ", token) for name, token in (("AAA", "1"), ("BBB", "2"), ("CCC", "3"), ("DDD", "4"))
)
LISTED = {i.key: i for i in (A, B, C, D)}


def planned(*wishes: Wish, streamed: frozenset[str] = frozenset()) -> SubscriptionPlan:
    return plan(wishes, LISTED, streamed)


def test_an_instrument_that_two_want_is_subscribed_once() -> None:
    assert planned(Wish("x", A.key), Wish("y", A.key)).wanted == {A.key: A}


def test_what_no_scrip_master_knows_is_named_and_left_out() -> None:
    wanted = planned(Wish("x", "NSE:NO-SUCH"), Wish("x", A.key))
    assert (wanted.unknown, list(wanted.wanted)) == (("NSE:NO-SUCH",), [A.key])


def test_the_highest_priority_of_any_subscriber_goes_first() -> None:
    wishes = [Wish("x", A.key, 0), Wish("x", B.key, 1), Wish("x", C.key, 0), Wish("y", C.key, 5)]
    assert list(planned(*wishes).wanted) == [C.key, B.key, A.key]


def test_among_equals_every_subscriber_gets_one_in_turn() -> None:
    greedy = [Wish("a", key) for key in (A.key, B.key, C.key)]
    assert list(planned(*greedy, Wish("b", D.key)).wanted) == [A.key, D.key, B.key, C.key]


def test_what_another_has_already_costs_nobody_a_turn() -> None:
    wishes = [Wish("a", A.key), Wish("a", B.key), Wish("b", A.key), Wish("b", C.key)]
    assert list(planned(*wishes).wanted) == [A.key, C.key, B.key]


def test_of_ones_own_what_is_streamed_already_stays_first() -> None:
    wishes = [Wish("x", A.key), Wish("x", B.key), Wish("x", C.key)]
    assert list(planned(*wishes, streamed=frozenset({C.key})).wanted) == [C.key, A.key, B.key]


def test_it_is_known_who_wants_what() -> None:
    wanted = planned(Wish("x", A.key), Wish("y", A.key), Wish("y", "NSE:NO-SUCH", -1))
    assert wanted.by_subscriber == {"x": (A.key,), "y": (A.key, "NSE:NO-SUCH")}


def test_a_change_tells_only_the_difference() -> None:
    told = change({A.key: A, B.key: B}, {B.key: B, C.key: C})
    assert (told.subscribe, told.unsubscribe) == ((C,), (A,))


def test_an_instrument_with_a_new_token_is_subscribed_anew() -> None:
    moved = instrument(A.key, "9")
    told = change({A.key: A}, {A.key: moved})
    assert (told.subscribe, told.unsubscribe) == ((moved,), (A,))


def told(requests: StreamRequests, subscribe: tuple[Any, ...], unsubscribe: tuple[Any, ...] = ()) -> list[Any]:
    return [json.loads(text) for text in requests.of_change(SubscriptionChange(subscribe, unsubscribe))]


def test_requests_are_grouped_by_exchange_named_and_unsubscribe_first() -> None:
    other = instrument("NFO:NIFTY28JUL26FUT", "61093", kind="FUT")
    off, on = told(StreamRequests(), (B, other, A), (C,))
    assert off["params"] == {"mode": 3, "tokenList": [{"exchangeType": 1, "tokens": ["3"]}]}
    assert (off["action"], on["action"]) == (0, 1)
    assert on["params"]["tokenList"] == [
        {"exchangeType": 1, "tokens": ["1", "2"]},
        {"exchangeType": 2, "tokens": ["61093"]},
    ]
    assert (off["correlationID"], on["correlationID"]) == ("r1", "r2")


def test_a_thousand_instruments_are_told_in_pieces() -> None:
    many = tuple(instrument(f"NSE:S{n}-EQ", str(n)) for n in range(1000))
    sizes = [len(request["params"]["tokenList"][0]["tokens"]) for request in told(StreamRequests(), many)]
    assert sizes == [100] * 10


def test_a_refusal_names_what_its_request_asked_for() -> None:
    requests = StreamRequests()
    told(requests, (A,))
    told(requests, (B, C))
    assert requests.refused(StreamError("E1001", "", "r1")) == (A,)
    assert requests.refused(StreamError("E1001", "", "r1")) == ()
    assert requests.refused(StreamError("E1001", "", "r99")) == ()


def test_a_refusal_without_a_name_means_the_last_request() -> None:
    requests = StreamRequests()
    told(requests, (A,))
    told(requests, (B, C))
    assert requests.refused(StreamError("E1002")) == (B, C)


def test_a_refused_unsubscription_concerns_no_instrument() -> None:
    requests = StreamRequests()
    told(requests, (), (A,))
    assert requests.refused(StreamError("E1001", "", "r1")) == ()


def test_what_was_refused_together_is_asked_for_in_halves() -> None:
    requests = StreamRequests()
    halves = [json.loads(text) for text in requests.again((A, B, C))]
    assert [request["params"]["tokenList"][0]["tokens"] for request in halves] == [["1", "2"], ["3"]]


def test_an_error_frame_is_read_and_other_text_is_not_one() -> None:
    text = b'{"correlationID":"a","errorCode":"E1002","errorMessage":"Subscription Limit Exceeded"}'
    assert read_error(text) == StreamError("E1002", "Subscription Limit Exceeded", "a")
    assert read_error(b"pong") is None
    assert read_error(b"{}") is None
