"""What a full inbox loses."""

from __future__ import annotations

import asyncio

import pytest

from engine_server.feed.inbox import FrameInbox


async def test_a_full_inbox_loses_the_oldest_and_counts_them() -> None:
    inbox = FrameInbox(capacity=3)
    for number in range(5):
        inbox.put(bytes([number]))
    frames = await inbox.take()
    assert frames.payloads == [b"\x02", b"\x03", b"\x04"]
    assert len(frames.received_ns) == 3
    assert (inbox.take_overflow(), inbox.take_overflow()) == (2, 0)


async def test_an_empty_inbox_makes_its_reader_wait() -> None:
    inbox = FrameInbox()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await inbox.take()
    inbox.put(b"x")
    assert (await inbox.take()).payloads == [b"x"]
