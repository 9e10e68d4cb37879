"""Looks at every strategy's process once a second, and acts on what it sees. Its looks cost no strategy anything."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import Gauge

from strategy_runner.process_sample import sample
from strategy_runner.roster import Roster
from tradewinds.clock import Clock

LOOK_SECONDS: Final = 1.0

_unhealthy = Gauge(
    "tradewinds_runner_unhealthy_strategies", "Strategies that are warned, without entries or being stopped"
)


class Supervisor:
    """One for all strategies of a runner."""

    def __init__(self, roster: Roster, clock: Clock) -> None:
        self._roster = roster
        self._clock = clock

    async def run(self) -> None:
        """Look for ever."""
        looked_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._clock.monotonic()
            # A runner that was frozen or starved itself has not read the progress of anybody meanwhile: it accuses nobody of that.
            self.look(min(now - looked_at, 2 * LOOK_SECONDS))
            looked_at = now

    def look(self, elapsed: float) -> None:
        """One look at each process that there is."""
        unhealthy = 0
        for hosted in self._roster.hosted():
            if hosted.process is not None and (seen := sample(hosted.process.child.pid)) is not None:
                hosted.supervise(seen, elapsed)
                unhealthy += hosted.supervision is not None and bool(hosted.supervision.judgement.level)
        _unhealthy.set(unhealthy)
