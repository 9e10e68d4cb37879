"""Connections that break, answers that are none: each at a real TLS server behind a real egress."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from engine_server.broker.angel_one import AngelOneBroker, Credentials
from engine_server.broker.angel_one.sessions import BrokerSession, SessionTokens
from engine_server.broker.port import Accepted, BrokerError, NotSent, Unknown
from tests.support import broken_broker
from tests.support.angel_one import ACCOUNT, EgressForTests, KeptInMemory, broker_settings, running_egress, ticket
from tests.support.broken_broker import Answer, BrokenBroker, says
from tests.support.waiting import eventually

MINE = Credentials("D12345", "1234", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "key")
YES = b'{"status": true, "message": "SUCCESS", "errorcode": "", "data": {"orderid": "77", "uniqueorderid": "u77"}}'
DEADLINE_SECONDS = 0.6


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[BrokenBroker]:
    server = BrokenBroker(tmp_path)
    async with server.serving():
        yield server


@pytest.fixture
async def egress(server: BrokenBroker) -> AsyncIterator[EgressForTests]:
    async with running_egress(server.url) as egress:
        yield egress


@pytest.fixture
async def broker(server: BrokenBroker, egress: EgressForTests) -> AsyncIterator[AngelOneBroker]:
    """Logged in by a session of today that it took over: the login itself is not what these tests are about."""
    tokens = SessionTokens("j.w.t", "refresh", "feed", MINE.client_code, MINE.api_key)
    store = KeptInMemory(BrokerSession(tokens, datetime.now(UTC)))
    settings = broker_settings(server.url, server.ca_file)
    broker = AngelOneBroker(ACCOUNT, MINE, settings, egress.url, 1, store, deadline_seconds=DEADLINE_SECONDS)
    await broker.login()
    yield broker
    await broker.close()


BROKEN: dict[str, Answer] = {
    "the connection is closed": broken_broker.close,
    "the connection is reset": broken_broker.reset,
    "nothing comes": broken_broker.stall,
    "the answer never ends": broken_broker.trickle,
    "an empty body": says(b""),
    "an empty 400": says(b"", "400 Bad Request"),
    "an empty 502": says(b"", "502 Bad Gateway"),
    "the WAF's page": says(b"<html><title>Request Rejected</title></html>"),
    "the access-rate text": says(b"Access denied because of exceeding access rate", "403 Forbidden"),
    "half an answer": says(YES[:40], length=len(YES)),
    "a whole answer that is announced longer": says(YES, length=len(YES) + 1),
    "a yes with 500": says(YES, "500 Internal Server Error"),
    "a redirect": says(YES, "302 Found\r\nLocation: https://127.0.0.1:1/"),
    "no HTTP at all": lambda _reader, writer: _write(writer, b"SSH-2.0-OpenSSH\r\n"),
}


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    writer.close()


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_once_the_request_has_left_anything_but_a_clear_answer_is_unknown_and_nothing_is_sent_again(
    server: BrokenBroker, broker: AngelOneBroker, answer: Answer
) -> None:
    server.answer = answer
    started = time.monotonic()
    outcome = await broker.place(ticket("TW1"))
    assert isinstance(outcome, Unknown), outcome
    assert outcome.message
    assert time.monotonic() - started < DEADLINE_SECONDS + 0.5
    cancel = await broker.cancel("77", "LIMIT")
    assert isinstance(cancel, Unknown)
    assert [request.split(b" ")[1].rpartition(b"/")[2] for request in server.requests] == [
        b"placeOrder",
        b"cancelOrder",
    ]


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_a_read_that_breaks_is_an_error_and_no_empty_book(
    server: BrokenBroker, broker: AngelOneBroker, answer: Answer
) -> None:
    server.answer = answer
    with pytest.raises(BrokerError, match="could not be read"):
        await broker.order_book()
    with pytest.raises(BrokerError, match="could not be read"):
        await broker.positions()
    too_fast = answer is BROKEN["the access-rate text"]  # the one answer after which a read is asked once more
    assert len(server.requests) == (4 if too_fast else 2)


@pytest.mark.parametrize(
    "data", [b'""', b"{}", b'[{"orderid": ""}]', b'[{"orderid": "1", "quantity": "x"}]'], ids=lambda data: data.decode()
)
async def test_a_book_with_a_hole_is_an_error(server: BrokenBroker, broker: AngelOneBroker, data: bytes) -> None:
    server.answer = says(b'{"status": true, "message": "SUCCESS", "errorcode": "", "data": ' + data + b"}")
    with pytest.raises(BrokerError, match="could not be read"):
        await broker.order_book()


async def test_connections_are_warm_after_the_login_and_kept_for_the_next_order(
    server: BrokenBroker, broker: AngelOneBroker
) -> None:
    await eventually(lambda: server.connections == 6)  # four for orders, two for reads
    server.answer = says(YES)
    for _ in range(5):
        assert isinstance(await broker.place(ticket("TW1")), Accepted)
    assert server.connections == 6


async def test_a_connection_that_the_broker_closed_while_it_idled_is_replaced_before_anything_is_sent(
    server: BrokenBroker, broker: AngelOneBroker
) -> None:
    server.answer = says(YES)
    await eventually(lambda: server.connections == 6)
    told = bytes_back(server)
    server.hang_up()
    await eventually(lambda: bytes_back(server) >= told + 6 * 24)  # a close_notify on each has passed the egress
    assert isinstance(await broker.place(ticket("TW1")), Accepted)
    assert len(server.requests) == 1


def bytes_back(server: BrokenBroker) -> float:
    labels = {"target": server.url.removeprefix("https://"), "direction": "back"}
    return REGISTRY.get_sample_value("tradewinds_egress_bytes_total", labels) or 0.0


async def test_an_answer_that_ends_its_connection_is_an_answer(server: BrokenBroker, broker: AngelOneBroker) -> None:
    server.answer = says(YES, then_close=True)
    for _ in range(6):
        assert isinstance(await broker.place(ticket("TW1")), Accepted)
    assert len(server.requests) == 6


async def test_a_broker_that_is_down_behind_the_egress_was_sent_nothing(
    server: BrokenBroker, egress: EgressForTests, tmp_path: Path
) -> None:
    gone = BrokenBroker(tmp_path)
    async with gone.serving():
        pass
    async with running_egress(gone.url) as way:
        tokens = SessionTokens("j.w.t", "refresh", "feed", MINE.client_code, MINE.api_key)
        store = KeptInMemory(BrokerSession(tokens, datetime.now(UTC)))
        broker = AngelOneBroker(ACCOUNT, MINE, broker_settings(gone.url, gone.ca_file), way.url, 1, store)
        await broker.login()
        outcome = await broker.place(ticket("TW1"))
        await broker.close()
    assert isinstance(outcome, NotSent)
    assert "502" in outcome.message


async def test_slow_reads_do_not_delay_an_order(server: BrokenBroker, broker: AngelOneBroker) -> None:
    async def by_route(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = says(YES) if b"placeOrder" in server.requests[-1] else broken_broker.stall
        await answer(reader, writer)

    server.answer = by_route
    reads = [asyncio.create_task(broker.order_details(f"u{n}")) for n in range(3)]
    await eventually(lambda: len(server.requests) == 2)  # both threads for reads are taken
    started = time.monotonic()
    assert isinstance(await broker.place(ticket("TW1")), Accepted)
    assert time.monotonic() - started < DEADLINE_SECONDS / 2
    for failed in await asyncio.gather(*reads, return_exceptions=True):
        assert isinstance(failed, BrokerError)


async def test_an_order_that_found_no_free_thread_in_time_is_not_sent_then_or_later(
    server: BrokenBroker, broker: AngelOneBroker
) -> None:
    server.answer = broken_broker.stall
    # Four on the warm connections, four that threads connected for.
    outcomes = await asyncio.gather(*(broker.place(ticket(f"TW{n}")) for n in range(9)))
    assert [type(one) for one in outcomes] == [Unknown] * 8 + [NotSent]
    server.answer = says(YES)
    assert isinstance(await broker.place(ticket("TWLAST")), Accepted)
    assert len(server.requests) == 9


async def test_an_order_whose_sender_is_cancelled_before_it_began_is_never_sent(
    server: BrokenBroker, broker: AngelOneBroker
) -> None:
    server.answer = broken_broker.stall
    stalled = [asyncio.create_task(broker.place(ticket(f"TW{n}"))) for n in range(4)]
    await eventually(lambda: len(server.requests) == 4)
    waiting = asyncio.create_task(broker.place(ticket("TWCANCELLED")))
    await asyncio.sleep(0)
    waiting.cancel()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
    await asyncio.gather(*stalled)
    server.answer = says(YES)
    assert isinstance(await broker.place(ticket("TWLAST")), Accepted)
    assert not any(b"TWCANCELLED" in request for request in server.requests)


async def test_after_close_nothing_is_sent(server: BrokenBroker, broker: AngelOneBroker) -> None:
    await broker.close()
    assert isinstance(await broker.place(ticket("TW1")), NotSent)
    assert server.requests == []
