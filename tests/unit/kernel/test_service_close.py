from __future__ import annotations

import asyncio
import contextlib

from tradewinds.config import ServiceSettings
from tradewinds.service import Service


async def test_a_task_that_lost_its_cancellation_is_cancelled_again() -> None:
    service = Service("test", ServiceSettings())
    lost = asyncio.Event()

    async def loses_the_first() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        lost.set()
        await asyncio.sleep(3600)

    task = service.spawn("loses the first", loses_the_first())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await service.close()
    assert lost.is_set()
    assert task.cancelled()
