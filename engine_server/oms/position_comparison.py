"""Positions and holdings beside the broker's: what two looks show is a difference, which is judged.

A difference is what our books have more than the broker: fills move both alike, so that it stays the same while both trade on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from engine_server.broker.port import Broker
from engine_server.oms.account_state import AccountState
from engine_server.oms.draft import Draft
from engine_server.oms.positions_check import Difference, Line, PositionsCheck, unexplained
from engine_server.oms.reconciliation import book_openings, judge
from engine_server.oms.recovery_settings import RecoverySettings
from engine_server.oms.writer import Writer
from tradewinds.clock import Clock


class PositionComparison:
    """One account's. `is_judged`: the last look showed what the one before had shown."""

    def __init__(
        self,
        state: AccountState,
        writer: Writer,
        broker: Broker,
        check: PositionsCheck,
        clock: Clock,
        settings: RecoverySettings,
        user_id: str,
    ) -> None:
        self._state = state
        self._writer = writer
        self._broker = broker
        self._check = check
        self._clock = clock
        self._settings = settings
        self._user_id = user_id
        self._is_first_start = state.sequence == 0
        self._suspected: dict[Line, int] = {}  # what our books have more, as the last look showed it
        self.is_judged = False

    @property
    def differs(self) -> bool:
        """Whether the last look showed anything."""
        return bool(self._suspected)

    async def due(self) -> bool:
        """Until its time has come, or the books were changed by hand: whether that."""
        wanted, seconds = self._state.compare_soon, self._settings.positions_seconds
        if self._suspected or not self.is_judged:
            seconds = min(seconds, self._settings.differing_seconds)
        try:
            async with asyncio.timeout(seconds):
                await wanted.wait()
        except TimeoutError:
            return False
        wanted.clear()
        return True

    async def look(self) -> None:
        """A fill on its way looks like a difference: one is what two looks show. Between them there may be fills, which move our books and
        the broker's alike."""
        self.is_judged = False
        known = self._state.excess
        found = await self._differences()
        if found:
            await asyncio.sleep(self._settings.retry_seconds)
            before = {one.line: one.excess for one in found}
            again = await self._differences()
            found = again and [one for one in again if before.get(one.line) == one.excess]
        if found is None:
            return
        self._state.vitals.positions_compared_at = self._clock.now()
        shown = {one.line: one.excess for one in found}
        if shown == self._suspected:
            self.is_judged = await self._writer.tell(partial(self._judge, known, found))
        self._suspected = shown

    def _judge(self, known: Mapping[Line, int], found: Sequence[Difference], draft: Draft) -> bool:
        """Unless somebody has booked by hand since the broker was asked: what was found is older than the books then."""
        if draft.excess is not known:
            return False
        verdict = book_openings if self._is_first_start else judge
        verdict(found, self._user_id, draft)
        draft.then(self._first_start_is_over)
        return True

    def _first_start_is_over(self) -> None:
        self._is_first_start = False

    async def _differences(self) -> list[Difference] | None:
        """As the broker shows them now; None where something was filled meanwhile."""
        fills = self._state.trade_count
        positions, holdings = await self._broker.positions(), await self._broker.holdings()
        found = unexplained(self._check.differences(self._state, positions, holdings), self._state)
        return found if self._state.trade_count == fills else None
