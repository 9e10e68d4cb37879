"""The inbox of a LISTEN connection: bounded, and honest about what it dropped."""

from __future__ import annotations

import asyncio

import pytest

from tradewinds.database.listener import ConnectionLostError, Inbox


def hear(inbox: Inbox, *payloads: str) -> None:
    for payload in payloads:
        inbox.notified(None, 1, "news", payload)


async def test_what_was_heard_is_taken_once_and_in_order() -> None:
    inbox = Inbox()
    hear(inbox, "a", "b")

    assert await inbox.take() == ["a", "b"]
    hear(inbox, "c")
    assert await inbox.take() == ["c"]


async def test_taking_waits_for_something() -> None:
    inbox = Inbox()
    taking = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    assert not taking.done()

    hear(inbox, "a")

    assert await taking == ["a"]


async def test_too_much_becomes_one_look_at_everything() -> None:
    inbox = Inbox()
    hear(inbox, *(str(n) for n in range(1001)), "after the overflow")

    assert await inbox.take() == [None]
    hear(inbox, "later")
    assert await inbox.take() == ["later"]


async def test_as_much_as_fits_is_kept() -> None:
    inbox = Inbox()
    hear(inbox, *(str(n) for n in range(1000)))

    assert len(await inbox.take()) == 1000


async def test_a_lost_connection_is_raised_whatever_else_was_heard() -> None:
    inbox = Inbox()
    hear(inbox, "a")
    inbox.lost(None)

    with pytest.raises(ConnectionLostError):
        await inbox.take()
