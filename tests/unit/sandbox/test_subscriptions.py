"""Requests on the market socket, and bounded outboxes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sandbox.sockets.outbox import Outbox
from sandbox.sockets.subscriptions import QUOTA, BadStreamRequestError, Subscriptions, read_stream_request


def request(tokens: list[Any], mode: Any = 1, action: Any = 1, exchange_type: Any = 1) -> str:
    groups = [{"exchangeType": exchange_type, "tokens": tokens}]
    return json.dumps({"correlationID": "abc", "action": action, "params": {"mode": mode, "tokenList": groups}})


def test_the_same_token_in_three_modes_counts_three_and_a_repeat_counts_nothing() -> None:
    held = Subscriptions()
    for mode in (1, 2, 3, 1):
        held.change(read_stream_request(request(["3045"], mode)))
    assert len(held.pairs) == 3


def test_a_request_over_the_quota_is_refused_whole_and_leaves_the_rest() -> None:
    held = Subscriptions()
    held.change(read_stream_request(request([str(n) for n in range(QUOTA - 1)])))
    with pytest.raises(BadStreamRequestError) as caught:
        held.change(read_stream_request(request(["a", "b"])))
    assert json.loads(caught.value.frame) == {
        "correlationID": "abc",
        "errorCode": "E1002",
        "errorMessage": "Invalid Request. Subscription Limit Exceeded",
    }
    assert len(held.pairs) == QUOTA - 1
    held.change(read_stream_request(request(["a"])))


def test_unsubscribing_something_unknown_and_foreign_exchanges_are_ignored() -> None:
    held = Subscriptions()
    assert held.change(read_stream_request(request(["3045"], action=0))) == (frozenset(), frozenset())
    held.change(read_stream_request(request(["3045"], exchange_type=6)))
    assert held.pairs == set()


@pytest.mark.parametrize(
    "text",
    [
        "rubbish",
        "[]",
        "{}",
        request(["3045"], mode=5),
        request(["3045"], mode=4, exchange_type=2),
        request([str(n) for n in range(51)], mode=4),
        request(["3045"], action=2),
        request([3045]),
        request([""]),
        request(["3045"], exchange_type="NSE"),
        '{"action":1,"params":{"mode":[],"tokenList":[]}}',
    ],
)
def test_a_payload_that_is_no_request_is_e1001(text: str) -> None:
    with pytest.raises(BadStreamRequestError, match="E1001"):
        read_stream_request(text)


def test_depth_is_for_fifty_tokens_of_nse_at_a_time() -> None:
    held = Subscriptions()
    for first in (0, 50):
        held.change(read_stream_request(request([str(n) for n in range(first, first + 50)], mode=4)))
    assert len(held.pairs) == 100


class StuckTransport(asyncio.Transport):
    """A peer that does not read: the write buffer stays full until `reads`."""

    def __init__(self) -> None:
        super().__init__()
        self.buffered, self.written, self.aborted = 10**9, b"", False

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self.aborted

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True


def test_a_slow_reader_of_ticks_loses_the_oldest_and_they_are_counted() -> None:
    transport = StuckTransport()
    outbox = Outbox(transport, 3, on_full=lambda: True)
    for frame in (b"1", b"2", b"3", b"4", b"5"):
        outbox.push(frame)
        outbox.flush()
    assert (outbox.waiting, outbox.dropped, transport.written) == (3, 2, b"")
    transport.buffered = 0
    outbox.flush()
    assert (outbox.waiting, transport.written) == (0, b"345")


def test_a_slow_reader_of_order_events_is_cut_off_instead() -> None:
    transport = StuckTransport()
    outbox = Outbox(transport, 2, on_full=lambda: False)
    for frame in (b"1", b"2", b"3"):
        outbox.push(frame)
    assert transport.aborted
    assert outbox.waiting == 0
