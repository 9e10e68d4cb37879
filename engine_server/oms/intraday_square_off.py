"""Takes intraday (MIS) positions out of the market before the broker does: by the calendar, as exits through the normal path."""

from __future__ import annotations

import asyncio
from typing import Final

from engine_server.oms.account_state import AccountState
from engine_server.oms.closing import Closer, Unwinder
from engine_server.oms.domain.unwinding import Selection, foreign_lines, next_step
from engine_server.oms.gate import Gate
from engine_server.oms.ports import Instruments, Intraday
from engine_server.oms.records import PositionRecord
from tradewinds.clock import Clock, MarketClock, day_key
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import UnavailableError
from tradewinds.instruments import UnknownInstrumentError
from tradewinds.telemetry import get_logger

log = get_logger("oms.square_off")

MIS: Final = "MIS"
_PASSING: tuple[type[Exception], ...] = (UnavailableError, *PASSING_FAULTS)


class IntradaySquareOff:
    """Run `run` as a watched task of the account. Whatever the gate and the market allow, again and again until nothing is open: an exit
    that rests is cancelled and priced anew. What was opened outside is left to the broker."""

    def __init__(
        self,
        state: AccountState,
        closer: Closer,
        gate: Gate,
        instruments: Instruments,
        intraday: Intraday,
        clock: Clock,
        market_clock: MarketClock,
        look_seconds: float,
    ) -> None:
        self._state = state
        self._closer = closer
        self._gate = gate
        self._instruments = instruments
        self._intraday = intraday
        self._clock = clock
        self._market_clock = market_clock
        self._look_seconds = look_seconds

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(self._look_seconds)
            if self._gate.is_open and self._instruments.ready:
                await self._look()

    async def _look(self) -> None:
        over = self._over()
        if not over:
            return
        day = day_key(self._market_clock.now())
        what = Selection(
            prefix=f"square-off-{day}-",
            takes_order=lambda order: order.product == MIS and order.instrument in over,
            takes_line=lambda position: position.product == MIS and position.instrument in over,
            leaves_guards=True,
        )
        positions = [book.position for book in self._state.books.values()]
        foreign = foreign_lines(self._state.orders.values())
        step = next_step(what, self._state.working, positions, foreign, self._state.excess, self._clock.now())
        if not step.cancel and not step.close:
            return
        who = Unwinder(f"square_off:{day}", next(iter(over.values())), what.prefix)
        try:
            problem = await self._closer.take(step, who)
        except _PASSING as e:
            problem = repr(e)
        facts = {"account_id": self._state.account_id, "cancelled": len(step.cancel), "closed": len(step.close)}
        log.info("taken_out", **facts)
        if problem:
            log.warning_throttled("in_the_way", account_id=self._state.account_id, problem=problem)

    def _over(self) -> dict[str, str]:
        """Instruments with anything intraday whose day is over, and why."""
        keys = {o.instrument for o in self._state.working if o.product == MIS}
        keys |= {b.position.instrument for b in self._state.books.values() if _is_open(b.position)}
        found = {}
        for key in sorted(keys):
            try:
                why = self._intraday.over_because(self._instruments.resolve(key))
            except UnknownInstrumentError:
                continue
            if why:
                found[key] = why
        return found


def _is_open(position: PositionRecord) -> bool:
    return position.product == MIS and position.net_quantity != 0
