"""Work that costs about the same for one as for many: what comes while enough of it is under way goes together with the next.

So nobody waits for company, and a storm of small batches becomes a few large questions to a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# The loop itself holds tasks only weakly.
_under_way: Final[set[asyncio.Task[None]]] = set()


class Grouping(Generic[_Item, _Result]):
    """`work` is given groups in the order in which their items came; it returns a result for each. At most `at_once` groups are under
    way, of `size_of` together at most `maximum` where they are several. Of `failing_all` all are told; after another error each is tried
    alone."""

    def __init__(
        self,
        work: Callable[[Sequence[_Item]], Awaitable[Sequence[_Result]]],
        *,
        at_once: int,
        maximum: int,
        size_of: Callable[[_Item], int],
        failing_all: tuple[type[Exception], ...],
    ) -> None:
        self._work = work
        self._free = at_once
        self._maximum = maximum
        self._size_of = size_of
        self._failing_all = failing_all
        self._waiting: list[tuple[_Item, asyncio.Future[_Result]]] = []

    async def done(self, item: _Item) -> _Result:
        """Its result, or what the work raised. Who is cancelled leaves the work to be done."""
        result: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._free:
            self._begin()
        return await result

    def _begin(self) -> None:
        self._free -= 1
        task = asyncio.create_task(self._run(), name=f"group of {self._work.__qualname__}")
        _under_way.add(task)
        task.add_done_callback(_under_way.discard)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer(self._taken())
        finally:
            self._free += 1

    def _taken(self) -> list[tuple[_Item, asyncio.Future[_Result]]]:
        size = count = 0
        for item, _ in self._waiting:
            size += self._size_of(item)
            if count and size > self._maximum:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _answer(self, group: Sequence[tuple[_Item, asyncio.Future[_Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in group])
        except self._failing_all as e:
            _fail(group, e)
        except Exception as e:
            if len(group) == 1:
                _fail(group, e)
                return
            # One of them is not what the store can take: the others are not to suffer for it.
            for one in group:
                await self._answer([one])
        except BaseException:
            for _, waiting in group:
                waiting.cancel()
            raise
        else:
            for (_, waiting), result in zip(group, results, strict=True):
                if not waiting.done():
                    waiting.set_result(result)


def _fail(group: Sequence[tuple[object, asyncio.Future[_Result]]], error: Exception) -> None:
    for _, waiting in group:
        if not waiting.done():
            waiting.set_exception(error)
