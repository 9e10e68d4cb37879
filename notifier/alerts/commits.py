"""Fires on their way into PostgreSQL: in the order in which they were judged, beside the judging, all that wait in one statement.

Whoever keeps how far ticks were judged waits for `settled` first: then a crash at any instant repeats ticks and loses none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from prometheus_client import Counter

from notifier.alerts.book import Fire
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts")

_AT_ONCE: Final = 500
_MOST_WAITING: Final = 1_000

_FIRED: Final = Counter("tradewinds_price_alerts_fired_total", "Fires committed")
_REFUSED: Final = Counter("tradewinds_price_alerts_refused_total", "Fires that the guard refused: another generation")

Committed = Mapping[str, Any]


class FireTable(Protocol):
    """Where fires are committed."""

    async def fire(self, fires: Sequence[Fire]) -> list[Committed]:
        """The rows of those that were committed, each alert at most once in `fires`; all others were refused."""
        ...


class Commits:
    """`run` commits what it is given, for ever."""

    def __init__(
        self, table: FireTable, tell: Callable[[Sequence[Committed]], None], refused: Callable[[Sequence[int]], None]
    ) -> None:
        """`refused` is called with the numbers of alerts whose fire was not committed: they are to be looked at again."""
        self._table = table
        self._tell = tell
        self._refused = refused
        self._waiting: list[Fire] = []
        self._are_given = asyncio.Event()
        self._advanced = asyncio.Event()
        self.given = 0
        self._done = 0

    async def give(self, fires: Sequence[Fire]) -> None:
        """Commit these soon; waits where too many wait already."""
        if not fires:
            return
        self._waiting += fires
        self.given += len(fires)
        self._are_given.set()
        if len(self._waiting) > _MOST_WAITING:
            await self.settled()

    async def settled(self, given: int | None = None) -> None:
        """Wait until all that had been given when `given` had this value (None: now) is committed or refused."""
        wanted = self.given if given is None else given
        while self._done < wanted:
            await self._advanced.wait()

    async def run(self) -> None:
        """Commit; a database that is away is waited for."""
        while True:
            await self._are_given.wait()
            self._are_given.clear()
            fires, self._waiting = self._waiting, []
            for part in _one_per_alert(fires):
                self._take(part, await self._commit(part))
                self._done += len(part)
                self._advanced.set()
                self._advanced = asyncio.Event()

    async def _commit(self, part: Sequence[Fire]) -> list[Committed]:
        backoff = Backoff(cap_seconds=1.0)
        while True:
            try:
                return await self._table.fire(part)
            except PASSING_FAULTS as e:
                log.warning_throttled("fires.wait", error=describe(e), fires=len(part))
                await asyncio.sleep(backoff.next_delay())

    def _take(self, part: Sequence[Fire], committed: Sequence[Committed]) -> None:
        self._tell(committed)
        _FIRED.inc(len(committed))
        done = {row["alert_number"] for row in committed}
        refused = [fire.row.number for fire in part if fire.row.number not in done]
        if refused:
            self._refused(refused)
            _REFUSED.inc(len(refused))


def _one_per_alert(fires: Sequence[Fire]) -> Iterable[list[Fire]]:
    """A statement changes a row once: what fires twice in a batch is committed in two. And none takes long."""
    part: dict[int, Fire] = {}
    for fire in fires:
        if fire.row.number in part or len(part) == _AT_ONCE:
            yield list(part.values())
            part = {}
        part[fire.row.number] = fire
    if part:
        yield list(part.values())
