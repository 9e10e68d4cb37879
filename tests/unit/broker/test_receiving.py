"""An answer is taken for whole when it is, wherever the network cuts it."""

from __future__ import annotations

import pytest

from engine_server.broker.angel_one.receiving import whole_answer

BODY = b'{"status":true,"message":"SUCCESS"}'
SIZED = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
TO_THE_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY
EMPTY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("whole", [SIZED, CHUNKED, EMPTY], ids=["sized", "chunked", "empty"])
def test_nothing_short_of_it_is_an_answer(whole: bytes) -> None:
    for length in range(len(whole)):
        assert whole_answer(whole[:length], has_ended=False) is None, whole[:length]
    answer = whole_answer(whole, has_ended=False)
    assert answer is not None
    assert answer.reusable
    assert (answer.evidence.http_status, answer.evidence.body) == ((502, b"") if whole is EMPTY else (200, BODY))


@pytest.mark.parametrize("whole", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_what_ends_before_its_end_is_a_failure_after_the_sending(whole: bytes) -> None:
    for length in range(whole.index(BODY) + len(BODY)):
        answer = whole_answer(whole[:length], has_ended=True)
        assert answer is not None
        assert (answer.evidence.begun, answer.evidence.http_status, answer.reusable) == (True, 0, False), whole[:length]


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    assert whole_answer(TO_THE_END, has_ended=False) is None
    answer = whole_answer(TO_THE_END, has_ended=True)
    assert answer is not None
    assert (answer.evidence.body, answer.reusable) == (BODY, False)


def test_a_connection_that_said_more_than_was_asked_or_closes_carries_nothing_more() -> None:
    for received, has_ended in ((SIZED + b"HTTP/1.1", False), (SIZED, True)):
        answer = whole_answer(received, has_ended=has_ended)
        assert answer is not None
        assert (answer.evidence.body, answer.reusable) == (BODY, False)


def test_what_is_no_http_is_seen_at_its_first_bytes() -> None:
    answer = whole_answer(b"<html>gateway</html>", has_ended=False)
    assert answer is not None
    assert (answer.evidence.begun, answer.evidence.http_status, answer.reusable) == (True, 0, False)
