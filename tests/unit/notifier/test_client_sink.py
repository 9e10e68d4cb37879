"""What a client is given in one turn goes out together, and counts as unread until it has gone."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiohttp import web

from notifier.client_sink import ClientSink
from notifier.realtime.outbox import Outbox
from notifier.realtime.subscription import Batch


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0


class FakeRequest:
    def __init__(self) -> None:
        self.transport: FakeTransport | None = FakeTransport()
        self.writer = None


def a_sink(outbox: Outbox, size: int = 10) -> tuple[ClientSink, FakeTransport]:
    request = FakeRequest()
    sink = ClientSink(cast("web.Request", request), lambda _: bytes(size), outbox)
    return sink, cast("FakeTransport", request.transport)


async def test_all_that_is_told_in_one_turn_is_made_before_any_of_it_is_written() -> None:
    outbox = Outbox()
    (one, first), (other, second) = a_sink(outbox), a_sink(outbox)
    one.write(Batch())
    other.write(Batch())
    assert first.written == second.written == []
    outbox.empty()
    assert len(first.written) == len(second.written) == 1


async def test_without_an_end_of_the_turn_it_is_written_soon() -> None:
    sink, transport = a_sink(Outbox())
    sink.write(Batch())
    await asyncio.sleep(0)
    assert len(transport.written) == 1


async def test_what_is_held_for_a_client_counts_as_unread() -> None:
    outbox = Outbox()
    sink, transport = a_sink(outbox, size=40_000)
    sink.write(Batch())
    assert sink.has_room
    sink.write(Batch())
    assert not sink.has_room
    outbox.empty()
    assert sink.has_room
    assert len(transport.written) == 2


async def test_who_goes_meanwhile_gets_nothing_and_keeps_nothing_from_others() -> None:
    outbox = Outbox()
    (gone, nowhere), (other, somewhere) = a_sink(outbox), a_sink(outbox)
    gone.write(Batch())
    other.write(Batch())
    nowhere.closing = True
    outbox.empty()
    assert nowhere.written == []
    assert len(somewhere.written) == 1
    assert not gone.has_room
    with pytest.raises(ConnectionResetError):
        await gone.drained()


def test_a_client_that_has_gone_already_has_no_sink() -> None:
    request: Any = FakeRequest()
    request.transport = None
    with pytest.raises(ConnectionResetError):
        ClientSink(request, lambda _: b"", Outbox())
