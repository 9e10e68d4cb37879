from __future__ import annotations

import asyncio
import contextlib

import pytest

from tradewinds.config import ServiceSettings
from tradewinds.service import Service


async def cancelled_from_within() -> None:
    """As a future that a library cancels under whoever awaits it."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.cancel)
    await future


async def test_a_task_that_ends_cancelled_though_nobody_stops_it_takes_the_process_down() -> None:
    service = Service("test", ServiceSettings())
    service.spawn("order events", cancelled_from_within())
    async with asyncio.timeout(5):
        await service.run_until_stopped()
    with pytest.raises(RuntimeError, match="ended cancelled"):
        await service.close()


async def test_a_task_that_is_dismissed_is_no_death() -> None:
    service = Service("test", ServiceSettings())
    task = service.spawn("follow:dip", asyncio.sleep(3600))
    await asyncio.sleep(0)
    service.dismiss(task)
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert not service.stopping.is_set()
    await service.close()


async def test_what_close_cancels_has_not_died() -> None:
    service = Service("test", ServiceSettings())
    service.spawn("reader", asyncio.sleep(3600))
    await asyncio.sleep(0)
    await service.close()


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
