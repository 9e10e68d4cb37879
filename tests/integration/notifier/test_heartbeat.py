"""The heartbeat to the outside: heard while we are well, silent when we are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import SecretStr

from notifier.heartbeat import Heartbeat, HeartbeatSettings
from tests.support.outside_world import Sink
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock


async def test_it_is_heard_while_we_are_well_and_silent_when_we_are_not() -> None:
    well, asked = True, 0

    async def is_well() -> bool:
        nonlocal asked
        asked += 1
        return well

    async with Sink() as monitor:
        settings = HeartbeatSettings(
            url=SecretStr(f"{monitor.url}/ping/1"), every_seconds=0.02, during="Mon-Sun 00:00-24:00"
        )
        beating = asyncio.create_task(Heartbeat(settings, SystemClock(), is_well).run())
        await eventually(lambda: len(monitor.calls) >= 2)
        well = False
        # Whoever is asked again has ended the beat before.
        await eventually(_more_than(asked + 1, lambda: asked))
        heard = len(monitor.calls)
        await eventually(_more_than(asked + 3, lambda: asked))
        assert len(monitor.calls) == heard
        assert {call.path for call in monitor.calls} == {"/ping/1"}
        well = True
        await eventually(lambda: len(monitor.calls) > heard)
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


def _more_than(number: int, counted: Callable[[], int]) -> Callable[[], bool]:
    return lambda: counted() > number
