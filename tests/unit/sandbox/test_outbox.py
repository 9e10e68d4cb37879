"""Frames wait for a slow reader within bounds, and a reader that has gone takes nobody along."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from sandbox.sockets.outbox import TEXT, Outbox, frame


class TlsTransport:
    """As asyncio's for TLS: after the connection is lost it has no protocol to ask."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.buffered = 0
        self.gone = False

    def is_closing(self) -> bool:
        return self.gone

    def get_write_buffer_size(self) -> int:
        if self.gone:
            raise AttributeError("'NoneType' object has no attribute '_get_write_buffer_size'")
        return self.buffered

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.gone = True


@pytest.fixture
def transport() -> TlsTransport:
    return TlsTransport()


def outbox(transport: TlsTransport, *, drops: bool) -> Outbox:
    return Outbox(cast(asyncio.Transport, transport), 3, on_full=lambda: drops)


def test_what_waits_goes_out_in_one_write(transport: TlsTransport) -> None:
    box = outbox(transport, drops=True)
    for text in (b"a", b"b"):
        box.push(frame(TEXT, text))
    box.flush()
    assert transport.written == [frame(TEXT, b"a") + frame(TEXT, b"b")]
    assert box.waiting == 0


def test_a_slow_reader_loses_the_oldest_and_that_is_counted(transport: TlsTransport) -> None:
    box = outbox(transport, drops=True)
    transport.buffered = 10**9
    for number in range(5):
        box.push(bytes([number]))
        box.flush()
    assert (box.waiting, box.dropped, transport.written) == (3, 2, [])


def test_a_reader_that_may_lose_nothing_is_cut_off(transport: TlsTransport) -> None:
    box = outbox(transport, drops=False)
    for number in range(4):
        box.push(bytes([number]))
    assert transport.gone


def test_a_connection_that_has_gone_ends_nobody_else(transport: TlsTransport) -> None:
    box = outbox(transport, drops=True)
    box.push(b"a")
    transport.gone = True
    box.flush()
    assert box.waiting == 0
