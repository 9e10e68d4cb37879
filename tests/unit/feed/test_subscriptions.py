"""What is wanted from the broker, and how it is told."""

from __future__ import annotations

import json

from engine_server.feed.stream_requests import StreamError, read_error, requests
from engine_server.feed.subscriptions import SubscriptionChange, Wish, change, plan
from tests.unit.feed.instruments import instrument

A, B, C = (instrument(f"NSE:{name}-EQ", token) for name, token in (("AAA", "1"), ("BBB", "2"), ("CCC", "3")))
LISTED = {i.key: i for i in (A, B, C)}


def test_an_instrument_that_two_want_is_subscribed_once() -> None:
    assert plan([Wish("x", A.key), Wish("y", A.key)], LISTED, set()).subscribed == {A.key: A}


def test_what_no_scrip_master_knows_is_named_and_left_out() -> None:
    wanted = plan([Wish("x", "NSE:NO-SUCH"), Wish("x", A.key)], LISTED, set())
    assert (wanted.unknown, list(wanted.subscribed)) == (("NSE:NO-SUCH",), [A.key])


def test_beyond_the_limit_the_highest_priority_of_any_subscriber_wins() -> None:
    wishes = [Wish("x", A.key, 0), Wish("x", B.key, 1), Wish("x", C.key, 0), Wish("y", C.key, 5)]
    wanted = plan(wishes, LISTED, set(), limit=2)
    assert (set(wanted.subscribed), wanted.refused) == ({B.key, C.key}, (A.key,))


def test_among_equals_who_is_there_already_stays() -> None:
    wishes = [Wish("x", A.key), Wish("x", B.key), Wish("x", C.key)]
    assert set(plan(wishes, LISTED, {C.key, B.key}, limit=2).subscribed) == {B.key, C.key}


def test_a_negative_priority_is_below_the_usual_one() -> None:
    wanted = plan([Wish("quotes:u", A.key, -1), Wish("config:c", B.key)], LISTED, {A.key}, limit=1)
    assert list(wanted.subscribed) == [B.key]


def test_a_change_tells_only_the_difference() -> None:
    told = change({A.key: A, B.key: B}, {B.key: B, C.key: C})
    assert (told.subscribe, told.unsubscribe) == ((C,), (A,))


def test_an_instrument_with_a_new_token_is_subscribed_anew() -> None:
    moved = instrument(A.key, "9")
    told = change({A.key: A}, {A.key: moved})
    assert (told.subscribe, told.unsubscribe) == ((moved,), (A,))


def test_requests_are_grouped_by_exchange_and_unsubscribe_first() -> None:
    other = instrument("NFO:NIFTY28JUL26FUT", "61093", kind="FUT")
    off, on = (json.loads(text) for text in requests(SubscriptionChange((B, other, A), (C,))))
    assert off == {"action": 0, "params": {"mode": 3, "tokenList": [{"exchangeType": 1, "tokens": ["3"]}]}}
    assert on["action"] == 1
    assert on["params"]["tokenList"] == [
        {"exchangeType": 1, "tokens": ["1", "2"]},
        {"exchangeType": 2, "tokens": ["61093"]},
    ]


def test_a_thousand_instruments_are_told_in_two_requests() -> None:
    many = tuple(instrument(f"NSE:S{n}-EQ", str(n)) for n in range(1000))
    sizes = [
        len(json.loads(text)["params"]["tokenList"][0]["tokens"]) for text in requests(SubscriptionChange(many, ()))
    ]
    assert sizes == [500, 500]


def test_an_error_frame_is_read_and_other_text_is_not_one() -> None:
    text = b'{"correlationID":"a","errorCode":"E1002","errorMessage":"Subscription Limit Exceeded"}'
    assert read_error(text) == StreamError("E1002", "Subscription Limit Exceeded", "a")
    assert read_error(b"pong") is None
    assert read_error(b"{}") is None
