"""A stream of batches, with a sender that only notes what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from notifier import streaming
from notifier.arrival import Arrival, one_by_one
from notifier.drafts import Accepted, Outcomes
from notifier.notification import NewNotification
from notifier.sending import Begun
from notifier.streaming import Progress, stream
from tests.support.waiting import eventually
from tradewinds.errors import InvalidArgumentError


class NotingSender:
    """Telling takes until `answer` is set; `told` has the titles of each write."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.accepted = 0
        self.answer = asyncio.Event()

    def begin(self, arrival: Arrival, field_of: Callable[[int], str]) -> None:
        return None  # all of these are kept

    async def accept(self, arrival: Arrival, field_of: Callable[[int], str]) -> Any:
        if arrival.news[0].title == "bad":
            raise InvalidArgumentError.field(field_of(0), "is bad")
        self.accepted += 1
        return Accepted(list(arrival.news), (), {}, None, {})  # type: ignore[arg-type] # drafts are nothing to a stream

    async def tell_together(self, many: Sequence[Any]) -> list[Outcomes]:
        self.told.append([new.title for accepted in many for new in accepted.drafts])
        await self.answer.wait()
        return [Outcomes(["ntf-1"] * len(accepted.drafts), {}) for accepted in many]


async def single(*titles: str) -> AsyncIterator[Arrival]:
    for title in titles:
        yield one_by_one([NewNotification("alice", "ORDER_EXECUTED", title)])


async def consume(sender: NotingSender, *titles: str) -> list[Progress]:
    return [progress async for progress in stream(sender, single(*titles))]  # type: ignore[arg-type]


async def test_what_came_while_one_was_told_is_told_together_and_acknowledged_one_by_one() -> None:
    sender = NotingSender()
    consuming = asyncio.create_task(consume(sender, "1", "2", "3", "4"))
    await eventually(lambda: sender.told == [["1"]])
    await asyncio.sleep(0.01)
    sender.answer.set()
    progress = await asyncio.wait_for(consuming, 5)
    assert sender.told == [["1"], ["2", "3", "4"]]
    assert progress == [Progress(n, n, 0) for n in (1, 2, 3, 4)]


async def test_a_bad_one_ends_it_after_those_before_and_those_behind_it_are_told_unheard() -> None:
    sender = NotingSender()
    sender.answer.set()
    with pytest.raises(InvalidArgumentError):
        await consume(sender, "1", "2", "bad", "4")
    await eventually(lambda: sorted(title for write in sender.told for title in write) == ["1", "2", "4"])


async def test_who_goes_away_leaves_nothing_untold() -> None:
    sender = NotingSender()
    consuming = asyncio.create_task(consume(sender, "1", "2", "3"))
    await eventually(lambda: sender.told == [["1"]])
    await asyncio.sleep(0.01)
    consuming.cancel()
    sender.answer.set()
    await asyncio.wait({consuming}, timeout=5)
    await eventually(lambda: sorted(title for write in sender.told for title in write) == ["1", "2", "3"])


# The one that is told, what waits behind it, and the one for which there is no room any more.
@pytest.mark.parametrize(("size", "most"), [(1, 1 + 64 + 1), (100, 1 + 40 + 1), (1_000, 1 + 4 + 1)])
async def test_while_one_is_told_many_small_ones_are_taken_in_and_few_large_ones(size: int, most: int) -> None:
    sender = NotingSender()
    consuming = asyncio.create_task(_consume_batches(sender, size, 100))
    await eventually(lambda: sender.accepted == most)
    await asyncio.sleep(0.01)
    assert (len(sender.told), sender.accepted) == (1, most)
    sender.answer.set()
    assert (await asyncio.wait_for(consuming, 5))[-1] == Progress(100, 100 * size, 0)


async def _consume_batches(sender: NotingSender, size: int, count: int) -> list[Progress]:
    async def batches() -> AsyncIterator[Arrival]:
        for _ in range(count):
            yield one_by_one([NewNotification("alice", "ORDER_EXECUTED", "1")] * size)

    return [progress async for progress in stream(sender, batches())]  # type: ignore[arg-type]


async def test_what_comes_is_told_though_acknowledgements_wait_to_be_read_but_not_for_ever() -> None:
    sender = NotingSender()
    sender.answer.set()
    titles = [str(number) for number in range(1_000)]
    progress = stream(sender, single(*titles))  # type: ignore[arg-type]
    assert await anext(progress) == Progress(1, 1, 0)
    await eventually(lambda: sum(map(len, sender.told)) > 60)
    await asyncio.sleep(0.01)
    assert sum(map(len, sender.told)) < 200
    assert [one async for one in progress][-1] == Progress(1_000, 1_000, 0)
    assert [title for write in sender.told for title in write] == titles


async def test_who_goes_away_without_reading_acknowledgements_leaves_nothing_untold() -> None:
    sender = NotingSender()
    sender.answer.set()
    progress = stream(sender, single(*map(str, range(1_000))))  # type: ignore[arg-type]
    await anext(progress)
    await eventually(lambda: sender.accepted > 100)
    await asyncio.sleep(0.01)
    await progress.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: not streaming._finishing and sum(map(len, sender.told)) == sender.accepted)


class BeginningSender(NotingSender):
    """Titles with an "l" are only told; each is on its way when it has begun, and arrives when `answer` is set."""

    def begin(self, arrival: Arrival, field_of: Callable[[int], str]) -> Any:
        title = arrival.news[0].title
        if title == "bad l":
            raise InvalidArgumentError.field(field_of(0), "is bad")
        if "l" not in title:
            return None
        self.told.append([title])
        return Begun(Accepted([], (), {}, {}, {}, ["ntf-1"]), self._arrived())

    async def _arrived(self) -> None:
        await self.answer.wait()


async def test_what_is_only_told_is_on_its_way_when_it_has_been_read_though_none_has_arrived() -> None:
    sender = BeginningSender()
    consuming = asyncio.create_task(consume(sender, "1 l", "2 l", "3 l"))
    await eventually(lambda: sender.told == [["1 l"], ["2 l"], ["3 l"]])
    sender.answer.set()
    assert await asyncio.wait_for(consuming, 5) == [Progress(n, n, 0) for n in (1, 2, 3)]


async def test_what_is_only_told_overtakes_nothing_that_is_kept() -> None:
    sender = BeginningSender()
    consuming = asyncio.create_task(consume(sender, "1 l", "2", "3 l", "4"))
    await eventually(lambda: sender.told == [["1 l"]])
    await asyncio.sleep(0.01)
    assert sender.told == [["1 l"]]
    sender.answer.set()
    await asyncio.wait_for(consuming, 5)
    assert [title for write in sender.told for title in write] == ["1 l", "2", "3 l", "4"]


async def test_a_bad_one_that_is_only_told_ends_it_after_those_before() -> None:
    sender = BeginningSender()
    sender.answer.set()
    with pytest.raises(InvalidArgumentError):
        await consume(sender, "1 l", "2 l", "bad l", "4 l")
    assert sender.told == [["1 l"], ["2 l"]]


async def test_who_goes_away_leaves_what_has_begun_to_arrive_by_itself() -> None:
    sender = BeginningSender()
    consuming = asyncio.create_task(consume(sender, "1 l", "2 l"))
    await eventually(lambda: len(sender.told) == 2)
    consuming.cancel()
    await asyncio.wait({consuming}, timeout=5)
    sender.answer.set()
    await eventually(lambda: not streaming._finishing)
    assert consuming.cancelled()
