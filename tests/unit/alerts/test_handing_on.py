"""Fires on their way to being told: kept beside each other, told in order, whatever happens to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from notifier.alerts.handing_on import HandingOn
from notifier.alerts.teller import Teller
from notifier.notification import NewNotification
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock
from tradewinds.errors import InvalidArgumentError, UnavailableError


class Sending:
    """Keeps a lot when it is let go; `refused` titles are refused for good, `away` is a store that does not answer."""

    def __init__(self) -> None:
        self.held: dict[str, asyncio.Event] = {}
        self.accepting: list[str] = []
        self.told: list[str] = []
        self.refused: set[str] = set()
        self.away = 0

    async def accept(self, news: Sequence[NewNotification], *, is_known_new: bool = False) -> list[str]:
        titles = [new.title for new in news]
        self.accepting += titles
        for title in titles:
            if title in self.held:
                await self.held[title].wait()
        if self.away:
            self.away -= 1
            raise UnavailableError("not now")
        if self.refused.intersection(titles):
            raise InvalidArgumentError.field("title", "is bad")
        return titles

    async def tell(self, accepted: list[str]) -> object:
        self.told += accepted
        return None


class Fires:
    async def told(self, fires: Sequence[Any]) -> None: ...


def news(*titles: str) -> list[NewNotification]:
    return [NewNotification("alice", "PRICE_ALERT", title, "text", {}, title) for title in titles]


def teller(sending: Sending) -> Teller:
    return Teller(Fires(), sending, SystemClock(), timedelta(days=1))  # type: ignore[arg-type]


def warn(one: Teller, key: str) -> None:
    one.warn("alice", [key], "no ticks", key)


async def test_a_lot_that_is_kept_sooner_than_the_one_before_it_is_told_after_it() -> None:
    sending, lots = Sending(), ("A", "B")
    handing = HandingOn(sending)
    sending.held["A"] = asyncio.Event()
    begun = [(news(lot), handing.begin(news(lot))) for lot in lots]
    await eventually(begun[1][1].done, timeout=1)

    async def finish_all() -> None:
        for some, accepting in begun:
            await handing.finish(some, accepting)

    finishing = asyncio.create_task(finish_all())
    await asyncio.sleep(0)
    assert (sending.accepting, sending.told) == (["A", "B"], [])
    sending.held["A"].set()
    await finishing
    assert sending.told == ["A", "B"]


async def test_one_that_is_refused_for_good_does_not_hold_up_its_lot() -> None:
    sending = Sending()
    sending.refused = {"B"}
    handing, lot = HandingOn(sending), news("A", "B", "C")
    await handing.finish(lot, handing.begin(lot))
    assert sending.told == ["A", "C"]


async def test_the_teller_keeps_the_next_ones_while_it_waits_and_tells_all_in_order_after_a_failure() -> None:
    sending = Sending()
    one = teller(sending)
    running = asyncio.create_task(one.run())
    title = "Price alerts are blind on 1 instrument"
    first = sending.held[title] = asyncio.Event()
    sending.away = 1
    for key in "ABC":
        warn(one, key)
        await asyncio.sleep(0.01)
    assert len(sending.accepting) == 3, "none waited for the one before it"
    assert sending.told == []
    first.set()
    await eventually(lambda: len(sending.told) == 3, timeout=5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_is_on_its_way_when_the_teller_ends_is_given_up_quietly() -> None:
    sending = Sending()
    sending.held["Price alerts are blind on 1 instrument"] = asyncio.Event()
    one = teller(sending)
    running = asyncio.create_task(one.run())
    for key in "AB":
        warn(one, key)
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sending.told == []
